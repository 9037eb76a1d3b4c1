import { TokenBucket } from '../reads/token-bucket.ts';
import type { TokenDigest } from '../token.ts';

/** What one process asks of the bucket that it shares with others. */
export interface Draw {
  readonly perSecond: number;
  /** The most that may be saved up. */
  readonly burst: number;
  /** Permits for calls that wait; 0 asks for none. */
  readonly wanted: number;
  /** What the bucket can hold at the most, as far as the one who asks knows. */
  readonly most: number;
  /** Permits that were drawn and not used. */
  readonly returned: number;
}

export interface Drawn {
  readonly granted: number;
  /** Permits in the bucket after that, a fraction included. */
  readonly left: number;
  /** How many processes wait for permits, the one who asks included. */
  readonly waiting: number;
}

/** Where the bucket is. */
export interface SharedPermits {
  /** Whether it can be asked. */
  readonly isUp: boolean;
  /** How many processes share it, as far as is known. */
  readonly count: number;
  /** Undefined when it could not be asked. Never rejects. */
  draw(token: TokenDigest, order: Draw): Promise<Drawn | undefined>;
}

/** Where calls wait it is asked again no sooner, and no later: that also tells the others that somebody waits. In milliseconds. */
const soonestMs = 10;
const latestMs = 1_000;
/** What others draw meanwhile is noticed with each answer; telling all who wait is worth it from this on. In seconds. */
const slack = 0.1;

/**
 * A rate that several processes keep together: permits are drawn from one bucket, as many as calls wait, when they may
 * start. While that cannot be asked, each process keeps to its own share of the rate.
 */
export class SharedBucket {
  readonly #token: TokenDigest;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #permits: SharedPermits;
  readonly #onChange: (isLater: boolean) => void;
  /** Drawn, and not used yet. */
  #inHand = 0;
  #wanted = 0;
  /** What was left of the shared bucket, and who waited for it, at the time of the last answer. */
  #left: number;
  #waiting = 1;
  #at = performance.now();
  #againAt = 0;
  #isDrawing = false;
  #timer: NodeJS.Timeout | undefined;
  /** While the shared one cannot be asked. */
  #own: TokenBucket | undefined;
  #most: number;

  /** `onChange` is told when a call may start or it is time to order again; `isLater` is that calls wait longer than they were told. */
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
   * Milliseconds until the call at this place in line may start, if none starts in the next `pausedMs`: 0 when its permit
   * is there, an estimate otherwise, which is above 0 since the shared bucket has to be asked.
   */
  waitFor(count: number, pausedMs = 0): number {
    const missing = count - this.#inHand;
    if (missing <= 0) return pausedMs;
    const own = this.#ownShare();
    if (own !== undefined) return own.waitFor(missing, pausedMs);
    const missingInAll = missing * this.#waiting - this.#permitsIn(pausedMs);
    return pausedMs + Math.max(Number.MIN_VALUE, (missingInAll * 1_000) / this.#perSecond);
  }

  take(): void {
    if (this.#inHand > 0) this.#inHand--;
    else this.#own?.take();
  }

  /** Sees to it that so many calls get permits, none before `pausedMs` have passed. To be called again with each change. */
  order(count: number, pausedMs: number): void {
    this.#wanted = count;
    if (this.#isDrawing || this.#timer !== undefined) return;
    const own = this.#ownShare();
    let waitMs = pausedMs;
    if (this.#inHand === 0) {
      // Not for long in its own share: the shared bucket may be back.
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

  /** Nobody waits any more: what was drawn is for others. */
  release(): void {
    this.#wanted = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#inHand === 0) return;
    void this.#permits.draw(this.#token, this.#orderFor(0, this.#inHand));
    this.#inHand = 0;
  }

  /** Whether a new one would be the same. */
  get isFull(): boolean {
    return this.#inHand === 0 && !this.#isDrawing && this.#timer === undefined && this.#own?.isFull !== false;
  }

  async #draw(): Promise<void> {
    this.#isDrawing = true;
    await undefined; // until the other calls of the same operation are in line
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

  /** Whether there is less to be had than was thought. */
  #settle({ granted, left, waiting }: Drawn, wanted: number): boolean {
    const missing = this.#permitsIn(0) - granted - left;
    const isLess = waiting > this.#waiting || missing / this.#perSecond > slack;
    this.#inHand += granted;
    this.#left = left;
    this.#waiting = waiting;
    this.#at = performance.now();
    const untilNextMs = ((1 - left) * 1_000) / this.#perSecond;
    const pauseMs = Math.min(latestMs, Math.max(soonestMs, untilNextMs));
    // By chance, or the same one would always be the first.
    this.#againAt = granted < wanted ? this.#at + pauseMs * (1 + Math.random() / 10) : 0;
    return isLess;
  }

  /** Undefined while the shared bucket can be asked. Its content goes over into the share, and back. */
  #ownShare(): TokenBucket | undefined {
    if (this.#permits.isUp) {
      if (this.#own !== undefined) {
        this.#left = this.#own.filled * this.#burst;
        this.#at = performance.now();
        this.#most = this.#left; // if all the others have done as this one, that is what the shared bucket may hold
        this.#againAt = 0;
        this.#own = undefined;
      }
    } else {
      this.#own ??= new TokenBucket(this.#perSecond / this.#permits.count, this.#permitsIn(0) / this.#burst);
    }
    return this.#own;
  }

  /** In the shared bucket, if nobody else draws. */
  #permitsIn(ms: number): number {
    return Math.min(this.#burst, this.#left + ((performance.now() - this.#at + ms) * this.#perSecond) / 1_000);
  }
}
