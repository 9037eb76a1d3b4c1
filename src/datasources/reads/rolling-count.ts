/** Counts what happened in the last `seconds`, to the second. */
export class RollingCount {
  readonly #counts: number[];
  #second = 0;
  #total = 0;

  constructor(seconds: number) {
    this.#counts = new Array<number>(seconds).fill(0);
  }

  add(): void {
    this.#forgetOld();
    const slot = this.#second % this.#counts.length;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
    this.#total++;
  }

  get total(): number {
    this.#forgetOld();
    return this.#total;
  }

  /** In how many of the seconds it happened. */
  get seconds(): number {
    this.#forgetOld();
    return this.#counts.filter((count) => count > 0).length;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  #forgetOld(): void {
    const now = Math.floor(performance.now() / 1_000);
    if (now - this.#second >= this.#counts.length) this.reset();
    else {
      for (let second = this.#second + 1; second <= now; second++) {
        const slot = second % this.#counts.length;
        this.#total -= this.#counts[slot] ?? 0;
        this.#counts[slot] = 0;
      }
    }
    this.#second = now;
  }
}
