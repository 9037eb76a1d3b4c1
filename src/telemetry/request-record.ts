import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { ErrorCode } from '../errors.ts';
import type { Metrics } from './metrics.ts';
import type { RequestTrace } from './tracing.ts';

/**
 * How a request for GraphQL ended: without an error; with the errors of some fields; without having been executed; through a
 * fault of ours; or with nobody there any more to answer.
 */
export type RequestOutcome = 'ok' | 'partial' | 'refused' | 'failed' | 'cancelled';

/** What a line of the log says of the request that caused it. */
export interface RequestIds {
  readonly requestId: string;
  /** From the caller's `traceparent`, or the gateway's own where it traces. */
  readonly traceId?: string | undefined;
}

const none: readonly ErrorCode[] = [];

/** One request for GraphQL as log, metrics and traces see it. What is not known of it when it arrives is noted on its way. */
export class RequestRecord implements RequestIds {
  readonly requestId: string;
  readonly arrivedAt = performance.now();
  /** How its operation was executed, if it was. */
  executor: 'compiled' | 'interpreted' | undefined;
  hasData = false;
  /** Of the errors in its answer, each once. */
  codes = none;
  isOver = false;
  /** Its spans, where an SDK wants them. */
  trace: RequestTrace | undefined;
  readonly #headers: IncomingMessage['headers'];

  constructor(requestId: string, { headers }: IncomingMessage) {
    this.requestId = requestId;
    this.#headers = headers;
  }

  get traceId(): string | undefined {
    return this.trace?.traceId ?? traceIdOf(this.#headers['traceparent']);
  }

  /** What the answer will hold. */
  note(hasData: boolean, errors: readonly { readonly extensions: Record<string, unknown> }[]): void {
    this.hasData = hasData;
    if (errors.length > 0) this.codes = [...new Set(errors.map(({ extensions }) => extensions['code'] as ErrorCode))];
    this.trace?.executed(this.codes);
  }
}

/** Counts the request, ends its span and, at `debug`, logs it: once, whoever says first that it is over. */
export type EndRequest = (record: RequestRecord, status: number, isAnswered: boolean) => void;

export function createEndRequest(log: Logger, metrics: Metrics): EndRequest {
  const isDebug = log.isLevelEnabled('debug');
  return (record, status, isAnswered) => {
    if (record.isOver) return;
    record.isOver = true;
    const durationMs = performance.now() - record.arrivedAt;
    const outcome = isAnswered ? outcomeOf(record, status) : 'cancelled';
    const codes = isAnswered ? record.codes : none;
    const sent = isAnswered ? status : undefined;
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

/** Of W3C Trace Context, version 00; undefined for what is none. */
function traceIdOf(traceparent: string | string[] | undefined): string | undefined {
  const [, traceId] = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.exec(String(traceparent)) ?? [];
  return traceId;
}
