import { UpstreamError, type UpstreamFault } from '../upstream-error.ts';
import { BreakerOpenError } from './breaker.ts';
import { pause } from './pause.ts';
import { RollingCount } from './rolling-count.ts';
import type { Interest } from './single-flight.ts';

const mostAttempts = 3;
/** Full jitter: a pause is drawn evenly from 0 to this, doubled with each attempt, on top of what Linq asks for. In milliseconds. */
const firstPauseMs = 100;

/** Faults after which the same GET may well succeed. Statuses narrow `unavailable` to those that pass by themselves. */
type PassingFault = 'rate-limited' | 'unavailable';
const passingFaults: ReadonlySet<UpstreamFault> = new Set<PassingFault>(['rate-limited', 'unavailable']);
const passingStatuses: ReadonlySet<number | undefined> = new Set([undefined, 200, 429, 500, 502, 503, 504]);

/** Keeps an outage from being multiplied: retries are at most a tenth of the recent calls, or ten in ten seconds. */
export class RetryBudget {
  readonly #calls = new RollingCount(10);
  readonly #retries = new RollingCount(10);

  countCall(): void {
    this.#calls.add();
  }

  /** Whether one more retry is within the budget, which it then uses up. */
  take(): boolean {
    if (this.#retries.total >= Math.max(10, this.#calls.total / 10)) return false;
    this.#retries.add();
    return true;
  }
}

/** Thrown by an attempt whose kept-alive connection was dead before it began: nothing was asked, so asking costs nothing. */
export class StaleConnectionError extends Error {
  override readonly name = 'StaleConnectionError';
}

/** Why a call was made again. */
export type RetryReason = 'stale-connection' | PassingFault;

interface RetryOptions {
  readonly budget: RetryBudget;
  readonly interest: Interest;
  readonly onRetry: (reason: RetryReason) => void;
}

/**
 * Makes up to three attempts of an idempotent call. What Linq asks us to wait is the least we wait; readers for whom the
 * pause is too long are answered at once. One attempt on a stale connection is free.
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  { budget, interest, onRetry }: RetryOptions,
): Promise<T> {
  budget.countCall();
  let free = 1;
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof StaleConnectionError && free-- > 0) {
        onRetry('stale-connection');
        attempts--;
        continue;
      }
      const failure =
        error instanceof StaleConnectionError ? new UpstreamError('unavailable', { cause: error }) : error;
      if (!isPassing(failure) || attempts >= mostAttempts || interest.signal.aborted) throw failure;
      const pauseMs = (failure.retryAfterMs ?? 0) + Math.random() * firstPauseMs * 2 ** (attempts - 1);
      interest.postpone(pauseMs, failure);
      interest.signal.throwIfAborted();
      if (!budget.take()) throw failure; // not before somebody waits for the retry
      onRetry(failure.fault);
      await pause(pauseMs, interest.signal);
    }
  }
}

function isPassing(error: unknown): error is UpstreamError & { readonly fault: PassingFault } {
  if (!(error instanceof UpstreamError) || error instanceof BreakerOpenError) return false;
  return passingFaults.has(error.fault) && passingStatuses.has(error.status);
}
