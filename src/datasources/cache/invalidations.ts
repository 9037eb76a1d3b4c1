import { LRUCache } from 'lru-cache';
import type { LogEvent, Position } from '../events/chat-event.ts';
import type { EventTail } from '../events/event-tail.ts';
import type { Scope } from '../reads/route.ts';

/** Chats and messages whose last event is remembered. */
const maxRemembered = 50_000;

/**
 * Which cached values an event has made outdated: those whose read began before it, whatever their token. When an event is
 * forgotten, all values whose read began before it count as outdated.
 */
export class Invalidations {
  readonly #tail: EventTail;
  /** The position of the last event of a chat, of a message, and of one that concerned every message of a chat. */
  readonly #last = new LRUCache<string, Position>({
    maxSize: maxRemembered, // `max` would allocate all entries at once
    sizeCalculation: () => 1,
    dispose: (position, _name, reason) => {
      if (reason === 'evict') this.#floor = position;
    },
  });
  /** The positions before this one are not known. */
  #floor: Position;

  constructor(tail: EventTail) {
    this.#tail = tail;
    this.#floor = tail.position;
    tail.subscribe((event) => this.#apply(event));
  }

  /** Values that are read from now on include all events up to this one. */
  get position(): Position {
    return this.#tail.position;
  }

  isOutdated({ chatId, messageId }: Scope, begunAt: Position): boolean {
    if (begunAt < this.#floor) return true;
    if (messageId === undefined) return this.#isAfter(chatId, begunAt);
    return this.#isAfter(`${chatId}/*`, begunAt) || this.#isAfter(`${chatId}/${messageId}`, begunAt);
  }

  #isAfter(name: string, begunAt: Position): boolean {
    const position = this.#last.peek(name); // the order is that of the events
    return position !== undefined && position > begunAt;
  }

  #apply(event: LogEvent): void {
    if (event.kind === 'gap') {
      this.#last.clear();
      this.#floor = event.position;
      return;
    }
    const { kind, chatId, messageId, position } = event;
    this.#last.set(chatId, position);
    // One message.read may stand for all messages up to the one it names.
    this.#last.set(kind === 'message.read' ? `${chatId}/*` : `${chatId}/${messageId}`, position);
  }
}
