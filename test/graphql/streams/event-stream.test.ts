import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
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
}

/** One stream, with events that come at once, and its client, which reads nothing until it is told to. */
async function start({ limits, events, bytes }: Options) {
  const queue = new EventQueue(() => {});
  const outcomes: string[] = [];
  const ended = Promise.withResolvers<void>();
  const started = Promise.withResolvers<EventStream>();
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
    stream.start(res);
    for (let index = 0; index < events; index++) queue.push({ kind: 'gap', position: positionOf(1, index) });
    started.resolve(stream);
  });
  const origin = await listen(server);
  const socket = connect(Number(new URL(origin).port), '127.0.0.1').on('error', () => {});
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const stream = await started.promise;
  return {
    stream,
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
  for await (const chunk of socket) {
    chunks.push(chunk);
    if (Buffer.concat(chunks.slice(-5)).toString('latin1').endsWith(last)) break;
    if (pauseMs > 0) await pause(pauseMs);
  }
  return Buffer.concat(chunks).toString('latin1');
}

describe('a stream', () => {
  it('is closed when its client reads nothing for as long as responses may be unread', async () => {
    await using tested = await start({ limits: { maxBytes: 1e9, maxMs: 200 }, events: 90, bytes: mebibyte });
    await tested.ended;
    expect(tested.outcomes).toEqual(['unread']);
    expect(await tested.queue.next()).toEqual({ done: true, value: undefined });
  });

  it('stays while its client reads a large event slowly', async () => {
    const limits = { maxBytes: 1e9, maxMs: 1_000 };
    await using tested = await start({ limits, events: 1, bytes: 32 * mebibyte });
    const startedAt = performance.now();
    const text = await readUntil(tested.socket, '"\n\n\r\n', 5).catch(() => '');
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
});
