import type { LogEvent, Position } from './chat-event.ts';

type Listener = (event: LogEvent) => void;

/** How far back events can be read: this many, and this long. In milliseconds. */
export const maxReplay = 1_000;
const replayMs = 15 * 60_000;
/** How long `read` waits for a position that another process may already know. In milliseconds. */
const lagMs = 1_000;

/** The newest events of a log, as this process knows it. */
export class EventTail {
  readonly #events: { readonly event: LogEvent; readonly addedAt: number }[] = [];
  readonly #listeners = new Set<Listener>();
  /** All events after this one are here. */
  #start: Position;
  #position: Position;

  constructor(start: Position) {
    this.#start = start;
    this.#position = start;
  }

  /** Of the newest event. */
  get position(): Position {
    return this.#position;
  }

  /** Calls the listener with each later event, in the order of their positions. It must not throw. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * The events after this one; undefined if some of them may be missing, as where only another process knows it. For a stream: subscribe first, then read, then leave out
   * what came in both ways.
   */
  async read(after: Position): Promise<readonly LogEvent[] | undefined> {
    if (after > this.#position) await this.#reach(after);
    this.#trim();
    const index = this.#events.findIndex(({ event }) => event.position === after);
    if (index === -1 && after !== this.#start) return undefined;
    return this.#events.slice(index + 1).map(({ event }) => event);
  }

  /** Its position must be greater than that of all others. */
  add(event: LogEvent): void {
    this.#events.push({ event, addedAt: performance.now() });
    this.#position = event.position;
    this.#trim();
    for (const listener of this.#listeners) listener(event);
  }

  /** Begins again with the events that other processes know, the oldest after `start`. Listeners hear of a gap, then of each. */
  restart(start: Position, events: readonly LogEvent[]): void {
    this.#events.length = 0;
    this.#start = start;
    this.#position = start;
    for (const listener of this.#listeners) listener({ kind: 'gap', position: start });
    for (const event of events) this.add(event);
  }

  /** What `restart` needs in another process. */
  snapshot(): { readonly start: Position; readonly events: readonly LogEvent[] } {
    this.#trim();
    return { start: this.#start, events: this.#events.map(({ event }) => event) };
  }

  #trim(): void {
    const oldest = performance.now() - replayMs;
    while (this.#events.length > maxReplay || (this.#events[0]?.addedAt ?? oldest) < oldest) {
      this.#start = this.#events.shift()?.event.position ?? this.#start;
    }
  }

  #reach(position: Position): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        leave();
        resolve();
      };
      const timer = setTimeout(end, lagMs);
      const leave = this.subscribe(() => position <= this.#position && end());
    });
  }
}
