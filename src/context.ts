import { type ChatAccess, mayRead } from './auth/chat-access.ts';
import type { EventReads } from './datasources/events/event-reads.ts';
import type { EventTail } from './datasources/events/event-tail.ts';
import { ExplainedReads } from './datasources/explained-reads.ts';
import type { LinqClient } from './datasources/linq/client.ts';
import type { ReportRouteDrift } from './datasources/linq/drift.ts';
import { BatchedLoaders, type Loaders, type Source } from './datasources/loaders.ts';
import type { ChatKey } from './datasources/model.ts';
import { type CallerSignal, Cancellation } from './datasources/reads/cancellation.ts';
import type { Reader } from './datasources/reads/reads.ts';
import type { Route } from './datasources/reads/route.ts';
import { Token } from './datasources/token.ts';
import type { DriftKind } from './datasources/upstream-metrics.ts';
import { badRequest, tooCostly } from './errors/client-errors.ts';
import { ChatEvents } from './streams/chat-events.ts';

/** What a resolver gets: loaders, but not the token. New for each request. */
export interface Context {
  readonly loaders: Loaders;
  /** Names the lane in which the caller has its turns at the processor. */
  readonly lane: () => string;
  /** Undefined where webhooks are not configured. */
  readonly events: ChatEvents | undefined;
  /** For the response; undefined unless the caller requests them. */
  readonly explainedReads?: ExplainedReads | undefined;
}

/** What lives as long as the process. */
interface ContextOptions {
  readonly client: LinqClient;
  /** Undefined where webhooks are not configured. */
  readonly events?: { readonly tail: EventTail; readonly reads: EventReads } | undefined;
  readonly reportDrift: ReportRouteDrift;
  /** The gateway's own token, for callers that send none. */
  readonly token: string | undefined;
  /** The longest that one read may take, in milliseconds. */
  readonly timeoutMs: number;
  /** How long a value is cached, in milliseconds; 0 is not at all. */
  readonly cacheTtlMs: number;
  /** Distinct reads of one operation. */
  readonly maxReads: number;
  /** Whether callers may request an account of their reads. */
  readonly explain: boolean;
  /** Called with the number of reads in each batch. */
  readonly onBatch: (size: number) => void;
  /** Resolves when a caller has its turn at the processor. */
  readonly takeTurn?: ((lane: () => string) => Promise<void>) | undefined;
}

/** The caller of a request, independent of the transport. */
export interface Caller {
  header(name: string): string | null | undefined;
  readonly requestId: string;
  /** Fires when the caller disconnects. */
  readonly signal: CallerSignal;
  /** A digest that identifies an authenticated caller, for its turns and its rate. */
  readonly caller: string | undefined;
  /** Other chats are treated as if they did not exist. */
  readonly chats: ChatAccess;
}

/** `batching` is that of the loaders. Throws `BAD_REQUEST` for a malformed header. */
export type CreateContext = (caller: Caller, batching?: 'tick' | 'manual') => Context;

/** The lane of a caller before there is a context, by its digest or by its own token. */
export function laneOf(client: LinqClient, caller: Caller['caller'], secret: string | null | undefined): string {
  return client.laneOf(readerOf(caller, tokenOf(secret)));
}

/** Without a credential or a token of their own, all callers are one. */
function readerOf(caller: Caller['caller'], token: Token | undefined) {
  return { caller: caller ?? (token === undefined ? 'anonymous' : undefined), token };
}

export function createContextFactory(options: ContextOptions): CreateContext {
  const { client, events, reportDrift, token, timeoutMs, cacheTtlMs, maxReads, explain, onBatch, takeTurn } = options;
  const ownToken = token === undefined ? undefined : new Token(token);
  const limits = {
    distinctReads(sum: number): void {
      if (sum > maxReads) throw tooCostly(sum, 'distinct reads', maxReads, 'MAX_READS_PER_OPERATION');
    },
    listEntries(sum: number): void {
      const max = 10 * maxReads; // a response contains a value as often as it is listed
      if (sum > max) throw tooCostly(sum, 'entries of lists', max, 'ten times MAX_READS_PER_OPERATION');
    },
    readPlaces(sum: number): void {
      const max = 20 * maxReads;
      if (sum > max) throw tooCostly(sum, 'fields that are read', max, '20 times MAX_READS_PER_OPERATION');
    },
  };
  const inOneTurn = { limits, onBatch, batching: 'manual' } as const;
  const inTurns = { limits, onBatch, batching: 'tick' } as const;
  return ({ header, requestId, signal, caller, chats }, batching = 'tick') => {
    const callersToken = tokenOf(header('x-linq-integration-token'));
    const known = readerOf(caller, callersToken);
    const lane = () => client.laneOf(known);
    const reader: Reader = {
      caller: known.caller,
      token: callersToken ?? ownToken,
      timeoutMs: Math.min(timeoutMs, timeoutOf(header('x-request-timeout-ms'))),
      freshness: cacheTtlMs > 0 && wantsFresh(header('cache-control')) ? 'fresh' : 'shared',
      requestId,
      cancellation: new Cancellation(signal),
    };
    const explainedReads = explain && header('x-linq-explain') === 'true' ? new ExplainedReads() : undefined;
    const loadersOver = (read: Source['read'], batching: 'tick' | 'manual' = 'tick') =>
      new BatchedLoaders(
        new ReadableSource(read, chats, reportDrift, requestId),
        batching === 'manual' ? inOneTurn : { ...inTurns, takeTurn: takeTurn && (() => takeTurn(lane)) },
      );
    const read: Source['read'] = (route, key, elapsedMs = 0) => {
      const leftMs = Math.ceil(reader.timeoutMs - elapsedMs);
      const hurried = elapsedMs === 0 ? reader : { ...reader, timeoutMs: Math.max(1, leftMs) };
      return client.get(route, key, hurried, explainedReads?.add(route.template, key));
    };
    const loaders = loadersOver(read, batching);
    if (events === undefined) return { loaders, lane, explainedReads, events };
    const { tail, reads } = events;
    const chatEvents = new ChatEvents({
      tail,
      caller: known.caller ?? known.token?.digest ?? 'anonymous',
      access: `${reader.token?.digest} ${chats === undefined ? 'all' : [...chats].toSorted()}`,
      lastEventId: header('last-event-id') || undefined,
      loadersNow: () => loadersOver((route, key) => client.get(route, key, { ...reader, freshness: 'fresh' })),
      loadersAfter: ({ position, chatId, messageId }) =>
        loadersOver((route, key) => {
          const isNew = 'id' in key && key.id === messageId && key.chatId === chatId;
          return reads.read(route, key, { token: reader.token, timeoutMs, requestId }, position, isNew);
        }),
    });
    return { loaders, lane, explainedReads, events: chatEvents };
  };
}

/** What one caller may read. */
class ReadableSource implements Source {
  readonly #read: Source['read'];
  readonly #chats: ChatAccess;
  readonly #report: ReportRouteDrift;
  readonly #requestId: string;

  constructor(read: Source['read'], chats: ChatAccess, report: ReportRouteDrift, requestId: string) {
    this.#read = read;
    this.#chats = chats;
    this.#report = report;
    this.#requestId = requestId;
  }

  read<Key extends ChatKey, Value>(route: Route<Key, Value>, key: Key, elapsedMs?: number): Promise<Value | null> {
    return mayRead(this.#chats, key) ? this.#read(route, key, elapsedMs) : notReadable;
  }

  reportDrift(route: string, path: string, kind: DriftKind): void {
    this.#report(route, path, kind, this.#requestId);
  }
}

const notReadable = Promise.resolve(null);

/** The caller's own token. An empty header counts as absent. */
function tokenOf(secret: string | null | undefined): Token | undefined {
  return secret ? new Token(secret) : undefined;
}

/** The caller's timeout for one read, in milliseconds. */
function timeoutOf(header: string | null | undefined): number {
  if (header === null || header === undefined) return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,14}$/.test(header)) return Number(header);
  throw badRequest('The header x-request-timeout-ms must be a whole number of milliseconds, 1 or more.');
}

/** `Cache-Control: no-cache` (RFC 9111), alone or among other directives. */
function wantsFresh(directives: string | null | undefined): boolean {
  return directives !== null && directives !== undefined && /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(directives);
}
