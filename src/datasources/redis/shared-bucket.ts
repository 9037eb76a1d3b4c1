import { TokenBucket } from '../reads/token-bucket.ts';
import type { TokenDigest } from '../token.ts';

/** A request of one process to the shared bucket. */
export interface Draw {
  readonly perSecond: number;
  /** The largest number of permits that the bucket holds. */
  readonly burst: number;
  /** Permits for queued calls; may be 0. */
  readonly wanted: number;
  /** An upper bound of the permits in the bucket now, as far as this process knows. */
  readonly most: number;
  /** Permits that were drawn but not used. */
  readonly returned: number;
}

export interface Drawn {
  readonly granted: number;
  /** Permits in the bucket afterwards; may be fractional. */
  readonly left: number;
  /** The number of processes that wait for permits, including this one. */
  readonly waiting: number;
}

/** Access to the shared bucket. */
export interface SharedPermits {
  /** Whether the bucket is reachable. */
  readonly isUp: boolean;
  /** The known number of processes that share it. */
  readonly count: number;
  /** Undefined when the bucket was not reachable. Never rejects. */
  draw(token: TokenDigest, order: Draw): Promise<Drawn | undefined>;
}

/** Bounds on the delay between draws while calls are queued: each draw also shows the other processes that this one waits. In milliseconds. */
const soonestMs = 10;
const latestMs = 1_000;
/** Announces new wait times only when the estimate is off by more than this. In seconds. */
const slack = 0.1;

/**
 * A rate that several processes share: permits for queued calls are drawn from one bucket when the calls may start. While
 * that bucket is unreachable, each process keeps to its own share of the rate.
 */
export class SharedBucket {
  readonly #token: TokenDigest;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #permits: SharedPermits;
  readonly #onChange: (isLater: boolean) => void;
  /** Permits drawn but not used yet. */
  #drawn = 0;
  #wanted = 0;
  /** Permits left in the shared bucket, and processes waiting for it, at the time `#at` of the last reply. */
  #left: number;
  #waiting = 1;
  #at = performance.now();
  #againAt = 0;
  #isDrawing = false;
  #timer: NodeJS.Timeout | undefined;
  /** Used while the shared bucket is unreachable. */
  #own: TokenBucket | undefined;
  #most: number;

  constructor(token: TokenDigest, perSecond: number, permits: SharedPermits, onChange: (isLater: boolean) => void) {
    this.#token = token;
    this.#perSecond = perSecond;
    this.#burst = Math.max(1, perSecond);
    this.#permits = permits;
    this.#onChange = onChange;
    this.#left = this.#burst;
    this.#most = this.#burst;
  }

  /**
   * Milliseconds until `count` more calls may start, if none starts in the next `pausedMs`: 0 if their permits were drawn,
   * otherwise an estimate, which is above 0 because a draw takes time.
   */
  waitFor(count: number, pausedMs = 0): number {
    const missing = count - this.#drawn;
    if (missing <= 0) return pausedMs;
    const own = this.#ownShare();
    if (own !== undefined) return own.waitFor(missing, pausedMs);
    const missingInAll = missing * this.#waiting - this.#permitsIn(pausedMs);
    return pausedMs + Math.max(Number.MIN_VALUE, (missingInAll * 1_000) / this.#perSecond);
  }

  take(): void {
    if (this.#drawn > 0) this.#drawn--;
    else this.#own?.take();
  }

  /** Obtains permits for `count` calls, none before `pausedMs` have passed. To be called again after each change. */
  order(count: number, pausedMs: number): void {
    this.#wanted = count;
    if (this.#isDrawing || this.#timer !== undefined) return;
    const own = this.#ownShare();
    let waitMs = pausedMs;
    if (this.#drawn === 0) {
      // With its own share the wait is limited, because the shared bucket may become reachable.
      if (own !== undefined) waitMs = Math.min(latestMs, own.waitFor(1, pausedMs));
      else waitMs = Math.max(pausedMs, this.#againAt - performance.now());
      if (own === undefined && waitMs <= 0) {
        void this.#draw();
        return;
      }
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#onChange(false);
    }, waitMs);
  }

  /** No call is queued anymore: returns the permits that were drawn. */
  release(): void {
    this.#wanted = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#drawn === 0) return;
    void this.#permits.draw(this.#token, this.#orderFor(0, this.#drawn));
    this.#drawn = 0;
  }

  /** Whether it can be replaced by a new bucket. */
  get isFull(): boolean {
    return this.#drawn === 0 && !this.#isDrawing && this.#timer === undefined && this.#own?.isFull !== false;
  }

  async #draw(): Promise<void> {
    this.#isDrawing = true;
    await undefined; // until the other calls of the same operation are queued
    const order = this.#orderFor(this.#wanted, 0);
    const drawn = await this.#permits.draw(this.#token, order);
    this.#isDrawing = false;
    const isLater = drawn === undefined || this.#settle(drawn, order.wanted);
    if (this.#wanted > 0) this.#onChange(isLater);
    else this.release();
  }

  #orderFor(wanted: number, returned: number): Draw {
    const most = this.#most;
    this.#most = this.#burst;
    return { perSecond: this.#perSecond, burst: this.#burst, wanted, most, returned };
  }

  /** Whether fewer permits are available than estimated. */
  #settle({ granted, left, waiting }: Drawn, wanted: number): boolean {
    const missing = this.#permitsIn(0) - granted - left;
    const isLess = waiting > this.#waiting || missing / this.#perSecond > slack;
    this.#drawn += granted;
    this.#left = left;
    this.#waiting = waiting;
    this.#at = performance.now();
    const untilNextMs = ((1 - left) * 1_000) / this.#perSecond;
    const pauseMs = Math.min(latestMs, Math.max(soonestMs, untilNextMs));
    // With jitter, otherwise the same process would always draw first.
    this.#againAt = granted < wanted ? this.#at + pauseMs * (1 + Math.random() / 10) : 0;
    return isLess;
  }

  /** Undefined while the shared bucket is reachable. The permits carry over from the shared bucket to the share, and back. */
  #ownShare(): TokenBucket | undefined {
    if (this.#permits.isUp) {
      if (this.#own !== undefined) {
        this.#left = this.#own.filled * this.#burst;
        this.#at = performance.now();
        this.#most = this.#left; // what the shared bucket holds if all processes have used their shares like this one
        this.#againAt = 0;
        this.#own = undefined;
      }
    } else {
      this.#own ??= new TokenBucket(this.#perSecond / this.#permits.count, this.#permitsIn(0) / this.#burst);
    }
    return this.#own;
  }

  /** Permits in the shared bucket in `ms` milliseconds, if no other process draws. */
  #permitsIn(ms: number): number {
    return Math.min(this.#burst, this.#left + ((performance.now() - this.#at + ms) * this.#perSecond) / 1_000);
  }
}
