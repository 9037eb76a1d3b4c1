import { type Admission, type IncomingEvent, type Position, positionOf } from './chat-event.ts';
import type { EventLog } from './event-log.ts';
import { EventTail } from './event-tail.ts';
import { RecentDigests } from './recent-digests.ts';

/** The log of one process. */
export class MemoryEventLog implements EventLog {
  readonly #digests = new RecentDigests();
  #ms = Date.now();
  #sequence = 0;
  readonly tail = new EventTail(positionOf(this.#ms, this.#sequence));

  async append({ event, digests }: IncomingEvent): Promise<Admission> {
    if (!this.#digests.add(digests)) return 'duplicate';
    this.tail.add({ ...event, position: this.#next() });
    return 'admitted';
  }

  async open(): Promise<void> {}

  close(): void {}

  #next(): Position {
    const now = Date.now();
    if (now > this.#ms) {
      this.#ms = now;
      this.#sequence = 0;
    } else this.#sequence++; // the same millisecond, or a clock that was set back
    return positionOf(this.#ms, this.#sequence);
  }
}
