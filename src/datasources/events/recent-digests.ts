import { rememberMs } from './chat-event.ts';

/** Two of each of 100,000 events. About 30 MB in all. */
const maxInGeneration = 200_000;

/**
 * Recognizes events that were delivered before: for 25 hours or longer, or as far back as a full generation reaches. (Two sets,
 * because a map from which the oldest are deleted one by one gets slow.)
 */
export class RecentDigests {
  readonly #maxInGeneration: number;
  #newest = new Set<string>();
  #older = new Set<string>();
  /** When `#newest` was begun, in milliseconds of `performance.now()`. */
  #since: number;

  constructor(max = maxInGeneration, now = performance.now()) {
    this.#maxInGeneration = max;
    this.#since = now;
  }

  /** Remembers all of them. Whether none was known. */
  add(digests: readonly string[], now = performance.now()): boolean {
    if (this.#newest.size >= this.#maxInGeneration || now - this.#since >= rememberMs) {
      this.#older = this.#newest;
      this.#newest = new Set();
      this.#since = now;
    }
    const isNew = !this.has(digests);
    for (const digest of digests) this.#newest.add(digest);
    return isNew;
  }

  has(digests: readonly string[]): boolean {
    return digests.some((digest) => this.#newest.has(digest) || this.#older.has(digest));
  }
}
