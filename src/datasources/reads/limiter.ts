import { SharedBucket, type SharedPermits } from '../redis/shared-bucket.ts';
import type { TokenDigest } from '../token.ts';
import { UpstreamError } from '../upstream-error.ts';
import { Line, type Standing } from './linked-queue.ts';
import type { Interest } from './single-flight.ts';
import { TokenBucket } from './token-bucket.ts';

interface LimiterOptions {
  /** Calls at the same time, over all tokens. */
  readonly maxConcurrency: number;
  /** Calls that wait, over all tokens. */
  readonly maxQueue: number;
  /** For each token; undefined is without limit. */
  readonly requestsPerSecond: number | undefined;
  /** Where that rate is kept together with other processes; undefined is here alone. */
  readonly permits?: SharedPermits | undefined;
  /** Told how long each call waited, in milliseconds. */
  readonly onAdmit: (waitedMs: number) => void;
}

/** A token that was not heard of for this long no longer counts as another one. In milliseconds. */
const forgetAfterMs = 60_000;
const mostLanes = 10_000;

/**
 * Decides which call goes next. Each token has a lane of its own; lanes take turns, so that one token's flood holds up
 * nobody else: not in line, not by filling the queue, and not by holding every slot with calls that hang.
 */
export class Limiter {
  readonly #options: LimiterOptions;
  /** In the order of their last use, as far as that matters: see `#laneOf`. */
  readonly #lanes = new Map<TokenDigest, Lane>();
  /** Lanes in which somebody waits. */
  readonly #queued = new Set<Lane>();
  /** Of these, the ones that wait for nothing but a slot, in the order of their turns. */
  readonly #turns = new Set<Lane>();
  #newest: Lane | undefined;
  #free: number;
  #waiting = 0;

  constructor(options: LimiterOptions) {
    this.#options = options;
    this.#free = options.maxConcurrency;
  }

  /**
   * Runs the call when it is its turn. Readers who cannot wait as long as the token's rate or pause demands are answered
   * `rate-limited` at once; a full queue rejects with `overloaded`.
   */
  async run<T>(token: TokenDigest, interest: Interest, call: () => Promise<T>): Promise<T> {
    interest.signal.throwIfAborted();
    const lane = this.#laneOf(token);
    if (this.#isFreeFor(lane)) {
      this.#start(lane);
      this.#options.onAdmit(0);
    } else {
      const arrivedAt = performance.now();
      await this.#turn(lane, interest);
      this.#options.onAdmit(performance.now() - arrivedAt);
    }
    try {
      return await call();
    } finally {
      lane.inFlight--;
      this.#free++;
      if (this.#queued.size > 0) {
        this.#line(lane);
        this.#admit();
      }
    }
  }

  /** Holds back the token's other calls, and nobody else's; readers who cannot wait that long are answered at once. */
  pause(token: TokenDigest, ms: number): void {
    const lane = this.#laneOf(token);
    lane.pausedUntil = Math.max(lane.pausedUntil, performance.now() + ms);
    this.#announce(lane);
  }

  /** Tells those in line when their turn is. */
  #announce(lane: Lane): void {
    let place = 1;
    for (const { interest } of lane.waiting) {
      interest.postpone(lane.readyIn(place), new UpstreamError('rate-limited'));
      if (!interest.signal.aborted) place++;
    }
  }

  #turn(lane: Lane, interest: Interest): Promise<void> {
    return new Promise((resolve, reject) => {
      const waitMs = lane.readyIn(lane.waiting.size + 1);
      if (waitMs > 0) interest.postpone(waitMs, new UpstreamError('rate-limited'));
      interest.signal.throwIfAborted();

      const leave = () => {
        this.#leave(lane, waiter);
        reject(interest.signal.reason);
      };
      const waiter: Waiter = {
        interest,
        admit: () => {
          interest.signal.removeEventListener('abort', leave);
          resolve();
        },
        refuse: () => {
          interest.signal.removeEventListener('abort', leave);
          reject(new UpstreamError('overloaded'));
        },
      };
      interest.signal.addEventListener('abort', leave);
      lane.waiting.join(waiter);
      this.#waiting++;
      this.#queued.add(lane);
      this.#line(lane);
      this.#admit();
      if (this.#waiting > this.#options.maxQueue) this.#refuseOne();
    });
  }

  /** Whether a call may start at once: nobody waits, neither in this lane nor for a slot. */
  #isFreeFor(lane: Lane): boolean {
    const nobodyWaits = lane.waiting.size === 0 && this.#turns.size === 0;
    return nobodyWaits && this.#free > 0 && lane.inFlight < this.#mostForOne && lane.readyIn(1) === 0;
  }

  #start(lane: Lane): void {
    lane.bucket?.take();
    lane.inFlight++;
    this.#free--;
  }

  #leave(lane: Lane, waiter: Waiter): void {
    lane.waiting.leave(waiter);
    this.#waiting--;
    if (lane.waiting.size > 0) return;
    this.#queued.delete(lane);
    clearTimeout(lane.asleep);
    lane.asleep = undefined;
    if (lane.bucket instanceof SharedBucket) lane.bucket.release();
  }

  /** Of the longest line the last one in it: a token that floods the queue loses its own calls. */
  #refuseOne(): void {
    let longest: Lane | undefined;
    for (const lane of this.#queued) {
      // Of two that are equally long the one that formed later: that is the newcomer's.
      if (longest === undefined || lane.waiting.size >= longest.waiting.size) longest = lane;
    }
    const last = longest?.waiting.last;
    if (longest === undefined || last === undefined) return;
    this.#leave(longest, last);
    last.refuse();
  }

  /** Puts the lane in line for a slot if it has a call that may start, or wakes it when it may. */
  #line(lane: Lane): void {
    if (lane.waiting.size === 0 || lane.asleep !== undefined || lane.inFlight >= this.#mostForOne) return;
    const waitMs = lane.readyIn(1);
    if (waitMs === 0) {
      this.#turns.add(lane);
      return;
    }
    if (lane.bucket instanceof SharedBucket) {
      lane.bucket.order(this.#startable(lane), lane.pausedMs);
      return;
    }
    lane.asleep = setTimeout(() => {
      lane.asleep = undefined;
      this.#line(lane);
      this.#admit();
    }, waitMs);
  }

  /** For how many calls of a lane there are slots: at least one, so that it can be in line for the next. */
  #startable(lane: Lane): number {
    return Math.max(1, Math.min(lane.waiting.size, this.#free, this.#mostForOne - lane.inFlight));
  }

  #admit(): void {
    while (this.#free > 0) {
      const [lane] = this.#turns;
      if (lane === undefined) return;
      this.#turns.delete(lane);
      const waiter = lane.waiting.first;
      // Since it was put in line it may have been paused, or its callers may have left.
      if (waiter !== undefined && lane.readyIn(1) === 0) {
        this.#start(lane); // takes its permit, before the last one to leave gives back what is over
        this.#leave(lane, waiter);
        waiter.admit();
      }
      this.#line(lane);
    }
  }

  /** While other tokens are about, none may hold every slot: calls that hang would lock the others out. */
  get #mostForOne(): number {
    const { maxConcurrency } = this.#options;
    if (this.#lanes.size <= 1 || maxConcurrency === 1) return maxConcurrency;
    return maxConcurrency - Math.max(1, Math.floor(maxConcurrency / 8));
  }

  #laneOf(token: TokenDigest): Lane {
    const known = this.#lanes.get(token);
    if (known !== undefined && this.#lanes.size === 1) return known;
    const now = performance.now();
    const lane = known ?? this.#createLane(token);
    this.#lanes.delete(token);
    this.#lanes.set(token, lane);
    if (this.#newest !== undefined) this.#newest.usedAt = now; // until now it was in use
    lane.usedAt = now;
    this.#newest = lane;
    this.#forgetOne(now);
    return lane;
  }

  #createLane(token: TokenDigest): Lane {
    const { requestsPerSecond, permits } = this.#options;
    if (requestsPerSecond === undefined) return new Lane(undefined);
    if (permits === undefined) return new Lane(new TokenBucket(requestsPerSecond));
    const onChange = (isLater: boolean) => {
      if (isLater) this.#announce(lane);
      this.#line(lane);
      this.#admit();
    };
    const lane = new Lane(new SharedBucket(token, requestsPerSecond, permits, onChange));
    return lane;
  }

  /** With each change of lanes one is looked at, so what is not forgotten now is so soon. One that is busy counts as used. */
  #forgetOne(now: number): void {
    const [[token, oldest] = []] = this.#lanes;
    if (token === undefined || oldest === undefined || oldest === this.#newest) return;
    if (now - oldest.usedAt <= forgetAfterMs && this.#lanes.size <= mostLanes) return;
    this.#lanes.delete(token);
    if (oldest.isSpare) return;
    oldest.usedAt = now;
    this.#lanes.set(token, oldest);
  }
}

interface Waiter extends Standing {
  readonly interest: Interest;
  admit(): void;
  refuse(): void;
}

class Lane {
  readonly waiting = new Line<Waiter>();
  readonly bucket: TokenBucket | SharedBucket | undefined;
  inFlight = 0;
  usedAt = 0;
  pausedUntil = 0;
  asleep: NodeJS.Timeout | undefined;

  constructor(bucket: TokenBucket | SharedBucket | undefined) {
    this.bucket = bucket;
  }

  /** Milliseconds until the call at this place of the line may start, as far as rate and pause go. */
  readyIn(place: number): number {
    if (this.pausedUntil === 0 && this.bucket === undefined) return 0;
    return this.bucket === undefined ? this.pausedMs : this.bucket.waitFor(place, this.pausedMs);
  }

  get pausedMs(): number {
    return Math.max(0, this.pausedUntil - performance.now());
  }

  /** Whether a new lane would be the same. */
  get isSpare(): boolean {
    const isIdle = this.waiting.size === 0 && this.inFlight === 0;
    return isIdle && this.pausedUntil <= performance.now() && this.bucket?.isFull !== false;
  }
}
