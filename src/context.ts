import { createLinqClient } from './datasources/linq/client.ts';
import type { ReportDrift } from './datasources/linq/drift.ts';
import type { Send } from './datasources/linq/transport.ts';
import { createLoaders, type Loaders } from './datasources/loaders.ts';

/** What a resolver gets: abilities, never the token. Made anew for each request. */
export interface Context {
  readonly loaders: Loaders;
}

/** What lives as long as the process. */
export interface Upstream {
  readonly send: Send;
  readonly timeoutMs: number;
  /** The gateway's own token, for callers that bring none. */
  readonly token: string | undefined;
  readonly reportDrift: ReportDrift;
}

export function createContext({ token, ...upstream }: Upstream): (input: { request: Request }) => Context {
  return ({ request }) => {
    const client = createLinqClient({ ...upstream, token: tokenOf(request.headers) ?? token, caller: request.signal });
    return { loaders: createLoaders(client) };
  };
}

/** The caller's own token, as it was sent. An empty header is none. */
function tokenOf(headers: Headers): string | undefined {
  return headers.get('x-linq-integration-token') || undefined;
}
