import type { IncomingMessage } from 'node:http';
import { type ErrorCode, isErrorCode } from '../errors/codes.ts';
import type { RequestTrace } from './tracing.ts';

/**
 * How a GraphQL request ended: without an error; with errors of some fields; without being executed; because of a bug; or
 * because its client disconnected.
 */
export type RequestOutcome = 'ok' | 'partial' | 'refused' | 'failed' | 'cancelled';

/** What became of the hash of a persisted query: known, unknown, or new and sent with its query. */
export type PersistedQueryOutcome = 'hit' | 'miss' | 'registered';

const none: readonly ErrorCode[] = [];

/** Data about one request for log, metrics and traces; collected while it is handled. */
export class RequestRecord {
  readonly requestId: string;
  readonly arrivedAt = performance.now();
  /** How its operation was executed, if it was. */
  executor: 'compiled' | 'interpreted' | undefined;
  hasData = false;
  persistedQuery: PersistedQueryOutcome | undefined;
  /** Of the errors in its response, each once. */
  codes = none;
  isOver = false;
  /** Its spans, if an SDK is registered. */
  trace: RequestTrace | undefined;
  readonly #headers: IncomingMessage['headers'];

  constructor(requestId: string, { headers }: IncomingMessage) {
    this.requestId = requestId;
    this.#headers = headers;
  }

  /** That of the request's own trace, otherwise that in the caller's `traceparent`. */
  get traceId(): string | undefined {
    return this.trace?.traceId ?? traceIdOf(this.#headers['traceparent']);
  }

  /** Records the result of its operation; for a stream, each result. */
  note(hasData: boolean, errors: readonly { readonly extensions: Record<string, unknown> }[]): void {
    this.hasData = hasData;
    if (errors.length > 0) {
      const codes = errors.map(({ extensions }) => extensions['code']).filter(isErrorCode);
      this.codes = [...new Set([...this.codes, ...codes])];
    }
    this.trace?.executed(this.codes);
  }
}

/** The part of a pino logger that requests are written to. */
interface RequestLog {
  debug(fields: object, message: string): void;
  isLevelEnabled(level: string): boolean;
}

/** Counts the request, ends its span and, at `debug`, logs it. Only the first call for a request has an effect. */
export type EndRequest = (record: RequestRecord, status: number, isSent: boolean) => void;

interface RequestMetrics {
  request(outcome: RequestOutcome, durationMs: number, codes: readonly ErrorCode[]): void;
}

export function createEndRequest(log: RequestLog, metrics: RequestMetrics): EndRequest {
  const isDebug = log.isLevelEnabled('debug');
  return (record, status, isSent) => {
    if (record.isOver) return;
    record.isOver = true;
    const durationMs = performance.now() - record.arrivedAt;
    const outcome = isSent ? outcomeOf(record, status) : 'cancelled';
    const codes = isSent ? record.codes : none;
    const sent = isSent ? status : undefined;
    metrics.request(outcome, durationMs, codes);
    record.trace?.end(sent);
    if (!isDebug) return;
    const { requestId, traceId, executor } = record;
    const rounded = Math.round(durationMs * 100) / 100;
    log.debug({ requestId, traceId, outcome, codes, status: sent, executor, durationMs: rounded }, 'request');
  };
}

function outcomeOf({ codes, hasData }: RequestRecord, status: number): RequestOutcome {
  if (status >= 500 || codes.includes('INTERNAL_SERVER_ERROR')) return 'failed';
  if (!hasData) return 'refused';
  return codes.length === 0 ? 'ok' : 'partial';
}

/** The trace id of W3C Trace Context, version 00; undefined for a malformed header. */
function traceIdOf(traceparent: string | string[] | undefined): string | undefined {
  const [, traceId] = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.exec(String(traceparent)) ?? [];
  return traceId;
}
