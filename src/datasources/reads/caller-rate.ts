import { LinkedQueue, type QueueNode } from './linked-queue.ts';
import { TokenBucket } from './token-bucket.ts';

/** A read whose caller is over its rate. */
export interface DelayedRead extends QueueNode {
  start(now: number): void;
}

/** Limits how many reads one caller starts in a second, in this process. Those over the rate wait, in order. */
export class CallerRate {
  readonly #bucket: TokenBucket;
  readonly #delayed = new LinkedQueue<DelayedRead>();
  #timer: NodeJS.Timeout | undefined;

  constructor(perSecond: number) {
    this.#bucket = new TokenBucket(perSecond);
  }

  /** Whether a read may start now; it then counts as started. */
  admits(): boolean {
    if (this.#delayed.size > 0 || this.#bucket.waitFor(1) > 0) return false;
    this.#bucket.take();
    return true;
  }

  /** How long one more read would wait. In milliseconds. */
  get waitMs(): number {
    return this.#bucket.waitFor(this.#delayed.size + 1);
  }

  get waiting(): number {
    return this.#delayed.size;
  }

  get isWaiting(): boolean {
    return this.#delayed.size > 0;
  }

  get isFull(): boolean {
    return this.#bucket.isFull;
  }

  delay(read: DelayedRead): void {
    this.#delayed.add(read);
    this.#schedule();
  }

  remove(read: DelayedRead): void {
    this.#delayed.remove(read);
    if (this.#delayed.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#delayed.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const now = performance.now();
      for (let read = this.#delayed.first; read !== undefined; read = this.#delayed.first) {
        if (this.#bucket.waitFor(1) > 0) break;
        this.#bucket.take();
        this.#delayed.remove(read);
        read.start(now);
      }
      this.#schedule();
    }, this.#bucket.waitFor(1));
  }
}
