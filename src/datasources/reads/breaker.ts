import { UpstreamError, type UpstreamFault } from '../upstream-error.ts';
import type { BreakerState } from '../upstream-metrics.ts';
import { RollingCount } from './rolling-count.ts';

const windowSeconds = 10;
/** With fewer calls in the window it stays closed. */
const minCalls = 20;
const failureShare = 0.5;
/** Calls must have failed in this many different seconds: a single burst of failures is not an outage. */
const minFailingSeconds = 3;
/** How long it stays open, doubled each time the probe fails. In milliseconds. */
const firstOpenMs = 2_000;
const maxOpenMs = 30_000;

/** A call that was not sent. It is not retried, because a retry before the probe would be refused as well. */
export class BreakerOpenError extends UpstreamError {
  constructor(retryAfterMs: number) {
    super('unavailable', { retryAfterMs });
  }
}

/** What the end of a call proves about the upstream. */
export type Verdict = 'success' | 'failure' | 'neither';

/**
 * 4xx and unreadable bodies come from an upstream that is up. A timeout counts only if the call had a fair share of the
 * time: a caller's short deadline, or a long time in the queue, is not a failure of the upstream.
 */
export function verdictOn(fault: UpstreamFault, elapsedMs: number, timeoutMs: number): Verdict {
  if (fault === 'cancelled') return 'neither';
  if (fault === 'timeout') return elapsedMs >= timeoutMs / 2 ? 'failure' : 'neither';
  return fault === 'unavailable' ? 'failure' : 'success';
}

/**
 * Stops calls to an upstream that fails most of them: while it is open, calls are refused at once; then a single probe decides
 * whether it closes. (In cockatiel's breaker a probe whose caller disconnects closes the circuit, calls wait for the probe
 * instead of being refused, and old failures count after an idle time.)
 */
export class Breaker {
  readonly #calls = new RollingCount(windowSeconds);
  readonly #failures = new RollingCount(windowSeconds);
  readonly #onChange: (state: BreakerState) => void;
  #state: BreakerState = 'closed';
  #openMs = firstOpenMs;
  /** Counts the changes of state: a call that began in an earlier state does not count in this one. Never 0. */
  #period = 1;
  #probeAt = 0;

  constructor(onChange: (state: BreakerState) => void) {
    this.#onChange = onChange;
  }

  /** The error, with the time until the next probe, for a call that may not be sent; undefined for one that may. */
  refusal(now: number): BreakerOpenError | undefined {
    if (this.#state === 'closed') return undefined;
    const waitMs = this.#probeAt - now;
    if (this.#state === 'open' && waitMs <= 0) return undefined;
    return new BreakerOpenError(Math.max(1, Math.ceil(waitMs)));
  }

  /** For a call that `refusal` permits. The returned period is for `leave`; it is negative for the probe. */
  enter(now: number): number {
    if (this.#state !== 'open') return this.#period;
    this.#probeAt = now + this.#openMs; // announced to calls that are refused meanwhile
    this.#enterState('half-open');
    return -this.#period;
  }

  leave(period: number, verdict: Verdict, now: number): void {
    if (period < 0) this.#endProbe(verdict, now);
    else if (period === this.#period) this.#count(verdict, now);
  }

  #endProbe(verdict: Verdict, now: number): void {
    if (verdict === 'success') {
      this.#openMs = firstOpenMs;
      this.#calls.reset();
      this.#failures.reset();
      this.#enterState('closed');
    } else {
      if (verdict === 'failure') this.#openMs = Math.min(maxOpenMs, this.#openMs * 2);
      this.#open(verdict === 'failure' ? this.#openMs : 0, now); // after a probe without a verdict, the next call is a probe
    }
  }

  #count(verdict: Verdict, now: number): void {
    if (verdict === 'neither') return;
    this.#calls.add(now);
    if (verdict === 'success') return;
    this.#failures.add(now);
    const calls = this.#calls.total(now);
    const isSustained = calls >= minCalls && this.#failures.seconds(now) >= minFailingSeconds;
    if (isSustained && this.#failures.total(now) >= calls * failureShare) this.#open(this.#openMs, now);
  }

  #open(forMs: number, now: number): void {
    this.#probeAt = now + forMs;
    this.#enterState('open');
  }

  #enterState(state: BreakerState): void {
    this.#state = state;
    this.#period++;
    this.#onChange(state);
  }
}
