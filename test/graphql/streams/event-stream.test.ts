import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { positionOf } from '../../../src/datasources/events/chat-event.ts';
import { toChatMessageEvent } from '../../../src/datasources/events/chat-message-event.ts';
import { EventQueue } from '../../../src/datasources/events/event-queue.ts';
import { EventStream } from '../../../src/graphql/streams/event-stream.ts';
import { UnreadResponses } from '../../../src/http/unread-responses.ts';
import { RequestRecord } from '../../../src/telemetry/request-record.ts';
import { StreamRecord } from '../../../src/telemetry/stream-record.ts';
import { close, listen } from '../../support/gateway.ts';

const mebibyte = 1_048_576;

interface Options {
  readonly limits: { readonly maxBytes: number; readonly maxMs: number };
  readonly events: number;
  /** Of each event, more or less. */
  readonly bytes: number;
  /** Called before the stream starts. */
  readonly beforeStart?: (stream: EventStream) => void;
}

/** One stream, with events that come at once, and its client, which reads nothing until it is told to. */
async function start({ limits, events, bytes, beforeStart = () => {} }: Options) {
  const queue = new EventQueue(() => {});
  const outcomes: string[] = [];
  const ended = Promise.withResolvers<void>();
  const started = Promise.withResolvers<{ readonly stream: EventStream; readonly res: ServerResponse }>();
  const unread = new UnreadResponses(limits, () => {});
  const server = createServer((req, res) => {
    const stream = new EventStream({
      type: 'text/event-stream',
      source: {
        async next() {
          const { done, value } = await queue.next();
          return done ? { done: true, value: undefined } : { done: false, value: toChatMessageEvent(value) };
        },
        return: async () => {
          await queue.return();
          return { done: true, value: undefined };
        },
        [Symbol.asyncIterator]() {
          return this;
        },
      },
      execute: async () => JSON.stringify('~'.repeat(bytes)),
      textOfError: () => '{"errors":[]}',
      unread,
      beginRecord: () =>
        new StreamRecord(
          new RequestRecord('test', req),
          { debug() {} },
          {
            streamOpened() {},
            streamEnded: (outcome) => outcomes.push(outcome),
            streamEvent() {},
          },
        ),
      onEnd: () => ended.resolve(),
    });
    beforeStart(stream);
    stream.start(res);
    for (let index = 0; index < events; index++) queue.push({ kind: 'gap', position: positionOf(1, index) });
    started.resolve({ stream, res });
  });
  const origin = await listen(server);
  const socket = connect(Number(new URL(origin).port), '127.0.0.1').on('error', () => {});
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const { stream, res } = await started.promise;
  return {
    stream,
    res,
    queue,
    socket,
    outcomes,
    ended: ended.promise,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await close(server);
    },
  };
}

/** Reads until this text comes, with a pause after each chunk. Returns all. */
async function readUntil(socket: Socket, last: string, pauseMs = 0): Promise<string> {
  const chunks: Buffer[] = [];
  let end = '';
  for await (const chunk of socket) {
    chunks.push(chunk);
    end = (end + chunk.subarray(-last.length).toString('latin1')).slice(-last.length);
    if (end === last) break;
    if (pauseMs > 0) await pause(pauseMs);
  }
  return Buffer.concat(chunks).toString('latin1');
}

/** Sends small events until the connection takes no more, which leaves less than the stream would wait for. */
async function fill({ queue, res }: { readonly queue: EventQueue; readonly res: ServerResponse }): Promise<void> {
  for (let index = 0; res.writableLength === 0; index++) {
    queue.push({ kind: 'gap', position: positionOf(1, index) });
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  }
  expect(res.writableNeedDrain).toBe(false);
}

describe('a stream', () => {
  it('is closed when its client reads nothing for as long as responses may be unread', async () => {
    await using tested = await start({ limits: { maxBytes: 1e9, maxMs: 200 }, events: 90, bytes: mebibyte });
    await tested.ended;
    expect(tested.outcomes).toEqual(['unread']);
    expect(await tested.queue.next()).toEqual({ done: true, value: undefined });
  });

  it('stays while its client reads a large event slowly', async () => {
    const limits = { maxBytes: 1e9, maxMs: 2_500 }; // longer than a busy machine keeps this client waiting
    await using tested = await start({ limits, events: 1, bytes: 32 * mebibyte });
    const startedAt = performance.now();
    const text = await readUntil(tested.socket, '"\n\n\r\n', 12).catch(() => '');
    expect(performance.now() - startedAt).toBeGreaterThan(2 * limits.maxMs);
    expect(text.match(/~+/g)?.join('').length).toBe(32 * mebibyte);
    expect(tested.outcomes).toEqual([]);
  });

  it('is counted with all events that wait behind one that its client does not read', async () => {
    await using tested = await start({
      limits: { maxBytes: 6 * mebibyte, maxMs: 600_000 },
      events: 90,
      bytes: 2 * mebibyte,
    });
    await tested.ended;
    expect(tested.outcomes).toEqual(['unread']);
  });

  it('has no heartbeat within a large event', async () => {
    const large = 8 * mebibyte; // half of the event
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      await using tested = await start({ limits: { maxBytes: 1e9, maxMs: 60_000 }, events: 1, bytes: 16 * mebibyte });
      const { res, socket } = tested;
      const beat = () => {
        if ((res.socket?.bytesWritten ?? large) >= large) return;
        vi.advanceTimersByTime(12_000);
        setImmediate(beat);
      };
      setImmediate(beat);
      const text = await readUntil(socket, '"\n\n\r\n');
      const [, event = ''] = text.replaceAll(/\r\n[0-9a-f]+\r\n/g, '').split('data: ');
      expect(event.match(/^"~*/)?.[0].length).toBe(16 * mebibyte + 1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends after the event that is being written', async () => {
    await using tested = await start({ limits: { maxBytes: 1e9, maxMs: 60_000 }, events: 1, bytes: 32 * mebibyte });
    const { stream, socket } = tested;
    await new Promise(setImmediate);
    stream.refuse(new Error());
    const text = await readUntil(socket, '0\r\n\r\n');
    expect(text.match(/~+/g)?.join('').length).toBe(32 * mebibyte);
    expect(text).toMatch(
      /"\n\n(?:\r\n[0-9a-f]+\r\n)?event: next\ndata: \{"errors":\[\]\}\n\nevent: complete\ndata:\n\n/,
    );
    expect(tested.outcomes).toEqual(['refused']);
  });

  it('is closed when its client reads nothing, also where too little is unread for it to wait', async () => {
    const [offset, startedAt] = [performance.now(), Date.now()];
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
    vi.spyOn(performance, 'now').mockImplementation(() => offset + Date.now() - startedAt);
    try {
      await using tested = await start({ limits: { maxBytes: 1e9, maxMs: 60_000 }, events: 0, bytes: 16_384 });
      await fill(tested);
      vi.advanceTimersByTime(12_000); // to a heartbeat
      await new Promise(setImmediate);
      vi.advanceTimersByTime(59_000);
      await new Promise(setImmediate);
      expect(tested.outcomes).toEqual([]);
      vi.advanceTimersByTime(3_000);
      await tested.ended;
      expect(tested.outcomes).toEqual(['unread']);
    } finally {
      vi.useRealTimers();
      vi.restoreAllMocks();
    }
  });

  it('leaves no connection open when it ends and its client reads nothing', async () => {
    await using tested = await start({ limits: { maxBytes: 1e9, maxMs: 200 }, events: 0, bytes: 16_384 });
    await fill(tested);
    tested.stream.end('expired');
    if (!tested.res.closed) await once(tested.res, 'close');
    expect(tested.outcomes).toEqual(['expired']);
    expect(tested.res.writableFinished).toBe(false);
  });

  it.each<[string, (stream: EventStream) => void, RegExp]>([
    ['drained', (stream) => stream.end('drained'), /retry: \d{4}\n\nretry: \d{4}\n\n/],
    [
      'refused',
      (stream) => stream.refuse(new Error()),
      /event: next\ndata: \{"errors":\[\]\}\n\nevent: complete\ndata:\n\n/,
    ],
  ])('has a complete response when it was %s before it started', async (outcome, beforeStart, last) => {
    const limits = { maxBytes: 1e9, maxMs: 60_000 };
    await using tested = await start({ limits, events: 0, bytes: 1, beforeStart });
    const text = await readUntil(tested.socket, '0\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text.replaceAll(/\r\n[0-9a-f]+\r\n/g, '')).toMatch(last);
    expect(tested.outcomes).toEqual([outcome]);
  });
});
