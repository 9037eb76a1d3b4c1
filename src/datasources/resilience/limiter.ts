import { UpstreamError } from '../faults.ts';
import type { TokenDigest } from '../token.ts';
import type { Interest } from './single-flight.ts';
import { TokenBucket } from './token-bucket.ts';

interface LimiterOptions {
  /** Calls at the same time, over all tokens. */
  readonly maxConcurrency: number;
  /** Calls that wait, over all tokens. */
  readonly maxQueue: number;
  /** For each token; undefined is without limit. */
  readonly requestsPerSecond: number | undefined;
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
  /** In the order of their last use. */
  readonly #lanes = new Map<TokenDigest, Lane>();
  /** Lanes in which a call waits for nothing but a slot, in the order of their turns. */
  readonly #turns = new Set<Lane>();
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
    const lane = this.#laneOf(token);
    const arrivedAt = performance.now();
    await this.#turn(lane, interest);
    this.#options.onAdmit(performance.now() - arrivedAt);
    try {
      return await call();
    } finally {
      lane.inFlight--;
      this.#free++;
      this.#line(lane);
      this.#admit();
    }
  }

  /** Holds back the token's other calls, and nobody else's. */
  pause(token: TokenDigest, ms: number): void {
    const lane = this.#laneOf(token);
    lane.pausedUntil = Math.max(lane.pausedUntil, performance.now() + ms);
  }

  #turn(lane: Lane, interest: Interest): Promise<void> {
    return new Promise((resolve, reject) => {
      interest.signal.throwIfAborted();
      const waitMs = lane.readyIn(lane.waiting.size + 1);
      if (waitMs > 0) interest.postpone(waitMs, new UpstreamError('rate-limited'));
      interest.signal.throwIfAborted();

      const leave = () => {
        if (this.#leave(lane, waiter)) reject(interest.signal.reason);
      };
      const waiter: Waiter = {
        admit: () => {
          interest.signal.removeEventListener('abort', leave);
          resolve();
        },
        refuse: () => {
          interest.signal.removeEventListener('abort', leave);
          reject(new UpstreamError('overloaded'));
        },
      };
      interest.signal.addEventListener('abort', leave, { once: true });
      lane.waiting.add(waiter);
      this.#waiting++;
      this.#line(lane);
      this.#admit();
      if (this.#waiting > this.#options.maxQueue) this.#refuseOne();
    });
  }

  #leave(lane: Lane, waiter: Waiter): boolean {
    const waited = lane.waiting.delete(waiter);
    if (waited) this.#waiting--;
    return waited;
  }

  /** Of the longest line the last one in it: a token that floods the queue loses its own calls. */
  #refuseOne(): void {
    let longest: Lane | undefined;
    for (const lane of this.#lanes.values()) {
      // Of two that are equally long the later used one: that is the newcomer's.
      if (longest === undefined || lane.waiting.size >= longest.waiting.size) longest = lane;
    }
    const last = longest === undefined ? undefined : [...longest.waiting].at(-1);
    if (longest !== undefined && last !== undefined && this.#leave(longest, last)) last.refuse();
  }

  /** Puts the lane in line for a slot if it has a call that may start, or wakes it when it may. */
  #line(lane: Lane): void {
    if (lane.waiting.size === 0 || lane.asleep !== undefined || lane.inFlight >= this.#mostForOne) return;
    const waitMs = lane.readyIn(1);
    if (waitMs === 0) {
      this.#turns.add(lane);
      return;
    }
    lane.asleep = setTimeout(() => {
      lane.asleep = undefined;
      this.#line(lane);
      this.#admit();
    }, waitMs);
  }

  #admit(): void {
    while (this.#free > 0) {
      const [lane] = this.#turns;
      if (lane === undefined) return;
      this.#turns.delete(lane);
      const [waiter] = lane.waiting;
      // Since it was put in line it may have been paused, or its callers may have left.
      if (waiter !== undefined && lane.readyIn(1) === 0 && this.#leave(lane, waiter)) {
        lane.bucket?.take();
        lane.inFlight++;
        this.#free--;
        waiter.admit();
      }
      this.#line(lane);
    }
  }

  /** While other tokens are about, none may hold every slot: calls that hang would lock the others out. */
  get #mostForOne(): number {
    const { maxConcurrency } = this.#options;
    return this.#lanes.size > 1 ? maxConcurrency - Math.floor(maxConcurrency / 8) : maxConcurrency;
  }

  #laneOf(token: TokenDigest): Lane {
    const now = performance.now();
    const lane = this.#lanes.get(token) ?? new Lane(this.#options.requestsPerSecond);
    this.#lanes.delete(token);
    this.#lanes.set(token, lane);
    lane.usedAt = now;
    const [[oldestToken, oldest] = []] = this.#lanes;
    if (oldestToken !== undefined && oldest !== undefined && oldest !== lane && oldest.isIdle) {
      if (now - oldest.usedAt > forgetAfterMs || this.#lanes.size > mostLanes) this.#lanes.delete(oldestToken);
    }
    return lane;
  }
}

interface Waiter {
  admit(): void;
  refuse(): void;
}

class Lane {
  readonly waiting = new Set<Waiter>();
  readonly bucket: TokenBucket | undefined;
  inFlight = 0;
  usedAt = 0;
  pausedUntil = 0;
  asleep: NodeJS.Timeout | undefined;

  constructor(requestsPerSecond: number | undefined) {
    this.bucket = requestsPerSecond === undefined ? undefined : new TokenBucket(requestsPerSecond);
  }

  /** Milliseconds until the call at this place of the line may start, as far as rate and pause go. */
  readyIn(place: number): number {
    return Math.max(0, this.pausedUntil - performance.now(), this.bucket?.waitFor(place) ?? 0);
  }

  get isIdle(): boolean {
    return this.waiting.size === 0 && this.inFlight === 0;
  }
}
