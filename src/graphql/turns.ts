/** How long results may be written in one turn of the event loop; other requests, such as probes, are handled in between. In milliseconds. */
const turnMs = 10;

interface Work {
  readonly run: () => void;
  readonly isLong: boolean;
}

/** Writes results one after the other, and lets the event loop turn when they take long. */
export class Turns {
  readonly #waiting: Work[] = [];
  /** Of the current turn, as far as it is known: time that passes without results counts as the event loop's. */
  #spentMs = 0;
  #endedAt = 0;
  #isScheduled = false;

  /** Runs now, or soon in another turn. Long work, or work that goes on in promises, has a turn of its own. */
  run(run: () => void, isLong = false): void {
    this.#spentMs = Math.max(0, this.#spentMs - (performance.now() - this.#endedAt));
    if (!isLong && this.#waiting.length === 0 && this.#spentMs < turnMs) {
      this.#runNow(run);
      return;
    }
    this.#waiting.push({ run, isLong });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  }

  #runNow(run: () => void): void {
    const startedAt = performance.now();
    run();
    this.#endedAt = performance.now();
    this.#spentMs += this.#endedAt - startedAt;
  }

  readonly #turn = (): void => {
    this.#isScheduled = false;
    this.#spentMs = 0;
    for (let work = this.#waiting[0]; work !== undefined; work = this.#waiting[0]) {
      if (this.#spentMs >= turnMs || (work.isLong && this.#spentMs > 0)) break;
      this.#waiting.shift();
      this.#runNow(work.run);
      if (work.isLong) break;
    }
    this.#schedule();
  };
}
