import { comparePositions } from '../../src/datasources/message-position.ts';
import type { MessagePosition } from '../../src/datasources/model.ts';
import type { Sort, Timeline } from '../../src/sandbox/message-list.ts';
import type { LinqMessage } from '../../src/sandbox/messages.ts';

/** Random numbers that a seed repeats (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  isTrue(): boolean {
    return this.next() < 0.5;
  }

  of<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)] as Value;
  }
}

interface Sent {
  /** In milliseconds, finer than it is printed. */
  readonly time: number;
  readonly position: MessagePosition;
  readonly message: LinqMessage;
  /** Decides the order among messages of the same time. */
  readonly tie: number;
}

/** A chat of random messages, some sent in bursts and at the same time, that arrive and disappear. */
export class TestChat implements Timeline {
  readonly #random: Random;
  readonly #isFine: boolean;
  readonly #roundsUp: boolean;
  readonly #tiesFollowSort: boolean;
  #ascending: Sent[] = [];
  #descending: Sent[] | undefined;
  #now = Date.UTC(2025, 4, 21, 20, 30);
  #lastId = 1_000;

  constructor(
    random: Random,
    length: number,
    { maxBurst = 250, gap = random.of([1, 3, 5_000]) }: { readonly maxBurst?: number; readonly gap?: number } = {},
  ) {
    this.#random = random;
    this.#isFine = random.isTrue();
    this.#roundsUp = random.isTrue();
    this.#tiesFollowSort = random.isTrue();
    const longest = Math.min(maxBurst, random.of([1, 3, 30, maxBurst]));
    while (this.#ascending.length < length) {
      this.#now += random.below(gap);
      const burst = random.below(10) === 0 ? 1 + random.below(Math.min(longest, length - this.#ascending.length)) : 1;
      for (let index = 0; index < burst; index++) this.#send(this.#now);
    }
    this.#sort();
  }

  get length(): number {
    return this.#ascending.length;
  }

  at(index: number, sort: Sort): LinqMessage {
    this.#descending ??= this.#ascending.toSorted(
      (a, b) => b.time - a.time || (this.#tiesFollowSort ? b.tie - a.tie : a.tie - b.tie),
    );
    return (sort === 'asc' ? this.#ascending : this.#descending)[index]?.message as LinqMessage;
  }

  timeAt(index: number): number {
    return this.#ascending[index]?.time as number;
  }

  /** In the order of pages. */
  positions(): MessagePosition[] {
    return this.#ascending.map(({ position }) => position).toSorted(comparePositions);
  }

  /** Of a message that exists, or that might have. */
  anyPosition(): MessagePosition | undefined {
    const { position } = this.#ascending[this.#random.below(this.length)] ?? {};
    const move = this.#random.below(3) - 1;
    return position && this.#random.isTrue() ? { ms: position.ms + move, id: position.id } : position;
  }

  arrive(count: number): void {
    for (let index = 0; index < count; index++) {
      this.#now += this.#random.below(3);
      this.#send(this.#now);
    }
    this.#sort();
  }

  /** In one millisecond, a minute after the last. */
  arriveTogether(count: number): void {
    this.#now += 60_000;
    for (let index = 0; index < count; index++) this.#send(this.#now);
    this.#sort();
  }

  /** Messages whose time is in the past. */
  arriveLate(count: number): void {
    for (let index = 0; index < count; index++) this.#send(this.#now - this.#random.below(20_000));
    this.#sort();
  }

  /** Returns the ids of the deleted messages. */
  delete(count: number): string[] {
    const ids: string[] = [];
    for (let index = 0; index < count && this.length > 0; index++) {
      for (const { message } of this.#ascending.splice(this.#random.below(this.length), 1)) ids.push(message.id);
    }
    this.#sort();
    return ids;
  }

  #send(ms: number): void {
    const time = this.#isFine ? ms + Math.floor(this.#random.next() * 1_000) / 1_000 : ms;
    const printed = this.#roundsUp ? Math.round(time) : Math.floor(time);
    this.#lastId += 1 + this.#random.below(3_000);
    const id = String(this.#lastId);
    const sent_at = new Date(printed - 5 * 3_600_000).toISOString().replace('Z', '-05:00');
    const message = { ...plain, id, sent_at };
    this.#ascending.push({ time, message, position: { ms: printed, id }, tie: this.#random.next() });
  }

  #sort(): void {
    this.#ascending.sort((a, b) => a.time - b.time || a.tie - b.tie);
    this.#descending = undefined;
  }
}

const plain = {
  text: 'text',
  delivered_at: null,
  delivery_status: 'delivered',
  edited_at: null,
  is_read: true,
  sent_from: '+15559876543',
  chat_handle_id: 124,
  attachments: [],
  reactions: [],
};
