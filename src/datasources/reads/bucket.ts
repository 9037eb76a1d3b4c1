import type { TokenDigest } from '../token.ts';

/** Limits how many calls of one token start in a second. */
export interface Bucket {
  /** Milliseconds until `count` more calls may start, 0 if they may now; none starts within the next `pausedMs`. */
  waitFor(count: number, pausedMs: number): number;
  /** Uses the permit of a call that starts. */
  take(): void;
  /** Whether it can be replaced by a new bucket. */
  readonly isFull: boolean;
  /**
   * A bucket that is shared with other processes obtains permits itself, for `count` queued calls, none before `pausedMs`
   * have passed, and reports through `OnBucketChange`. For one without this method the limiter sets a timer.
   */
  order?(count: number, pausedMs: number): void;
  /** No call is queued anymore. */
  release?(): void;
}

/** Called when a call may start or `order` must be called again. `isLater`: queued calls wait longer than was announced. */
type OnBucketChange = (isLater: boolean) => void;

/** Undefined for a token without a rate. */
export type CreateBucket = (tokenDigest: TokenDigest, onChange: OnBucketChange) => Bucket | undefined;
