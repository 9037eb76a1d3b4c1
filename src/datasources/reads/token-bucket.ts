/** Adds `perSecond` permits a second, and holds one second's worth (at least one). */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #permits: number;
  #at = performance.now();

  /** `filled` is the initial share of permits, from 0 to 1. */
  constructor(perSecond: number, filled = 1) {
    this.#perSecond = perSecond;
    this.#burst = Math.max(1, perSecond);
    this.#permits = this.#burst * filled;
  }

  /** Milliseconds until `count` permits are available, if none is taken in the next `pausedMs`. */
  waitFor(count: number, pausedMs = 0): number {
    this.#refill();
    const permits = this.#permitsIn(pausedMs);
    return pausedMs + Math.max(0, ((count - permits) * 1_000) / this.#perSecond);
  }

  take(): void {
    this.#refill();
    this.#permits--;
  }

  get isFull(): boolean {
    return this.filled === 1;
  }

  get filled(): number {
    this.#refill();
    return this.#permits / this.#burst;
  }

  #refill(): void {
    const now = performance.now();
    this.#permits = this.#permitsIn(now - this.#at);
    this.#at = now;
  }

  #permitsIn(ms: number): number {
    return Math.min(this.#burst, this.#permits + (ms * this.#perSecond) / 1_000);
  }
}
