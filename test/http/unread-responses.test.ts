import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { compressResponse } from '../../src/http/compress.ts';
import { UnreadResponses } from '../../src/http/unread-responses.ts';
import { close, listen } from '../support/gateway.ts';

/** More than the buffers of both sockets hold. */
const large = 32 * 1_048_576;

async function start(
  limits: { maxBytes: number; maxMs: number },
  bytes = large,
  body: readonly (string | Buffer)[] = [Buffer.alloc(bytes, 'x')],
) {
  let cuts = 0;
  const unread = new UnreadResponses(limits, () => cuts++);
  const server = createServer((_req, res) => {
    res.writeHead(200, { 'content-length': bytes });
    unread.end(res, body, bytes);
  });
  const origin = await listen(server);
  return {
    cuts: () => cuts,
    /** Sends a request, and reads nothing until it is told to. */
    open(): Socket {
      const socket = connect(Number(new URL(origin).port), '127.0.0.1').on('error', () => {});
      socket.pause();
      socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
      return socket;
    },
    server,
    [Symbol.asyncDispose]: () => close(server),
  };
}

const headBytes = (first: Buffer | undefined) => (first?.indexOf('\r\n\r\n') ?? 0) + 4;

async function read(socket: Socket, bytes: number): Promise<void> {
  let seen = 0;
  for await (const chunk of socket) {
    seen += chunk.length;
    if (seen >= bytes) return;
  }
  throw new Error('the connection was closed');
}

it('keeps texts that a client does not read outside of the heap, and sends them whole once it reads', async () => {
  const texts = Array.from({ length: 400 }, (_, index) => `${index}é`.padEnd(80_000, 'x'));
  const expected = Buffer.from(texts.join(''));
  await using tested = await start({ maxBytes: 10 * large, maxMs: 60_000 }, expected.length, texts);
  const before = process.memoryUsage().arrayBuffers;
  const client = tested.open();
  let kept = 0;
  for (let turn = 0; turn < 10_000 && kept < 16_000_000; turn++) {
    await new Promise(setImmediate);
    kept = process.memoryUsage().arrayBuffers - before;
  }
  expect(kept).toBeGreaterThanOrEqual(16_000_000);
  const chunks: Buffer[] = [];
  for await (const chunk of client) {
    chunks.push(chunk);
    if (chunks.reduce((sum, { length }) => sum + length, 0) >= expected.length + headBytes(chunks[0])) break;
  }
  expect(Buffer.concat(chunks).subarray(headBytes(chunks[0])).equals(expected)).toBe(true);
  client.destroy();
});

it('cuts a connection whose client reads nothing for too long', async () => {
  await using tested = await start({ maxBytes: 10 * large, maxMs: 200 });
  const socket = tested.open();
  const [serverSide] = await once(tested.server, 'connection');
  await once(serverSide, 'close');
  expect(tested.cuts()).toBe(1);
  socket.destroy();
});

it('sends a large response whole to a client that reads it', async () => {
  await using tested = await start({ maxBytes: 10 * large, maxMs: 1_000 });
  await read(tested.open(), large);
  expect(tested.cuts()).toBe(0);
});

it('writes a few megabytes in one turn of the event loop, of all responses together', async () => {
  await using tested = await start({ maxBytes: 10 * large, maxMs: 60_000 });
  const sides: Socket[] = [];
  tested.server.on('connection', (side) => sides.push(side));
  const written = () => sides.reduce((sum, side) => sum + side.bytesWritten, 0);
  let most = 0;
  let before = 0;
  const turn = () => {
    most = Math.max(most, written() - before);
    before = written();
    if (before < 4 * large) setImmediate(turn);
  };
  setImmediate(turn);
  await Promise.all(Array.from({ length: 4 }, () => read(tested.open(), large)));
  expect(most).toBeLessThan(8_000_000);
});

it('writes a few megabytes in one turn, also when many clients read again at the same time', async () => {
  await using tested = await start({ maxBytes: 1e10, maxMs: 60_000 }, 8_000_000);
  const sides: Socket[] = [];
  tested.server.on('connection', (side) => sides.push(side));
  const clients = Array.from({ length: 200 }, () => tested.open());
  const written = () => sides.reduce((sum, side) => sum + side.bytesWritten, 0);
  let before = 0;
  for (let still = 0; still < 100 || sides.length < clients.length; still++) {
    await new Promise(setImmediate);
    if (written() > before) still = 0;
    before = written();
  }
  let most = 0;
  const turn = () => {
    most = Math.max(most, written() - before);
    before = written();
    if (sides.some((side) => !side.destroyed)) setImmediate(turn);
  };
  setImmediate(turn);
  for (const client of clients) client.resume();
  await read(tested.open(), 8_000_000);
  for (const client of clients) client.destroy();
  expect(most).toBeLessThan(8_000_000);
});

it('cuts the connections that read nothing for longest when all unread responses are too large together', async () => {
  await using tested = await start({ maxBytes: 2.5 * large, maxMs: 60_000 });
  const sides: Socket[] = [];
  tested.server.on('connection', (side) => sides.push(side));
  const openOne = async () => {
    const socket = tested.open();
    await once(tested.server, 'request');
    return socket;
  };
  const first = await openOne();
  const second = await openOne();
  const third = await openOne();
  expect(sides.map((side) => side.destroyed)).toEqual([true, false, false]);
  expect(tested.cuts()).toBe(1);
  await Promise.all([read(second, large), read(third, large)]);
  const fourth = await openOne(); // the others weigh nothing any more
  await read(fourth, large);
  expect(tested.cuts()).toBe(1);
  first.destroy();
});

it('does not cut a client that reads its response without a pause, when one that opened later reads nothing', async () => {
  const bytes = 6 * large;
  await using tested = await start({ maxBytes: 2.5 * bytes, maxMs: 60_000 }, bytes);
  const sides: Socket[] = [];
  tested.server.on('connection', (side) => sides.push(side));
  const reader = tested.open();
  let seen = 0;
  const whole = new Promise<void>((resolve, reject) => {
    reader.once('close', () => reject(new Error('the connection was closed'))).resume();
    reader.on('data', (chunk) => {
      seen += chunk.length;
      if (seen >= bytes) resolve();
    });
  });
  whole.catch(() => {});
  await once(tested.server, 'request');
  const idle = tested.open();
  await once(tested.server, 'request');
  for (const before = seen; seen < before + 1_000_000; ) await new Promise(setImmediate);
  const last = tested.open();
  await once(tested.server, 'request');
  expect(seen).toBeLessThan(bytes);
  expect(sides.map((side) => side.destroyed)).toEqual([false, true, false]);
  await whole;
  for (const client of [reader, idle, last]) client.destroy();
});

it('forgets a response whose client disconnects', async () => {
  await using tested = await start({ maxBytes: 1.5 * large, maxMs: 60_000 });
  for (let round = 0; round < 3; round++) {
    const socket = tested.open();
    const [, res] = await once(tested.server, 'request');
    socket.destroy();
    await once(res, 'close');
  }
  await read(tested.open(), large);
  expect(tested.cuts()).toBe(0);
});

it.each(['gzip', 'zstd', 'br', 'identity'])('counts a large response once that is sent in %s', async (coding) => {
  let cuts = 0;
  const unread = new UnreadResponses({ maxBytes: 1.5 * large, maxMs: 60_000 }, () => cuts++);
  const server = createServer((req, res) => {
    compressResponse(req, res, unread);
    res.writeHead(200, { 'content-type': 'application/json' });
    unread.end(res, [Buffer.alloc(large, 'x')], large);
  });
  const origin = await listen(server);
  const response = await fetch(origin, { headers: { 'accept-encoding': coding } });
  expect((await response.arrayBuffer()).byteLength).toBe(large);
  expect(cuts).toBe(0);
  await close(server);
});

it('compresses a large response in one frame of zstd', async () => {
  const unread = new UnreadResponses({ maxBytes: 10 * large, maxMs: 60_000 }, () => {});
  const server = createServer((req, res) => {
    compressResponse(req, res, unread);
    res.writeHead(200, { 'content-type': 'application/json' });
    unread.end(res, [Buffer.alloc(1_000_000, 'x')], 1_000_000);
  });
  const options = { agent: false, headers: { 'accept-encoding': 'zstd' } };
  const request = get(await listen(server), options);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const body = Buffer.concat(await response.toArray()).toString('latin1');
  expect(body.split('\x28\xb5\x2f\xfd')).toHaveLength(2);
  await close(server);
});
