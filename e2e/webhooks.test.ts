import { execFileSync } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Admission, IncomingEvent, LogEvent } from '../src/datasources/events/chat-event.ts';
import { isLinqId, type LinqId } from '../src/datasources/model.ts';
import { RedisEventLog } from '../src/datasources/redis/event-log.ts';
import { Replicas } from '../src/datasources/redis/replicas.ts';
import { type Answer, pause, read } from './support/callers.ts';
import { type RedisServer, startLinq, startRedis, startReplica } from './support/fleet.ts';

const secret = 'a-secret-of-the-subscription';

/** Delivers a webhook as Linq does; returns the status. */
async function deliver(origin: string, more: object = {}, data: object = {}): Promise<number> {
  const body = JSON.stringify({
    api_version: 'v2',
    created_at: new Date().toISOString(),
    data: { chat_id: '2', id: '7', text: 'a private text', from_phone: '+15550123987', ...data },
    event_id: randomUUID(),
    event_type: 'message.received',
    ...more,
  });
  const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
  const headers = { 'content-type': 'application/json', 'x-webhook-signature': signature };
  return (await fetch(`${origin}/webhooks/linq`, { method: 'POST', headers, body })).status;
}

function cli({ port }: RedisServer, ...args: string[]): string {
  return execFileSync('redis-cli', ['-p', `${port}`, '--no-raw', ...args], { encoding: 'utf8' });
}

async function counted(origin: string, outcome: string, count: number): Promise<void> {
  const line = `linq_webhooks_total{outcome="${outcome}"} ${count}\n`;
  while (!(await (await fetch(`${origin}/metrics`)).text()).includes(line)) await pause(10);
}

const textOf = ({ data, errors }: Answer) => data?.chatMessage?.text ?? errors?.[0]?.extensions.code;
const caller = { 'x-linq-integration-token': 'one' };

describe('replicas that share Redis', () => {
  /** One Redis, and a function that starts a replica. */
  async function startShared() {
    await using stack = new AsyncDisposableStack();
    const linq = stack.use(await startLinq());
    const redis = stack.use(await startRedis());
    const env = {
      LINQ_API_URL: linq.origin,
      REDIS_URL: redis.url,
      LINQ_CACHE_TTL_MS: '60000',
      LINQ_WEBHOOK_SECRETS: secret,
    };
    const all = stack.move();
    const startOne = async () => all.use(await startReplica(env));
    return { linq, redis, startOne, [Symbol.asyncDispose]: () => all.disposeAsync() };
  }

  it('admit an event once, and none of them then returns what was cached before', async () => {
    await using shared = await startShared();
    const { linq, redis, startOne } = shared;
    const [a, b] = [await startOne(), await startOne()];
    for (const { origin } of [a, b]) await read(origin, 2, 7, caller);
    await read(a.origin, 2, 8, caller);
    expect(linq.calls).toHaveLength(2);
    const event = { event_id: 'twice' };
    expect(await deliver(a.origin, event)).toBe(200);
    expect(await deliver(b.origin, event)).toBe(200);
    await counted(a.origin, 'admitted', 1);
    await counted(b.origin, 'duplicate', 1);
    while (linq.calls.length < 3) await read(b.origin, 2, 7, caller);
    await read(a.origin, 2, 7, caller);
    for (const { origin } of [a, b]) expect(textOf(await read(origin, 2, 8, caller))).toBe('2/8 for one');
    expect(linq.calls.map(({ key }) => key)).toEqual(['2/7', '2/8', '2/7']);

    // One that starts later knows the events before it, also those that a killed one received.
    expect(await deliver(a.origin, { event_type: 'message.read' }, { id: '9' })).toBe(200);
    await a.kill();
    const c = await startOne();
    await read(c.origin, 2, 8, caller);
    expect(linq.calls.map(({ key }) => key)).toEqual(['2/7', '2/8', '2/7', '2/8']);
    await read(c.origin, 2, 8, caller);
    expect(linq.calls).toHaveLength(4);
    expect(cli(redis, 'TYPE', cli(redis, '--scan', '--pattern', '*:events').replace(/^.*?"|"\s*$/g, ''))).toContain(
      'stream',
    );
  });

  it('store only kind, ids, time and digests of a webhook in Redis', async () => {
    await using shared = await startShared();
    const { redis, startOne } = shared;
    const { origin } = await startOne();
    const createdAt = new Date().toISOString().replace(/\..*/, '').replace('T', ' ');
    await deliver(origin, { event_id: 'mark-of-an-id', created_at: `${createdAt} +0000` }, { id: 77 });
    const keys = cli(redis, '--scan', '--pattern', '*:event*').split('\n').filter(Boolean);
    expect(keys).toHaveLength(3);
    const stream = keys.map((key) => key.replace(/^.*?"|"$/g, '')).find((key) => key.endsWith(':events')) ?? '';
    const fields = [...cli(redis, 'XREVRANGE', stream, '+', '-', 'COUNT', '1').matchAll(/"([^"]*)"/g)].map(
      ([, text]) => text,
    );
    expect(fields).toEqual([
      expect.stringMatching(/^\d{13}-\d+$/),
      ...['kind', 'message.received', 'chat', '2', 'message', '77', 'at', `${createdAt.replace(' ', 'T')}+00:00`],
      ...['digest', expect.stringMatching(/^[\w-]{22}$/)],
      ...['digest2', expect.stringMatching(/^[\w-]{22}$/)],
    ]);
    expect(keys.join()).not.toContain('mark');
    for (const key of keys) expect(cli(redis, 'PTTL', key.replace(/^.*?"|"$/g, ''))).toMatch(/\(integer\) [89]\d{7}/);
  });

  it('accept webhooks without Redis, and drop everything cached before when it is back', async () => {
    await using shared = await startShared();
    const { redis, startOne } = shared;
    const [a, b] = [await startOne(), await startOne()];
    redis.signal('SIGSTOP');
    for (const { origin } of [a, b]) expect(await deliver(origin)).toBe(200);
    for (const { origin } of [a, b]) await counted(origin, 'admitted', 1);
    const isAway = /"level":40,.*"msg":"Redis disconnected: this replica delivers only/;
    for (const replica of [a, b]) while (!isAway.test(replica.output)) await pause(10);
    redis.signal('SIGCONT');
    const key = () => cli(redis, '--scan', '--pattern', '*:events').replace(/^.*?"|"\s*$/g, '');
    while ((key() && cli(redis, 'XRANGE', key(), '-', '+').match(/"gap"/g)?.length) !== 3) await pause(20); // the first began it
  });
});

function incoming(index: number): IncomingEvent {
  const [chatId, messageId] = ['1', `${index + 1}`].map((text): LinqId => {
    if (!isLinqId(text)) throw new Error(text);
    return text;
  }) as [LinqId, LinqId];
  const event = { kind: 'message.sent', chatId, messageId, occurredAt: '2025-05-21T15:30:00Z' } as const;
  return { event, digests: [`id ${index}`, `triple ${index}`] };
}

/** The log as a replica has it, and all that it delivered. Scripts of the log run after `beforeScript`. */
async function openLog(redis: RedisServer, beforeScript: (script: string) => Promise<unknown> = async () => {}) {
  const replicas = new Replicas({ url: redis.url, origin: 'https://linq.example', atLeast: 1, onChange: () => {} });
  const log = new RedisEventLog({
    url: redis.url,
    replicas: {
      key: (name) => replicas.key(name),
      async run(script, names, args) {
        await beforeScript(script);
        return replicas.run(script, names, args);
      },
    },
    onChange: () => {},
  });
  const heard: LogEvent[] = [];
  await replicas.open();
  await log.open();
  log.tail.subscribe((event) => heard.push(event));
  const idsOf = () => heard.map((event) => (event.kind === 'gap' ? 'gap' : Number(event.messageId) - 1));
  return {
    log,
    heard,
    idsOf,
    /** Until then a replica takes an event alone, and the others a gap. */
    async connected() {
      while ((await replicas.run('return 1', [], [])) === undefined) await pause(5);
    },
    append: (index: number): Promise<Admission> => log.append(incoming(index)),
    async [Symbol.asyncDispose]() {
      log.close();
      await replicas.close();
    },
  };
}

describe('the log of events in Redis', () => {
  it('delivers each event once, to all, in one order and with one position, and replays it', async () => {
    await using redis = await startRedis();
    await using a = await openLog(redis);
    await using b = await openLog(redis);
    const admissions = await Promise.all(
      Array.from({ length: 400 }, (_, index) => (index % 2 ? a : b).append(Math.floor(index / 2) % 150)),
    );
    expect(admissions.filter((admission) => admission === 'admitted')).toHaveLength(150);
    expect(admissions.filter((admission) => admission === 'duplicate')).toHaveLength(250);
    while (a.heard.length < 150 || b.heard.length < 150) await pause(5);
    expect(a.heard).toEqual(b.heard);
    const positions = a.heard.map(({ position }) => position);
    expect(new Set(a.idsOf()).size).toBe(150);
    expect(positions.toSorted()).toEqual(positions);
    await using later = await openLog(redis);
    for (const { log } of [a, b, later]) {
      expect(await log.tail.read(positions[9] ?? '')).toEqual(a.heard.slice(10));
      expect(await log.tail.read(positions[149] ?? '')).toEqual([]);
    }
    expect(later.heard).toEqual([]);
    expect(await later.log.tail.read('000001600000000000-0000000000')).toBeUndefined();
  });

  it('reads an event that another replica received first, and a gap where Redis has lost its data', async () => {
    await using redis = await startRedis();
    await using a = await openLog(redis);
    await a.append(0);
    while (a.heard.length < 1) await pause(5);
    const position = a.log.tail.position;
    await redis.kill();
    await redis.start();
    while (a.idsOf().at(-1) !== 'gap') await pause(5);
    while ((await a.append(1)) !== 'admitted' || a.idsOf().at(-1) !== 1) await pause(5);
    await using later = await openLog(redis);
    expect(await later.log.tail.read(position)).toBeUndefined();
    expect((await a.log.tail.read(position))?.map(({ kind }) => kind)).toContain('gap');
  });

  it('reports a gap to a replica that could not reach it at startup, once it can', async () => {
    await using redis = await startRedis();
    await redis.kill();
    await using a = await openLog(redis);
    expect(await a.append(0)).toBe('admitted');
    expect(a.idsOf()).toEqual([0]);
    await redis.start();
    while (a.idsOf().at(-1) !== 'gap') await pause(5);
    expect(await a.append(0)).toBe('duplicate');
    while ((await a.append(1)) !== 'admitted' && a.idsOf().at(-1) !== 1) await pause(5);
    while (a.idsOf().at(-1) !== 1) await pause(5);
    const positions = a.heard.map(({ position }) => position);
    expect(positions.toSorted()).toEqual(positions);
  });

  it('delivers each event once when Redis comes back with older data, or without, and events are delivered again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'redis-'));
    await using redis = await startRedis(() => ['--dir', folder]);
    await using a = await openLog(redis);
    await using b = await openLog(redis);
    const send = async (index: number) => {
      while ((await b.append(index)) === 'duplicate') await pause(5);
      for (const { idsOf } of [a, b]) while (!idsOf().includes(index)) await pause(1);
    };
    const restart = async () => {
      const gaps = [a, b].map(({ idsOf }) => idsOf().length);
      await redis.kill();
      await redis.start();
      for (const [at, { idsOf }] of [a, b].entries()) while (!idsOf().slice(gaps[at]).includes('gap')) await pause(5);
      await Promise.all([a.connected(), b.connected()]);
    };
    for (let index = 0; index < 20; index++) await send(index);
    cli(redis, 'SAVE');
    for (let index = 20; index < 30; index++) await send(index);
    await restart();
    await send(30);
    rmSync(join(folder, 'dump.rdb'));
    await restart();
    await send(31);
    expect(await a.append(25)).toBe('duplicate');
    const { event, digests } = incoming(26);
    expect(await a.log.append({ event, digests: ['another id', digests[1]] })).toBe('duplicate');
    for (const { idsOf } of [a, b])
      expect(idsOf().filter((id) => id !== 'gap')).toEqual(Array.from({ length: 32 }, (_, index) => index));
    rmSync(folder, { recursive: true });
  });

  it('reports a gap to a reader that moves from a replica that delivered events alone', async () => {
    await using redis = await startRedis();
    await using a = await openLog(redis);
    await using b = await openLog(redis);
    await redis.kill();
    const isAlone = ({ heard }: typeof a) => heard.at(-1)?.position.includes('.');
    while ((await a.append(0)) !== 'admitted' || !isAlone(a)) await pause(5);
    for (let index = 1; index < 5; index++) await a.append(index);
    while ((await b.append(100)) !== 'admitted' || !isAlone(b)) await pause(5);
    const [first, ofB] = [a.heard[0], b.heard[0]].map((event) => event?.position ?? '');
    a.log.close(); // with what it has not told the others
    await redis.start();
    while (b.idsOf().filter((id) => id === 'gap').length < 2) await pause(5); // its own in Redis too, for readers from elsewhere
    expect(await b.log.tail.read(first ?? '')).toBeUndefined();
    expect((await b.log.tail.read(ofB ?? ''))?.map(({ kind }) => kind)).toEqual(['gap', 'gap']);
  });

  it('delivers each event once when Redis is lost and returns while a gap is written', async () => {
    await using redis = await startRedis();
    const [begun, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await using a = await openLog(redis, async (script) => {
      if (!script.includes("'gap'")) return;
      begun.resolve();
      await held.promise;
    });
    await redis.kill();
    while ((await a.append(0)) !== 'admitted') await pause(5);
    await redis.start();
    await begun.promise;
    const gaps = () => a.idsOf().filter((id) => id === 'gap').length;
    const before = gaps();
    await redis.kill();
    await redis.start();
    while (gaps() === before) await pause(5);
    held.resolve();
    await using b = await openLog(redis);
    for (let index = 1; index <= 50; index++) {
      while ((await b.append(index)) === 'duplicate') await pause(5);
      while (a.idsOf().at(-1) !== index) await pause(1);
    }
    expect(a.idsOf().filter((id) => id !== 'gap')).toEqual(Array.from({ length: 51 }, (_, index) => index));
  });

  it('loses no event without a gap, and delivers none twice, while Redis is killed, suspended and started again', async () => {
    await using redis = await startRedis();
    await using a = await openLog(redis);
    await using b = await openLog(redis);
    const logs = [a, b];
    /** For each admitted event, how much each replica had heard by then. */
    const admitted = new Map<number, number[]>();
    let isOver = false;
    let index = 0;
    const send = async () => {
      while (!isOver) {
        const event = index++;
        const log = logs[Math.floor(Math.random() * 2)] ?? a;
        const before = logs.map(({ heard }) => heard.length);
        if ((await log.append(event)) === 'admitted') admitted.set(event, before);
        await pause(Math.random() * 5);
      }
    };
    const senders = Array.from({ length: 4 }, send);
    for (const happens of [
      () => redis.kill(),
      () => redis.start(),
      () => redis.signal('SIGSTOP'),
      () => redis.signal('SIGCONT'),
      () => redis.kill(),
      () => redis.start(),
    ]) {
      await pause(700 + Math.random() * 500);
      await happens();
    }
    const isSettled = async () => {
      const before = logs.map(({ heard }) => heard.length);
      const marker = index++;
      if ((await a.append(marker)) !== 'admitted') return false;
      for (let turn = 0; turn < 200 && !logs.every(({ idsOf }) => idsOf().includes(marker)); turn++) await pause(10);
      return logs.every((each, at) => each.heard.slice(before[at]).length > 0 && each.idsOf().includes(marker));
    };
    await pause(1_000);
    isOver = true;
    await Promise.all(senders);
    while (!(await isSettled())) await pause(50);
    expect(admitted.size).toBeGreaterThan(200);
    for (const [at, { heard, idsOf }] of logs.entries()) {
      const ids = idsOf();
      const events = ids.filter((id) => id !== 'gap');
      expect(new Set(events).size).toBe(events.length);
      const lost = [...admitted].filter(
        ([event, before]) => !ids.includes(event) && !ids.slice(before[at]).includes('gap'),
      );
      expect(lost).toEqual([]);
      const positions = heard.map(({ position }) => position);
      expect(positions.toSorted()).toEqual(positions);
      expect(new Set(positions).size).toBe(positions.length);
    }
  });
});
