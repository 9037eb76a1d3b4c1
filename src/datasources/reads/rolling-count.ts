/** Counts events of the last `seconds`, to the second. `now` is in milliseconds of a monotonic clock. */
export class RollingCount {
  readonly #counts: number[];
  #second = 0;
  #total = 0;

  constructor(seconds: number) {
    this.#counts = new Array<number>(seconds).fill(0);
  }

  add(now: number): void {
    this.#forgetOld(now);
    const slot = this.#second % this.#counts.length;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
    this.#total++;
  }

  total(now: number): number {
    this.#forgetOld(now);
    return this.#total;
  }

  /** The number of seconds with at least one event. */
  seconds(now: number): number {
    this.#forgetOld(now);
    return this.#counts.filter((count) => count > 0).length;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  #forgetOld(now: number): void {
    const current = Math.floor(now / 1_000);
    if (current <= this.#second) return;
    if (current - this.#second >= this.#counts.length) this.reset();
    else {
      for (let second = this.#second + 1; second <= current; second++) {
        const slot = second % this.#counts.length;
        this.#total -= this.#counts[slot] ?? 0;
        this.#counts[slot] = 0;
      }
    }
    this.#second = current;
  }
}
