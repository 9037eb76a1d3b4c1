import { UpstreamError } from '../upstream-error.ts';
import { RollingCount } from './rolling-count.ts';

const windowSeconds = 10;
/** Fewer calls than this in the window prove nothing. */
const fewestCalls = 20;
const failureShare = 0.5;
/** In how many different seconds calls must have failed: a burst of failing calls, however large, is no outage. */
const fewestSeconds = 3;
/** How long it stays open, doubled each time the probe fails. In milliseconds. */
const firstOpenMs = 2_000;
const longestOpenMs = 30_000;

/** A call that was not made. Asking again before the probe would be refused as well. */
export class BreakerOpenError extends UpstreamError {
  constructor(retryAfterMs: number) {
    super('unavailable', { retryAfterMs });
  }
}

export type BreakerState = 'closed' | 'open' | 'half-open';
type Verdict = 'success' | 'failure' | 'neither';

/**
 * Spares an upstream that fails most of its calls, and our callers the wait: while it is open, calls are refused at once;
 * then a single probe decides whether it closes. (cockatiel's breaker was tried: there a probe whose caller left closes
 * the circuit, calls beside the probe wait instead of being refused, and an idle window keeps old failures for ever.)
 */
export class Breaker {
  readonly #calls = new RollingCount(windowSeconds);
  readonly #failures = new RollingCount(windowSeconds);
  readonly #judge: (error: unknown, elapsedMs: number) => Verdict;
  readonly #onChange: (state: BreakerState) => void;
  #state: BreakerState = 'closed';
  #openMs = firstOpenMs;
  /** Counts the changes of state: what began in an earlier state says nothing of this one. */
  #period = 0;
  #probeAt = 0;

  constructor(judge: (error: unknown, elapsedMs: number) => Verdict, onChange: (state: BreakerState) => void) {
    this.#judge = judge;
    this.#onChange = onChange;
  }

  /** Throws `unavailable`, with the time until the next probe, unless a call may be tried. */
  refuseIfOpen(): void {
    if (this.#state === 'closed') return;
    const waitMs = this.#probeAt - performance.now();
    if (this.#state === 'open' && waitMs <= 0) return;
    throw new BreakerOpenError(Math.max(1, Math.ceil(waitMs)));
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    this.refuseIfOpen();
    const probing = this.#state === 'open';
    if (probing) {
      this.#probeAt = performance.now() + this.#openMs; // what a call beside the probe is told
      this.#enter('half-open');
    }
    const period = this.#period;
    const startedAt = performance.now();
    let verdict: Verdict = 'success';
    try {
      return await call();
    } catch (error) {
      verdict = this.#judge(error, performance.now() - startedAt);
      throw error;
    } finally {
      if (probing) this.#endProbe(verdict);
      else if (period === this.#period) this.#count(verdict);
    }
  }

  #endProbe(verdict: Verdict): void {
    if (verdict === 'success') {
      this.#openMs = firstOpenMs;
      this.#calls.reset();
      this.#failures.reset();
      this.#enter('closed');
    } else {
      if (verdict === 'failure') this.#openMs = Math.min(longestOpenMs, this.#openMs * 2);
      this.#open(verdict === 'failure' ? this.#openMs : 0); // a probe that says nothing is followed by another
    }
  }

  #count(verdict: Verdict): void {
    if (verdict === 'neither') return;
    this.#calls.add();
    if (verdict === 'success') return;
    this.#failures.add();
    const calls = this.#calls.total;
    const isSustained = calls >= fewestCalls && this.#failures.seconds >= fewestSeconds;
    if (isSustained && this.#failures.total >= calls * failureShare) this.#open(this.#openMs);
  }

  #open(forMs: number): void {
    this.#probeAt = performance.now() + forMs;
    this.#enter('open');
  }

  #enter(state: BreakerState): void {
    this.#state = state;
    this.#period++;
    this.#onChange(state);
  }
}
