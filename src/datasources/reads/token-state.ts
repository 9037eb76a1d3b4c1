import type { Bucket } from './bucket.ts';
import type { Waiter } from './waiter.ts';

/** A read under way that others may join. */
interface Joinable {
  readonly startedAt: number;
  join(waiter: Waiter, now: number): void;
}

/**
 * The state of one upstream token. Reads under way are found only through it, so that no read is ever shared across
 * tokens.
 */
export class TokenState {
  readonly bucket: Bucket | undefined;
  /** In milliseconds of `performance.now()`. */
  pausedUntil = 0;
  /**
   * Reads that others may join, by path. (A plain object: V8 keeps what was deleted from a long-lived `Map`, whole requests
   * here, until a full collection.)
   */
  readonly reads: Record<string, Joinable> = Object.create(null);
  /** All reads that are not over, those that may not be joined included. */
  readCount = 0;

  constructor(bucket: Bucket | undefined) {
    this.bucket = bucket;
  }

  /** Milliseconds until `count` more calls may start, as far as rate and pause are concerned. */
  waitFor(count: number): number {
    if (this.bucket === undefined) return this.pausedUntil === 0 ? 0 : this.pausedMs;
    return this.bucket.waitFor(count, this.pausedMs);
  }

  get pausedMs(): number {
    return this.pausedUntil === 0 ? 0 : Math.max(0, this.pausedUntil - performance.now());
  }

  /** Whether it can be replaced by a new one. */
  get isIdle(): boolean {
    return this.readCount === 0 && this.pausedMs === 0 && this.bucket?.isFull !== false;
  }
}
