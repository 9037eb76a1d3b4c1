import type { LogEvent } from './chat-event.ts';

/** Events that may wait for one reader. */
const maxWaiting = 100;

/**
 * Events for one reader. When too many wait, they are dropped for one gap, from whose position the reader can go on. (An object
 * with `next` and `return`: an async generator that waits for an event would not end when its reader leaves.)
 */
export class EventQueue implements AsyncIterableIterator<LogEvent> {
  readonly #onReturn: () => void;
  #waiting: LogEvent[] = [];
  readonly #readers: ((result: IteratorResult<LogEvent, undefined>) => void)[] = [];
  #isOver = false;

  /** `onReturn` is called once, when nothing more will be read. */
  constructor(onReturn: () => void) {
    this.#onReturn = onReturn;
  }

  push(event: LogEvent): void {
    if (this.#isOver) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) reader({ done: false, value: event });
    else if (this.#waiting.length < maxWaiting) this.#waiting.push(event);
    else this.#waiting = [{ kind: 'gap', position: event.position }];
  }

  next(): Promise<IteratorResult<LogEvent, undefined>> {
    const event = this.#waiting.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#isOver) return Promise.resolve(over);
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  /** Drops what waits and ends every read that waits. */
  return(): Promise<IteratorResult<LogEvent, undefined>> {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#waiting = [];
      for (const reader of this.#readers.splice(0)) reader(over);
      this.#onReturn();
    }
    return Promise.resolve(over);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const over = { done: true, value: undefined } as const;
