import { createHmac, randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { openStream } from '../test/support/streams.ts';
import { pause } from './support/callers.ts';
import { type Replica, startRedis, startReplica } from './support/fleet.ts';
import { startLinq } from './support/linq.ts';

const secret = 'a-secret-of-the-subscription';
const chats = ['1', '2', '3'];
const readerCount = 12;

/** Delivers a webhook as Linq does: to another replica if one does not respond. Resolves when it was accepted. */
async function deliver(replicas: readonly Replica[], chatId: string, id: number): Promise<void> {
  const body = JSON.stringify({
    api_version: 'v2',
    created_at: new Date().toISOString(),
    data: { chat_id: chatId, id: `${id}`, text: 'a private text' },
    event_id: randomUUID(),
    event_type: 'message.received',
  });
  const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
  const headers = { 'content-type': 'application/json', 'x-webhook-signature': signature };
  for (let turn = Math.floor(Math.random() * replicas.length); ; turn++) {
    const { origin = '' } = replicas[turn % replicas.length] ?? {};
    const response = await fetch(`${origin}/webhooks/linq`, { method: 'POST', headers, body }).catch(() => undefined);
    if (response?.status === 200) return;
    await pause(5);
  }
}

/** A client that opens its stream again, on the other replica, whenever it ends, and continues after what it has received. */
class Reader {
  readonly chatIds: readonly string[];
  /** Ids of messages, and `gap`. */
  readonly received: (number | 'gap')[] = [];
  /** Streams that were continued after an event. */
  resumed = 0;
  readonly #replicas: readonly Replica[];
  #turn: number;
  #cursor: string | undefined;
  #close = () => {};
  #isOver = false;
  readonly done: Promise<void>;
  readonly opened = Promise.withResolvers<void>();

  constructor(replicas: readonly Replica[], index: number) {
    this.#replicas = replicas;
    this.#turn = index;
    this.chatIds = chats.filter((_, at) => at === index % chats.length || Math.random() < 0.5);
    this.done = this.#run();
  }

  close(): void {
    this.#isOver = true;
    this.#close();
  }

  async #run(): Promise<void> {
    for (; !this.#isOver; await pause(50)) {
      const after = this.#cursor;
      const { origin = '' } = this.#replicas[this.#turn++ % this.#replicas.length] ?? {};
      const byHeader = Math.random() < 0.5;
      const stream = await openStream(
        { url: `${origin}/graphql` },
        {
          variables: { chatIds: this.chatIds, ...(!byHeader && { after }) },
          headers: byHeader && after !== undefined ? { 'last-event-id': after } : {},
        },
      ).catch(() => undefined);
      if (stream === undefined) continue;
      this.#close = () => stream.close();
      this.opened.resolve();
      if (after !== undefined) this.resumed++;
      for (;;) {
        const { ended, errors, kind, cursor, chatId, messageId, message } = await stream.event();
        if (ended) break;
        if (errors !== undefined) throw new Error(JSON.stringify(errors));
        this.#cursor = cursor;
        if (kind !== 'GAP' && (!this.chatIds.includes(chatId) || message?.text !== `Message ${messageId}`))
          throw new Error(`another event: ${JSON.stringify({ chatId, messageId, message })}`);
        this.received.push(kind === 'GAP' ? 'gap' : Number(messageId));
      }
    }
  }
}

it('loses no event without a gap, and repeats none, while replicas and Redis are killed under open streams', async () => {
  await using linq = await startLinq();
  await using redis = await startRedis();
  const env = {
    LINQ_API_URL: linq.origin,
    REDIS_URL: redis.url,
    LINQ_INTEGRATION_TOKEN: 'token',
    LINQ_WEBHOOK_SECRETS: secret,
    LINQ_CACHE_TTL_MS: '60000',
    MAX_STREAMS_PER_CALLER: '100',
  };
  await using a = await startReplica(env);
  await using b = await startReplica(env);
  const replicas = [a, b];
  const readers = Array.from({ length: readerCount }, (_, index) => new Reader(replicas, index));
  const failed = Promise.all(readers.map(({ done }) => done)); // rejects when one of them does
  await Promise.race([Promise.all(readers.map(({ opened }) => opened.promise)), failed]);

  /** Of each accepted event, its chat, and how much each reader had received before it was sent. */
  const accepted = new Map<number, { readonly chatId: string; readonly before: readonly number[] }>();
  let isOver = false;
  let lastId = 0;
  const send = async (chatId: string) => {
    const id = ++lastId;
    const before = readers.map(({ received }) => received.length);
    await deliver(replicas, chatId, id);
    accepted.set(id, { chatId, before });
    return id;
  };
  const senders = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      await send(chats[Math.floor(Math.random() * chats.length)] ?? '');
      await pause(Math.random() * 20);
    }
  });
  for (const happens of [
    () => a.kill(),
    () => a.start(),
    () => redis.kill(),
    () => redis.start(),
    () => b.kill(),
    () => b.start(),
    () => redis.signal('SIGSTOP'),
    () => redis.signal('SIGCONT'),
    () => Promise.all([a.kill(), redis.kill()]),
    () => Promise.all([a.start(), redis.start()]),
  ]) {
    await Promise.race([pause(1_500), failed]);
    await happens();
  }
  await Promise.race([pause(2_000), failed]);
  isOver = true;
  await Promise.all(senders);
  for (const chatId of chats) {
    const last = await send(chatId);
    const concerned = readers.filter(({ chatIds }) => chatIds.includes(chatId));
    while (!concerned.every(({ received }) => received.includes(last))) await Promise.race([pause(10), failed]);
  }
  for (const reader of readers) reader.close();
  await failed;

  let lost = 0;
  for (const [index, { chatIds, received, resumed }] of readers.entries()) {
    const events = received.filter((id) => id !== 'gap');
    expect(new Set(events).size).toBe(events.length);
    const missed = [...accepted].filter(([id, { chatId }]) => chatIds.includes(chatId) && !events.includes(id));
    expect(missed.filter(([, { before }]) => !received.slice(before[index]).includes('gap'))).toEqual([]);
    expect(resumed).toBeGreaterThan(0);
    lost += missed.length;
  }
  const gaps = readers.flatMap(({ received }) => received).filter((id) => id === 'gap').length;
  process.stdout.write(`${accepted.size} events; to ${readerCount} readers: ${lost} missed, ${gaps} gaps\n`);
  expect(accepted.size).toBeGreaterThan(300);
});
