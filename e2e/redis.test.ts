import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Answer, pause, read } from './support/callers.ts';
import { type Linq, type RedisServer, type Replica, startLinq, startRedis, startReplica } from './support/fleet.ts';

const textOf = ({ data, errors }: Answer) => data?.chatMessage?.text ?? errors?.[0]?.extensions.code;
const as = (token: string) => ({ 'x-linq-integration-token': token });
/** Linq wants to be left alone for five seconds, which is too long for this one. */
const readLimited = (origin: string, token: string) =>
  read(origin, 429, 1, { ...as(token), 'x-request-timeout-ms': '2000' });

function cli({ port }: RedisServer, ...args: string[]): string[] {
  const text = execFileSync('redis-cli', ['-p', `${port}`, '--no-raw', ...args], { encoding: 'utf8' });
  return text.split('\n').filter(Boolean);
}

const unquoted = (line: string) => line.replace(/^.*?"|"$/g, '');

/** One Redis, and replicas that share it. */
async function startShared(env: Record<string, string>, count = 2) {
  await using stack = new AsyncDisposableStack();
  const linq = stack.use(await startLinq());
  const redis = stack.use(await startRedis());
  const replicas: Replica[] = [];
  for (let replica = 0; replica < count; replica++) {
    replicas.push(stack.use(await startReplica({ LINQ_API_URL: linq.origin, REDIS_URL: redis.url, ...env })));
  }
  const all = stack.move();
  const [a, b] = replicas.map(({ origin }) => origin) as [string, string];
  return { linq, redis, replicas, a, b, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Resolves when the program has written this so many times. */
async function written(replica: Replica, pattern: RegExp, times = 1): Promise<void> {
  while ((replica.output.match(new RegExp(pattern, 'g'))?.length ?? 0) < times) await pause(10);
}

const isAway = /Redis disconnected/;
const isThere = /Redis connected/;

describe('a pause after a 429', () => {
  const callsOf = ({ calls }: Linq, token: string) => calls.filter((call) => call.token === token);

  it('holds in all replicas, for its token only', async () => {
    await using shared = await startShared({});
    const { linq, a, b } = shared;
    expect(textOf(await readLimited(a, 'limited'))).toBe('UPSTREAM_RATE_LIMITED');
    expect(textOf(await read(b, 2, 1, as('other')))).toBe('2/1 for other');
    expect(textOf(await read(b, 2, 1, as('limited')))).toBe('2/1 for limited');
    const [refused, next] = callsOf(linq, 'limited').map(({ at }) => at);
    const [other] = callsOf(linq, 'other').map(({ at }) => at);
    expect((other ?? 0) - (refused ?? 0)).toBeLessThan(900);
    expect((next ?? 0) - (refused ?? 0)).toBeGreaterThan(900);
  });

  it('delays reads that already wait in another replica', async () => {
    await using shared = await startShared({ LINQ_REQUESTS_PER_SECOND: '4' });
    const { linq, a, b } = shared;
    const waiting = Array.from({ length: 12 }, (_, index) => read(b, 2, index + 1, as('limited')));
    while (linq.calls.length < 5) await pause(5); // the burst, and the first that had to wait
    const refused = readLimited(a, 'limited');
    const asksRefused = () => linq.calls.findIndex(({ key }) => key === '429/1');
    while (asksRefused() === -1) await pause(5);
    const at = linq.calls[asksRefused()]?.at ?? 0;
    expect(textOf(await refused)).toBe('UPSTREAM_RATE_LIMITED');
    for (const answer of waiting) expect(textOf(await answer)).toMatch(/^2\/\d+ for limited$/);
    const during = linq.calls.filter((call) => call.at > at + 50 && call.at < at + 950);
    expect(during).toEqual([]);
  });
});

describe('the cache', () => {
  const env = { LINQ_CACHE_TTL_MS: '60000' };

  it('serves one replica what another has read, but never to another token or to a no-cache request', async () => {
    await using shared = await startShared(env);
    const { linq, a, b } = shared;
    for (const origin of [a, b, a, b]) {
      for (const token of ['one', 'other'])
        expect(textOf(await read(origin, 2, 7, as(token)))).toBe(`2/7 for ${token}`);
    }
    expect(linq.calls.map(({ token }) => token)).toEqual(['one', 'other']);
    await read(b, 2, 7, { ...as('one'), 'cache-control': 'no-cache' });
    expect(linq.calls).toHaveLength(3);
  });

  it('is unreadable to anyone with access to Redis, and its entries expire', async () => {
    await using shared = await startShared({ LINQ_CACHE_TTL_MS: '3000', LINQ_REQUESTS_PER_SECOND: '100' });
    const { linq, redis, a } = shared;
    await read(a, 2345, 6789, as('a-secret-token'));
    const keys = cli(redis, '--scan').map(unquoted);
    expect(keys.map((key) => key.split(':').at(-2)).toSorted()).toEqual(expect.arrayContaining(['cache', 'permits']));
    for (const key of keys) {
      const [type] = cli(redis, 'TYPE', key);
      const value = type === 'string' ? cli(redis, 'GET', key).join() : '';
      for (const secret of ['a-secret-token', '2345', '6789', '2345/6789 for']) {
        expect(`${key.replace(new URL(linq.origin).host, '')} ${value}`).not.toContain(secret);
      }
    }
    while (cli(redis, '--scan', '--pattern', '*:cache:*').some((line) => line.includes('cache'))) await pause(50);
    expect(textOf(await read(a, 2345, 6789, as('a-secret-token')))).toBe('2345/6789 for a-secret-token');
    expect(linq.calls).toHaveLength(2);
  });

  it('treats an unreadable entry as absent', async () => {
    await using shared = await startShared(env);
    const { linq, redis, a } = shared;
    await read(a, 2, 7, as('one'));
    for (const line of cli(redis, '--scan', '--pattern', '*:cache:*')) {
      cli(redis, 'SET', unquoted(line), 'garbage');
    }
    expect(textOf(await read(a, 2, 7, as('one')))).toBe('2/7 for one');
    expect(linq.calls).toHaveLength(2);
  });

  it('treats an entry that Redis refuses as absent, and keeps its connection', async () => {
    await using shared = await startShared(env);
    const { redis, replicas, a } = shared;
    await read(a, 2, 7, as('one'));
    for (const line of cli(redis, '--scan', '--pattern', '*:cache:*')) {
      cli(redis, 'DEL', unquoted(line));
      cli(redis, 'LPUSH', unquoted(line), 'a list');
    }
    for (let reader = 0; reader < 10; reader++) {
      expect(textOf(await read(a, 2, 7, as('one')))).toBe('2/7 for one');
    }
    expect(replicas[0]?.output).not.toMatch(isAway);
  });

  it('fails no read when Redis hangs, and delays none by half a second', async () => {
    await using shared = await startShared({ ...env, LINQ_REQUESTS_PER_SECOND: '1000' });
    const { redis, replicas, a } = shared;
    const [replica] = replicas as [Replica];
    await read(a, 2, 1, as('one'));
    redis.signal('SIGSTOP');
    const times: number[] = [];
    for (let id = 1; id <= 50; id++) {
      const startedAt = performance.now();
      expect(textOf(await read(a, 2, id, as('one')))).toBe(`2/${id} for one`);
      times.push(performance.now() - startedAt);
    }
    expect(Math.max(...times)).toBeLessThan(500);
    expect(times.toSorted((x, y) => x - y)[25]).toBeLessThan(50);
    await written(replica, isAway);
    redis.signal('SIGCONT');
    await written(replica, isThere, 2);
    expect(textOf(await read(a, 2, 1, as('one')))).toBe('2/1 for one');
  });
});

describe('Redis', () => {
  /** At 4 a second. Each alone would answer 16 of them within three seconds, the burst included, both together no more. */
  async function expectSharedRate(...origins: string[]): Promise<void> {
    const headers = { ...as('many'), 'x-request-timeout-ms': '3000', connection: 'close' };
    const ask = (id: number) => read(origins[id % origins.length] ?? '', 2, id, headers);
    const answers = (await Promise.all(Array.from({ length: 40 }, (_, index) => ask(index + 1)))).map(textOf);
    const served = answers.filter((text) => text?.endsWith('for many')).length;
    expect(served).toBeGreaterThanOrEqual(8);
    expect(served).toBeLessThanOrEqual(18);
    const refused = answers.filter((code) => code === 'UPSTREAM_RATE_LIMITED' || code === 'UPSTREAM_TIMEOUT').length;
    expect(refused).toBe(40 - served);
  }

  it('may be absent at startup: replicas start alone and join when it is available', async () => {
    await using redis = await startRedis();
    await redis.kill();
    await using linq = await startLinq();
    const env = { LINQ_API_URL: linq.origin, REDIS_URL: redis.url, LINQ_REQUESTS_PER_SECOND: '4' };
    await using a = await startReplica(env);
    await using b = await startReplica(env);
    expect(a.output).toMatch(isAway);
    expect(textOf(await read(a.origin, 2, 1, as('one')))).toBe('2/1 for one');
    await redis.start();
    for (const replica of [a, b]) await written(replica, isThere);
    await expectSharedRate(a.origin, b.origin);
  });

  it('is also shared by the workers of one gateway', async () => {
    await using shared = await startShared({ LINQ_REQUESTS_PER_SECOND: '4', WORKERS: '2' }, 1);
    const { a, redis, replicas } = shared;
    await written(replicas[0] as Replica, isThere, 2);
    expect(cli(redis, '--scan', '--pattern', '*:replicas')).toHaveLength(1);
    await expectSharedRate(a, a);
  });

  it('forgets a replica that stops, which also stops without Redis', async () => {
    await using shared = await startShared({});
    const { redis, replicas } = shared;
    const [stopped, other] = replicas as [Replica, Replica];
    const [key = ''] = cli(redis, '--scan', '--pattern', '*:replicas').map(unquoted);
    expect(cli(redis, 'ZCARD', key)).toEqual(['(integer) 2']);
    await stopped.kill('SIGTERM');
    expect(stopped.output).toContain('"msg":"stopped"');
    expect(cli(redis, 'ZCARD', key)).toEqual(['(integer) 1']);
    await redis.kill();
    await other.kill('SIGTERM');
    expect(other.output).toContain('"msg":"stopped"');
  });

  it('is used over TLS and by a user with only the documented permissions', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'redis-tls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const self = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert];
    execFileSync('openssl', [...self, ...names], { stdio: 'ignore' });
    try {
      // As docs/reliability.md has it.
      const user =
        'gateway on >hunter2 ~linq-gateway:* &linq-gateway:* -@all +hello +client +eval +get +set +publish +subscribe ' +
        '+time +hmget +hset +pexpire +zadd +zrem +zcard +zremrangebyscore +xadd +xread +xrange +xrevrange';
      await using redis = await startRedis((port) => [
        ...['--port', '0', '--tls-port', `${port}`, '--tls-cert-file', cert, '--tls-key-file', key],
        ...['--tls-auth-clients', 'no', '--user', 'default', 'off', '--user', ...user.split(' ')],
      ]);
      await using linq = await startLinq();
      const env = {
        LINQ_API_URL: linq.origin,
        LINQ_CACHE_TTL_MS: '60000',
        LINQ_WEBHOOK_SECRETS: 'secret',
        LINQ_REQUESTS_PER_SECOND: '10',
        NODE_EXTRA_CA_CERTS: cert,
      };
      const url = `rediss://gateway:hunter2@localhost:${redis.port}/0`;
      await using a = await startReplica({ ...env, REDIS_URL: url });
      await using b = await startReplica({ ...env, REDIS_URL: url });
      for (const { origin } of [a, b]) expect(textOf(await read(origin, 2, 7, as('one')))).toBe('2/7 for one');
      expect(linq.calls).toHaveLength(1);
      expect(textOf(await readLimited(a.origin, 'one'))).toBe('UPSTREAM_RATE_LIMITED');
      for (const { output } of [a, b]) expect(output).not.toMatch(isAway);

      await using stranger = await startReplica({ ...env, REDIS_URL: url.replace('hunter2', 'hunter3') });
      expect(stranger.output).toMatch(/"reason":"WRONGPASS".*Redis disconnected/);
      expect(stranger.output).not.toContain('hunter');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
