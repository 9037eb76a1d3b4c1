import { type ErrorCode, isErrorCode } from '../errors/codes.ts';
import type { RequestRecord } from './request-record.ts';
import type { StreamTrace } from './tracing.ts';

/**
 * How a stream ended: its life was over, or its chats could not be checked; the gateway shut down; its client disconnected; its
 * client read nothing; or it was refused, because its credential or its right to read a chat was lost.
 */
export type StreamOutcome = 'expired' | 'drained' | 'canceled' | 'unread' | 'refused';

/** The kinds of events, and `gap`. */
export type StreamedKind =
  | 'message.sent'
  | 'message.received'
  | 'message.read'
  | 'reaction.sent'
  | 'reaction.received'
  | 'gap';

interface StreamLog {
  debug(fields: object, message: string): void;
}

interface StreamMetrics {
  streamOpened(): void;
  streamEnded(outcome: StreamOutcome): void;
  streamEvent(kind: StreamedKind): void;
}

/** Data about one stream for log, metrics and traces. It is no request: its duration says nothing of the gateway's speed. */
export class StreamRecord {
  readonly #requestId: string;
  readonly #traceId: string | undefined;
  readonly #trace: StreamTrace | undefined;
  readonly #log: StreamLog;
  readonly #metrics: StreamMetrics;
  readonly #startedAt = performance.now();
  readonly #codes = new Set<ErrorCode>();
  #events = 0;

  /** Ends the record of its request, which is over when the stream begins. */
  constructor(request: RequestRecord, log: StreamLog, metrics: StreamMetrics) {
    this.#requestId = request.requestId;
    this.#traceId = request.traceId;
    this.#trace = request.trace?.stream();
    this.#log = log;
    this.#metrics = metrics;
    request.isOver = true;
    request.trace?.end(200);
    metrics.streamOpened();
  }

  /** Runs `execute` as part of the stream. */
  run<T>(execute: () => T): T {
    return this.#trace === undefined ? execute() : this.#trace.run(execute);
  }

  event(kind: StreamedKind): void {
    this.#events++;
    this.#metrics.streamEvent(kind);
  }

  errors(errors: readonly { readonly extensions: Record<string, unknown> }[]): void {
    for (const { extensions } of errors) if (isErrorCode(extensions['code'])) this.#codes.add(extensions['code']);
  }

  end(outcome: StreamOutcome): void {
    this.#metrics.streamEnded(outcome);
    const codes = [...this.#codes];
    this.#trace?.end(outcome === 'refused' ? codes.at(-1) : undefined);
    const durationMs = Math.round(performance.now() - this.#startedAt);
    const { requestId, traceId, events } = { requestId: this.#requestId, traceId: this.#traceId, events: this.#events };
    this.#log.debug({ requestId, traceId, outcome, codes, events, durationMs }, 'stream');
  }
}
