import { RollingCount } from './rolling-count.ts';

/** Keeps retries from multiplying an outage: at most a tenth of the reads of the last ten seconds, or ten. See docs/decisions/read-path.md. */
export class RetryBudget {
  readonly #reads = new RollingCount(10);
  readonly #retries = new RollingCount(10);

  countRead(now: number): void {
    this.#reads.add(now);
  }

  /** Uses up one retry; false when the budget is exhausted. */
  take(now: number): boolean {
    if (this.#retries.total(now) >= Math.max(10, this.#reads.total(now) / 10)) return false;
    this.#retries.add(now);
    return true;
  }
}
