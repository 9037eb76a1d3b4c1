import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { Connections } from '../../src/http/connections.ts';
import { close, listen, startTestGateway } from '../support/gateway.ts';
import { startUpstream } from '../support/upstream.ts';

const get = 'GET /x HTTP/1.1\r\nhost: localhost\r\n\r\n';
const query = JSON.stringify({ query: '{ chatMessage(chatId: 2, id: 5) { id } }' });
const post = `POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${query.length}\r\n\r\n${query}`;

function open(origin: string): Socket {
  return connect(Number(new URL(origin).port), '127.0.0.1').on('error', () => {});
}

/** Resolves when the socket has received this many responses. */
function responses(socket: Socket, count: number): Promise<void> {
  return new Promise((resolve) => {
    let seen = 0;
    let rest = '';
    socket.on('data', (chunk) => {
      const parts = (rest + chunk.toString('latin1')).split('HTTP/1.1 ');
      rest = parts.at(-1)?.slice(-8) ?? '';
      seen += parts.length - 1;
      if (seen >= count) resolve();
    });
  });
}

it('handles 32 requests of a connection at a time and responds to all 60,000 that are pipelined, in their order', async () => {
  let running = 0;
  let most = 0;
  let count = 0;
  const server = createServer(
    new Connections().limitRequests((req, res) => {
      most = Math.max(most, ++running);
      res.prependOnceListener('close', () => running--);
      req.resume();
      setImmediate(() => res.end(`${++count};`));
    }),
  );
  const origin = await listen(server);
  const socket = open(origin);
  const done = responses(socket, 60_000);
  socket.write(get.repeat(60_000));
  await done;
  expect(most).toBe(32);
  expect(count).toBe(60_000);
  socket.destroy();
  await close(server);
});

it('reads the bodies of pipelined requests to their end', async () => {
  await using gateway = await startTestGateway();
  const socket = open(new URL(gateway.url).origin);
  const done = responses(socket, 1_000);
  const all = post.repeat(1_000);
  for (let at = 0; at < all.length; at += 1_001) socket.write(all.slice(at, at + 1_001));
  await done;
  expect(gateway.calls.length).toBeGreaterThan(0);
  socket.destroy();
});

it('does not read from a connection of which 32 requests wait for Linq, and still serves others', async () => {
  const waiting: ServerResponse[] = [];
  const reached = Promise.withResolvers<void>();
  await using linq = await startUpstream((response) => {
    waiting.push(response);
    reached.resolve();
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: linq.origin, MAX_REQUESTS_IN_FLIGHT: '40' });
  const origin = new URL(gateway.url).origin;
  const socket = open(origin);
  const sent = post.repeat(60_000);
  socket.write(sent);
  await reached.promise;
  expect((await gateway.send({ path: '/livez' })).status).toBe(200);
  // Of other connections only 8 more are executed.
  const others = [open(origin), open(origin)];
  for (const other of others) other.write(post.repeat(8));
  const [second] = await Promise.race(others.map((other) => once(other, 'data')));
  expect(String(second)).toContain('503');
  expect(String(second)).toContain('OVERLOADED');
  expect((await gateway.send({ path: '/livez' })).status).toBe(200);
  expect((await gateway.send({ path: '/readyz' })).status).toBe(200);
  expect((await gateway.send({ path: '/metrics' })).status).toBe(200);
  expect(linq.paths).toHaveLength(1);
  expect(socket.bytesWritten - socket.writableLength).toBeLessThan(sent.length);
  for (const each of [socket, ...others]) each.destroy();
  for (const response of waiting) response.destroy();
});

it('closes the connections that are idle for longest when there are too many, and logs this once', async () => {
  const warnings: string[] = [];
  const connections = new Connections();
  const held: ServerResponse[] = [];
  const server = createServer(connections.limitRequests((_req, res) => void held.push(res)));
  connections.limitNumber(server, 4, { warn: (_fields, message) => warnings.push(message) });
  await listen(server);
  const { port } = server.address() as AddressInfo;
  const openOne = async () => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    await once(server, 'connection');
    return socket;
  };
  const busy = await openOne();
  busy.write(get);
  await once(server, 'request');
  const idle = [await openOne(), await openOne(), await openOne()];
  const closed = idle.map((socket) => once(socket, 'close'));
  await openOne();
  await closed[0];
  await openOne();
  await closed[1];
  expect(idle.map((socket) => socket.destroyed)).toEqual([true, true, false]);
  expect(busy.destroyed).toBe(false);
  expect(warnings).toEqual(['too many connections for the limit of open files: idle ones are closed']);
  await close(server);
});
