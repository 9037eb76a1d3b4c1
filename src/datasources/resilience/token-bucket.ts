/** A rate: `perSecond` permits a second, of which one second's worth (at least one) may be saved up. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #permits: number;
  #at = performance.now();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#burst = Math.max(1, perSecond);
    this.#permits = this.#burst;
  }

  /** Milliseconds until `count` permits have come in, 0 if they are there. */
  waitFor(count: number): number {
    this.#refill();
    return Math.max(0, ((count - this.#permits) * 1_000) / this.#perSecond);
  }

  take(): void {
    this.#refill();
    this.#permits--;
  }

  #refill(): void {
    const now = performance.now();
    this.#permits = Math.min(this.#burst, this.#permits + ((now - this.#at) * this.#perSecond) / 1_000);
    this.#at = now;
  }
}
