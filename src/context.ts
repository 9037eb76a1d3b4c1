import type { LinqClient } from './datasources/linq/client.ts';
import { createLoaders, type Loaders } from './datasources/loaders.ts';
import type { MessageKey } from './datasources/model.ts';
import type { Reader } from './datasources/reads/single-flight.ts';
import { Token } from './datasources/token.ts';
import { badRequest, tooCostly } from './errors/client-errors.ts';

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
  /** How long a message is kept for its next readers, in milliseconds; 0 is not at all. */
  readonly cacheTtlMs: number;
  /** Distinct messages that one operation may ask for. */
  readonly maxMessages: number;
  /** Told how many messages an operation asks for together. */
  readonly onBatch: (size: number) => void;
}

/** What a request tells of its caller, whatever carries it. */
export interface Caller {
  header(name: string): string | null | undefined;
  readonly requestId: string;
  /** Fires when the caller is gone. */
  readonly signal: Reader['caller'];
  /** The only chats that it may read; undefined is all. Others are as if they did not exist. */
  readonly chats: ReadonlySet<string> | undefined;
}

/** Throws `BAD_REQUEST` for a header that says nothing. */
export function createContext(upstream: Upstream): (caller: Caller) => Context {
  const { client, token, timeoutMs, cacheTtlMs, maxMessages, onBatch } = upstream;
  const own = token === undefined ? undefined : new Token(token);
  const check = {
    distinctMessages(sum: number): void {
      if (sum > maxMessages) throw tooCostly(sum, 'distinct messages', maxMessages, 'MAX_MESSAGES_PER_OPERATION');
    },
    entries(sum: number): void {
      const most = 10 * maxMessages; // an answer holds a message as often as it is listed
      if (sum > most) throw tooCostly(sum, 'entries of lists', most, 'ten times MAX_MESSAGES_PER_OPERATION');
    },
  };
  return ({ header, requestId, signal, chats }) => {
    const caller = tokenOf(header('x-linq-integration-token')) ?? own;
    const reader = {
      requestId,
      timeoutMs: Math.min(timeoutMs, timeoutOf(header('x-request-timeout-ms'))),
      caller: signal,
      fresh: cacheTtlMs > 0 && wantsFresh(header('cache-control')),
    };
    const read = (key: MessageKey) => client.getMessage(key, caller, reader);
    const readIfAllowed = async (key: MessageKey) => (chats?.has(key.chatId) ? read(key) : null);
    return { loaders: createLoaders(chats === undefined ? read : readIfAllowed, check, onBatch) };
  };
}

/** The caller's own token, as it was sent. An empty header is none. */
function tokenOf(secret: string | null | undefined): Token | undefined {
  return secret ? new Token(secret) : undefined;
}

/** How long the caller wants to wait for one read, in milliseconds: less than the gateway would, never more. */
function timeoutOf(asked: string | null | undefined): number {
  if (asked === null || asked === undefined) return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,14}$/.test(asked)) return Number(asked);
  throw badRequest('The header x-request-timeout-ms must be a whole number of milliseconds, 1 or more.');
}

/** Whether the caller wants what Linq says now: `Cache-Control: no-cache` (RFC 9111), among other directives or alone. */
function wantsFresh(directives: string | null | undefined): boolean {
  return directives !== null && directives !== undefined && /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(directives);
}
