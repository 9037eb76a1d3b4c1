import { GraphQLError } from 'graphql';
import type { LinqClient } from './datasources/linq/client.ts';
import { createLoaders, type Loaders } from './datasources/loaders.ts';
import { Token } from './datasources/token.ts';

/** What a resolver gets: abilities, never the token. Made anew for each request. */
export interface Context {
  readonly loaders: Loaders;
}

/** What lives as long as the process. */
interface Upstream {
  readonly client: LinqClient;
  /** The gateway's own token, for callers that bring none. */
  readonly token: string | undefined;
  /** The most that one read may take, in milliseconds. */
  readonly timeoutMs: number;
}

export function createContext({ client, token, timeoutMs }: Upstream): (input: { request: Request }) => Context {
  const own = token === undefined ? undefined : new Token(token);
  return ({ request }) => {
    const caller = tokenOf(request.headers) ?? own;
    const reader = { timeoutMs: Math.min(timeoutMs, timeoutOf(request.headers)), caller: request.signal };
    return { loaders: createLoaders((key) => client.getMessage(key, caller, reader)) };
  };
}

/** The caller's own token, as it was sent. An empty header is none. */
function tokenOf(headers: Headers): Token | undefined {
  const secret = headers.get('x-linq-integration-token');
  return secret ? new Token(secret) : undefined;
}

/** How long the caller wants to wait for one read, in milliseconds: less than the gateway would, never more. */
function timeoutOf(headers: Headers): number {
  const asked = headers.get('x-request-timeout-ms');
  if (asked === null) return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,14}$/.test(asked)) return Number(asked);
  throw new GraphQLError('The header x-request-timeout-ms must be a whole number of milliseconds, 1 or more.', {
    extensions: { code: 'BAD_REQUEST', http: { status: 400 } },
  });
}
