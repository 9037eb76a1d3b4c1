import { setTimeout as pause } from 'node:timers/promises';
import type { LinqClient } from '../linq/client.ts';
import { type CallerSignal, Cancellation } from '../reads/cancellation.ts';
import type { Reader } from '../reads/reads.ts';
import type { Route } from '../reads/route.ts';
import type { Position } from './chat-event.ts';
import type { EventTail } from './event-tail.ts';

/** When a message that Linq does not know yet is read again. In milliseconds. */
const delaysMs = [250, 1_000];
/** How long the value of a read serves streams that come to the event later. In milliseconds. */
const keptMs = 1_000;

interface SharedRead {
  /** The value includes all events up to this one. */
  readonly begunAt: Position;
  readonly value: Promise<unknown>;
}

/**
 * Reads for events: each begins after its event, and is one for all streams with the same token, and for all events of the
 * same resource that wait.
 */
export class EventReads {
  readonly #client: Pick<LinqClient, 'get'>;
  readonly #tail: EventTail;
  /** By token and path. */
  readonly #reads = new Map<string, SharedRead>();

  constructor(client: Pick<LinqClient, 'get'>, tail: EventTail) {
    this.#client = client;
    this.#tail = tail;
  }

  /** `isNew`: the event says that it exists, so that it is read again when Linq does not know it. */
  read<Key, Value>(
    route: Route<Key, Value>,
    key: Key,
    reader: Pick<Reader, 'token' | 'timeoutMs' | 'requestId'>,
    position: Position,
    isNew: boolean,
  ): Promise<Value | null> {
    const name = `${reader.token?.digest} ${route.path(key)}`;
    const known = this.#reads.get(name);
    // A path belongs to one route.
    if (known !== undefined && known.begunAt >= position) return known.value as Promise<Value | null>;
    const shared = { begunAt: this.#tail.position, value: this.#readUntilFound(route, key, reader, isNew) };
    this.#reads.set(name, shared);
    const forget = () => void (this.#reads.get(name) === shared && this.#reads.delete(name));
    shared.value.then(() => setTimeout(forget, keptMs).unref(), forget);
    return shared.value;
  }

  async #readUntilFound<Key, Value>(
    route: Route<Key, Value>,
    key: Key,
    reader: Pick<Reader, 'token' | 'timeoutMs' | 'requestId'>,
    isNew: boolean,
  ): Promise<Value | null> {
    const read = () =>
      this.#client.get(route, key, { ...reader, freshness: 'fresh', cancellation: new Cancellation(never) });
    let value = await read();
    for (const delayMs of isNew ? delaysMs : []) {
      if (value !== null) break;
      await pause(delayMs, undefined, { ref: false });
      value = await read();
    }
    return value;
  }
}

/** Other streams may share the read when the one that began it ends. */
const never: CallerSignal = { aborted: false, addEventListener() {}, removeEventListener() {} };
