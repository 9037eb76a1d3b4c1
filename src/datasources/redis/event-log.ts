import { randomInt } from 'node:crypto';
import {
  type Admission,
  type ChatEvent,
  eventKinds,
  firstPosition,
  type IncomingEvent,
  type Position,
  positionBetween,
  positionOf,
  rememberMs,
} from '../events/chat-event.ts';
import type { EventLog } from '../events/event-log.ts';
import { EventTail, maxReplay } from '../events/event-tail.ts';
import { RecentDigests } from '../events/recent-digests.ts';
import { isLinqId } from '../model.ts';
import { type RedisClient, RedisConnection } from './connection.ts';

/** About how many events the stream keeps. */
const maxStream = 10_000;
/** How long one command waits for new events. In milliseconds. */
const blockMs = 1_000;

/** Appends an event unless it was delivered before, in one step. */
const append = `
local isNew = redis.call('SET', KEYS[2], '', 'NX', 'PX', ${rememberMs})
local isNewToo = redis.call('SET', KEYS[3], '', 'NX', 'PX', ${rememberMs})
if not (isNew and isNewToo) then return false end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ${maxStream}, '*', unpack(ARGV))
redis.call('PEXPIRE', KEYS[1], ${rememberMs})
return 1`;

const appendGap = `
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ${maxStream}, '*', 'kind', 'gap')
redis.call('PEXPIRE', KEYS[1], ${rememberMs})
return 1`;

/** Begins the stream, so that all replicas know the events since the same position. */
const begin = `
if #redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1) > 0 then return 0 end
${appendGap}`;

interface RedisEventLogOptions {
  readonly url: string;
  readonly replicas: {
    key(name: string): string;
    run(script: string, names: readonly string[], args: readonly string[]): Promise<unknown>;
  };
  readonly onChange: (isUp: boolean, reason: string | undefined) => void;
}

interface Entry {
  readonly id: { toString(): string };
  readonly message: { readonly [field: string]: { toString(): string } };
}

/**
 * The log of all replicas: a Redis stream, whose ids are the positions. It is read with a connection of its own, which waits for
 * events. While Redis is away, the log is that of this process; afterwards every replica delivers a gap.
 */
export class RedisEventLog implements EventLog {
  readonly tail = new EventTail(firstPosition());
  /** In the positions that this process alone has. */
  readonly #process = randomInt(100_000_000);
  readonly #replicas: RedisEventLogOptions['replicas'];
  readonly #connection: RedisConnection;
  /** Of the events in `tail`: Redis may lose its own. */
  readonly #delivered = new RecentDigests();
  /** The id of the last entry that was read; undefined until the stream was read for the first time. */
  #lastId: string | undefined;
  /** The last position of the stream, and how many this process has put after it. */
  #base = this.tail.position;
  #between = 0;
  #state: 'opening' | 'open' | 'closed' = 'opening';
  /** How often the connection was opened. */
  #openings = 0;
  /** Whether the other replicas must learn that they have missed events, and streams that move to this one. */
  #owesGap = false;

  constructor({ url, replicas, onChange }: RedisEventLogOptions) {
    this.#replicas = replicas;
    this.#connection = new RedisConnection({
      url,
      onConnect: (client) => this.#catchUp(client),
      onChange: (isUp, reason) => {
        onChange(isUp, reason);
        if (isUp) void this.#follow();
      },
    });
  }

  async append({ event, digests }: IncomingEvent): Promise<Admission> {
    if (this.#delivered.has(digests)) return 'duplicate';
    const { kind, chatId, messageId, occurredAt } = event;
    const [digest, other] = digests;
    const reply = await this.#replicas.run(
      append,
      ['events', `event:${digest}`, `event:${other}`],
      ['kind', kind, 'chat', chatId, 'message', messageId, 'at', occurredAt, 'digest', digest],
    );
    if (reply === null) return 'duplicate';
    if (reply !== undefined) return 'admitted';
    if (this.#state === 'closed') return 'unavailable';
    if (!this.#delivered.add(digests)) return 'duplicate';
    this.#owesGap = true;
    this.tail.add({ ...event, position: this.#nextBetween() });
    return 'admitted';
  }

  async open(): Promise<void> {
    await this.#connection.open();
    this.#state = 'open';
  }

  close(): void {
    this.#state = 'closed';
    this.#connection.close();
  }

  /** At the start reads the newest events. Later, other replicas may have taken events that are in no stream: a gap. */
  async #catchUp(client: RedisClient): Promise<void> {
    const key = this.#replicas.key('events');
    if (this.#lastId === undefined) {
      const isFirst = this.#state === 'opening';
      await client.eval(begin, { keys: [key] });
      const newest = await client.xRevRange(key, '+', '-', { COUNT: isFirst ? maxReplay : 1 });
      const [oldest, ...others] = newest?.toReversed() ?? [];
      if (oldest === undefined) throw new Error('the stream was deleted');
      this.#lastId = String(oldest.id);
      this.#base = positionOfId(this.#lastId);
      this.#between = 0;
      if (isFirst) this.tail.restart(this.#base, []);
      else this.tail.add({ kind: 'gap', position: this.#base });
      for (const entry of others) this.#take(entry);
      return;
    }
    const known = await client.xRange(key, this.#lastId, this.#lastId);
    if (!known?.length) {
      // Redis has lost its data or some of it, and may count from an earlier time. What it still has was read before.
      const [newest] = (await client.xRevRange(key, '+', '-', { COUNT: 1 })) ?? [];
      const newestId = newest === undefined ? '0-0' : String(newest.id);
      if (positionOfId(newestId) < positionOfId(this.#lastId)) this.#lastId = newestId;
    }
    this.tail.add({ kind: 'gap', position: this.#nextBetween() });
  }

  async #follow(): Promise<void> {
    const key = this.#replicas.key('events');
    const opening = ++this.#openings;
    for (;;) {
      await this.#payGap();
      if (opening !== this.#openings) return; // lost and opened again meanwhile
      const reply = await this.#connection.run(
        (client) => client.xRead({ key, id: this.#lastId ?? '0-0' }, { BLOCK: blockMs, COUNT: maxReplay }),
        { waitMs: blockMs },
      );
      if (reply === undefined) return; // lost: the next opening follows again
      for (const { messages } of reply ?? []) for (const entry of messages) this.#take(entry);
    }
  }

  async #payGap(): Promise<void> {
    if (!this.#owesGap) return;
    this.#owesGap = false;
    const reply = await this.#replicas.run(appendGap, ['events'], []);
    if (reply === undefined) this.#owesGap = true;
  }

  #take({ id, message }: Entry): void {
    this.#lastId = String(id);
    let position: Position = positionOfId(this.#lastId);
    if (position > this.#base) {
      this.#base = position;
      this.#between = 0;
    } else position = this.#nextBetween(); // Redis counts from an earlier time than before
    const field = (name: string) => String(message[name] ?? '');
    if (field('kind') === 'gap') {
      this.tail.add({ kind: 'gap', position });
      return;
    }
    const event = eventOf(field);
    if (event === undefined || !this.#delivered.add([field('digest')])) return;
    this.tail.add({ ...event, position });
  }

  #nextBetween(): Position {
    return positionBetween(this.#base, ++this.#between, this.#process);
  }
}

/** Undefined for what a later version may write. */
function eventOf(field: (name: string) => string): ChatEvent | undefined {
  const kind = eventKinds.find((known) => known === field('kind'));
  const [chatId, messageId] = [field('chat'), field('message')];
  if (kind === undefined || !isLinqId(chatId) || !isLinqId(messageId)) return undefined;
  return { kind, chatId, messageId, occurredAt: field('at') };
}

function positionOfId(id: string): Position {
  const [ms, sequence] = id.split('-');
  return positionOf(Number(ms), Number(sequence));
}
