import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { createHttpConnections } from '../../../src/datasources/reads/http-connection.ts';

// In its own file: undici has one timer for all connections, which must be created with this fake clock.
it('closes a connection that was idle for twenty seconds, even if the upstream would keep it longer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const ended: Socket[] = [];
  const asked: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('data', () => asked.push(socket));
    socket.on('end', () => ended.push(socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connections = createHttpConnections({
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: 2,
    maxResponseBytes: 1_000,
    connectTimeoutMs: 1_000,
  });
  const responses = connections.map(
    (connection) => new Promise((respond, fail) => connection.send({ path: '/', headers: [], respond, fail })),
  );
  while (asked.length < 2) await turnOfTheLoop();
  asked[0]?.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  asked[1]?.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nkeep-alive: timeout=600\r\n\r\n');
  await Promise.all(responses);
  await vi.advanceTimersByTimeAsync(18_000);
  for (let turn = 0; turn < 100; turn++) await turnOfTheLoop();
  expect(ended).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(4_000); // its timer is a coarse one
  while (ended.length < 2) await turnOfTheLoop();
  await Promise.all(connections.map((connection) => connection.close()));
  server.close();
  vi.useRealTimers();
}, 10_000);
