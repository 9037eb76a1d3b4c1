import type { DriftKind } from './linq/drift.ts';
import type { BreakerState } from './reads/breaker.ts';
import type { RetryReason } from './reads/retry.ts';
import type { UpstreamFault } from './upstream-error.ts';

/** `found` and `missing` are the two good outcomes: a message, and Linq's 404. */
export type Outcome = 'found' | 'missing' | UpstreamFault;

/**
 * Told of everything the data sources do, so that an operator can see it. All words come from closed sets, save the path
 * of a drift, which is bounded in number; nothing here identifies a caller, a message or a token.
 */
export interface UpstreamMeter {
  /** A read as its caller saw it, from asking to the answer. In milliseconds, as all durations. */
  read(outcome: Outcome, durationMs: number): void;
  /** A call that was sent to Linq, from the slot to its end. `stale` is one that found its connection dead. */
  attempt(outcome: Outcome | 'stale', durationMs: number): void;
  retry(reason: RetryReason): void;
  /** How long a call waited for its turn, slot, rate and pause together. */
  queueWait(durationMs: number): void;
  breaker(state: BreakerState): void;
  /** A read that joined the call of another. */
  sharedFlight(): void;
  /** What a read found in the cache, where there is one; `bypass` is one that did not look. */
  cache(outcome: 'hit' | 'miss' | 'bypass'): void;
  drift(path: string, kind: DriftKind): void;
}

/**
 * Told of a call when it is sent, `resends` being how many were sent before it for the same read; the function that it gives
 * is told how the call ended, and of Linq's status where there was one.
 */
export type FollowCall = (resends: number) => (outcome: Outcome | 'stale', status: number | undefined) => void;
