import type { Outcome } from '../upstream-metrics.ts';

/** How one read went, from the view of one waiter. Exists only for callers that request it. */
export class ReadReport {
  /** `internal`: a bug in the gateway. */
  outcome: Outcome | 'internal' | 'pending' = 'pending';
  /** Of the response that the outcome follows from, if there was one. */
  status: number | undefined;
  /** Calls that were sent to the upstream. */
  attempts = 0;
  /** The time without a call in flight: queued, delayed before a retry, looked up in the cache. In milliseconds. */
  waitMs = 0;
  durationMs = 0;
  isShared = false;
  isCached = false;
  readonly #startedAt = performance.now();
  #callMs = 0;

  /** A call, or the part of it that the waiter waited for, has ended. */
  countCall(sentAt: number, now: number): void {
    this.#callMs += now - Math.max(sentAt, this.#startedAt);
  }

  end(outcome: Outcome | 'internal', status: number | undefined, attempts: number, now: number): void {
    this.outcome = outcome;
    this.status = status;
    this.attempts = attempts;
    this.durationMs = Math.max(0, now - this.#startedAt);
    this.waitMs = Math.max(0, this.durationMs - this.#callMs);
  }
}
