import { LinkedQueue, type QueueNode } from './linked-queue.ts';

export interface Expirable extends QueueNode {
  /** In milliseconds of `performance.now()`. */
  readonly deadline: number;
  /** The queue it is in; set only here. */
  timeouts?: Timeouts | undefined;
  expire(): void;
  cancel(): void;
}

interface Timeouts {
  readonly queue: LinkedQueue<Expirable>;
  timer: NodeJS.Timeout | undefined;
}

/**
 * One timer for each distinct timeout, not one for each read: deadlines of equal length expire in the order in which they
 * were added, so a queue of them is sorted. Removing one costs no timer call.
 */
export class Deadlines {
  readonly #byLength = new Map<number, Timeouts>();

  add(one: Expirable, timeoutMs: number): void {
    let timeouts = this.#byLength.get(timeoutMs);
    if (timeouts === undefined) {
      timeouts = { queue: new LinkedQueue<Expirable>(), timer: undefined };
      this.#byLength.set(timeoutMs, timeouts);
    }
    one.timeouts = timeouts;
    timeouts.queue.add(one);
    if (timeouts.timer === undefined) this.#setTimer(timeouts, timeoutMs, timeoutMs);
  }

  remove(one: Expirable): void {
    one.timeouts?.queue.remove(one);
    one.timeouts = undefined;
  }

  /** Cancels all of them, whatever their deadlines: in reverse order, as `Cancellation` does. */
  cancelAll(): void {
    const all = [...this.#byLength.values()].flatMap(({ queue }) => [...queue]);
    for (const one of all.toReversed()) one.cancel();
  }

  #setTimer(timeouts: Timeouts, timeoutMs: number, delayMs: number): void {
    timeouts.timer = setTimeout(() => {
      timeouts.timer = undefined;
      // Those of one operation expire together, though it took a moment to start them: none is sent in the place of another.
      const now = performance.now() + 1;
      const { queue } = timeouts;
      for (let one = queue.first; one !== undefined && one.deadline <= now; one = queue.first) {
        this.remove(one);
        one.expire();
      }
      if (timeouts.timer !== undefined) return; // `expire` led to a new deadline of this length
      if (queue.first !== undefined) this.#setTimer(timeouts, timeoutMs, Math.ceil(queue.first.deadline - now) + 1);
      else this.#byLength.delete(timeoutMs);
    }, delayMs);
    timeouts.timer.unref();
  }
}
