import { rememberMs } from './chat-event.ts';

/** About 20 MB. */
const maxDigests = 200_000;

/** Recognizes events that were delivered before. When there are too many to remember, the oldest are forgotten first. */
export class RecentDigests {
  /** When each expires, in milliseconds of `performance.now()`; oldest first. */
  readonly #expiry = new Map<string, number>();
  readonly #max: number;

  constructor(max = maxDigests) {
    this.#max = max;
  }

  /** Remembers all of them. Whether none was known. */
  add(digests: readonly string[], now = performance.now()): boolean {
    const isNew = !digests.some((digest) => (this.#expiry.get(digest) ?? 0) > now);
    for (const digest of digests) {
      if (isNew) this.#expiry.delete(digest); // expired: it becomes the newest
      if (!this.#expiry.has(digest)) this.#expiry.set(digest, now + rememberMs);
    }
    for (const [oldest, expiry] of this.#expiry) {
      if (this.#expiry.size <= this.#max && expiry > now) break;
      this.#expiry.delete(oldest);
    }
    return isNew;
  }

  has(digests: readonly string[], now = performance.now()): boolean {
    return digests.some((digest) => (this.#expiry.get(digest) ?? 0) > now);
  }
}
