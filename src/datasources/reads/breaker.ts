import type { TokenDigest } from '../token.ts';
import { UpstreamError, type UpstreamFault } from '../upstream-error.ts';
import type { BreakerState } from '../upstream-metrics.ts';
import { FailingSources, type FailureSpread } from './failing-sources.ts';
import { RollingCount } from './rolling-count.ts';

const windowSeconds = 10;
/** With fewer calls in the window it stays closed. */
const minCalls = 20;
const failureShare = 0.5;
/** Calls must have failed in this many different seconds: a single burst of failures is not an outage. */
const minFailingSeconds = 3;
/** How often failures are attributed while most calls fail, since that looks at all of them. In milliseconds. */
const lookEveryMs = 100;
/** How long it stays open, doubled each time the probe fails. In milliseconds. */
const firstOpenMs = 2_000;
const maxOpenMs = 30_000;
/** How much longer the group of a failed probe is refused than others, so that one that always fails does not win each probe. */
const lastFailedExtraMs = 500;

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
 * whether it closes. Failures of one group, such as a chat, never open it; those of one token open it for that token alone.
 * Why it is our own: docs/decisions/read-path.md.
 */
export class Breaker {
  readonly #calls = new RollingCount(windowSeconds);
  readonly #failures = new RollingCount(windowSeconds);
  readonly #sources = new FailingSources(windowSeconds);
  readonly #onChange: (state: BreakerState) => void;
  #state: BreakerState = 'closed';
  #openMs = firstOpenMs;
  /** Counts the changes of state: a call that began in an earlier state does not count in this one. Never 0. */
  #period = 1;
  #probeAt = 0;
  #nextLookAt = 0;
  /** While it is not closed: whose calls are refused. */
  #scope: FailureSpread = 'all';
  /** The group of the last probe, if it failed. */
  #lastFailed: string | undefined;

  constructor(onChange: (state: BreakerState) => void) {
    this.#onChange = onChange;
  }

  /** The error, with the time until the next probe, for a call that may not be sent; undefined for one that may. */
  refusal(token: TokenDigest, group: string, now: number): BreakerOpenError | undefined {
    if (this.#state === 'closed' || !this.#affects(token)) return undefined;
    const waitMs = this.#probeAt - now + (group === this.#lastFailed ? lastFailedExtraMs : 0);
    if (this.#state === 'open' && waitMs <= 0) return undefined;
    return new BreakerOpenError(Math.max(1, Math.ceil(waitMs)));
  }

  /** For a call that `refusal` permits. The returned period is for `leave`; it is negative for the probe. */
  enter(token: TokenDigest, now: number): number {
    if (this.#state !== 'open' || !this.#affects(token)) return this.#period;
    this.#probeAt = now + this.#openMs; // announced to calls that are refused meanwhile
    this.#enterState('half-open');
    return -this.#period;
  }

  leave(period: number, verdict: Verdict, token: TokenDigest, group: string, now: number): void {
    if (period === -this.#period) this.#endProbe(verdict, group, now);
    else if (period === this.#period) this.#count(verdict, token, group, now);
  }

  /** Whether most of the recent calls of this group with this token failed. */
  isFailing(token: TokenDigest, group: string, now: number): boolean {
    return this.#sources.isFailing(token, group, now);
  }

  #affects(token: TokenDigest): boolean {
    return this.#scope === 'all' || this.#scope === token;
  }

  #endProbe(verdict: Verdict, group: string, now: number): void {
    this.#lastFailed = verdict === 'failure' ? group : undefined;
    if (verdict === 'success') {
      this.#openMs = firstOpenMs;
      this.#calls.reset();
      this.#failures.reset();
      this.#sources.reset();
      this.#enterState('closed');
    } else {
      if (verdict === 'failure') this.#openMs = Math.min(maxOpenMs, this.#openMs * 2);
      this.#open(verdict === 'failure' ? this.#openMs : 0, now); // after a probe without a verdict, the next call is a probe
    }
  }

  #count(verdict: Verdict, token: TokenDigest, group: string, now: number): void {
    if (verdict === 'neither') return;
    this.#calls.add(now);
    if (verdict === 'success') {
      if (this.#failures.total(now) > 0) this.#sources.count(token, group, false, now); // costs nothing while all is well
      return;
    }
    this.#failures.add(now);
    this.#sources.count(token, group, true, now);
    const calls = this.#calls.total(now);
    const isSustained = calls >= minCalls && this.#failures.seconds(now) >= minFailingSeconds;
    if (!isSustained || this.#failures.total(now) < calls * failureShare) return;
    if (now < this.#nextLookAt) return;
    this.#nextLookAt = now + lookEveryMs;
    const spread = this.#sources.spread(now);
    if (spread === undefined || (this.#state !== 'closed' && spread !== 'all')) return;
    this.#nextLookAt = 0;
    this.#scope = spread;
    this.#open(this.#openMs, now);
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
