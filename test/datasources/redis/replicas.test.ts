import { createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';

// Behavior without a Redis; e2e/ tests with a real one.

const aboutRedis = ({ log }: TestGateway) => log.filter(({ msg }) => String(msg).includes('Redis'));
const wanted = (count: number) =>
  `{ ${Array.from({ length: count }, (_, index) => `m${index}: chatMessage(chatId: 2, id: ${index + 1}) { id }`).join(' ')} }`;

/** Starts a server that stands in for Redis, at a URL with a password. */
async function startFakeRedis(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    onConnection(socket);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `redis://gateway:hunter2@127.0.0.1:${port}/3`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe.each([
  ['resets every connection', (socket: Socket) => void socket.resetAndDestroy(), /^(ECONNRESET|SocketClosed\w+)$/],
  ['never replies', () => {}, /^NoReplyError$/],
  [
    'refuses our password',
    (socket: Socket) => void socket.on('data', () => socket.write('-WRONGPASS no\r\n')),
    /^WRONGPASS$/,
  ],
  [
    'is another service',
    (socket: Socket) => void socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    /./,
  ],
])('a Redis that %s', (_what, onConnection, reason) => {
  it('fails no read and is logged once, without its URL', async () => {
    await using redis = await startFakeRedis(onConnection);
    await using gateway = await startTestGateway({
      REDIS_URL: redis.url,
      LINQ_REQUESTS_PER_SECOND: '1000',
      LINQ_CACHE_TTL_MS: '60000',
      LOG_LEVEL: 'trace',
    });
    for (let turn = 0; turn < 3; turn++) expect((await gateway.query(wanted(20))).errors).toBeUndefined();
    expect(aboutRedis(gateway)).toMatchObject([{ level: 40, replicas: 1, reason: expect.stringMatching(reason) }]);
    await gateway.metric('linq_redis_up', 0);
    expect(JSON.stringify(gateway.log)).not.toContain('hunter2');
  });
});

it('divides the rate by WORKERS while Redis was never reachable', async () => {
  await using gateway = await startTestGateway({
    REDIS_URL: 'redis://127.0.0.1:1',
    LINQ_REQUESTS_PER_SECOND: '8',
    WORKERS: '4',
  });
  const { data, errors } = await gateway.query(wanted(10), {}, { 'x-request-timeout-ms': '400' });
  expect(Object.values(data).filter(Boolean)).toHaveLength(2);
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: expect.any(Number) });
});

it('logs nothing about Redis and has no metric for it without REDIS_URL', async () => {
  await using gateway = await startTestGateway({ LOG_LEVEL: 'trace' });
  expect((await gateway.query(wanted(1))).errors).toBeUndefined();
  expect(aboutRedis(gateway)).toEqual([]);
  expect((await gateway.send({ path: '/metrics' })).body).not.toContain('linq_redis_up');
});
