import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { positionOf } from '../../../src/datasources/events/chat-event.ts';
import { toChatMessageEvent } from '../../../src/datasources/events/chat-message-event.ts';
import { EventQueue } from '../../../src/datasources/events/event-queue.ts';
import { EventStream } from '../../../src/graphql/streams/event-stream.ts';
import { UnreadResponses } from '../../../src/http/unread-responses.ts';
import { RequestRecord } from '../../../src/telemetry/request-record.ts';
import { StreamRecord } from '../../../src/telemetry/stream-record.ts';
import { close, listen } from '../../support/gateway.ts';

it('is closed when its client reads nothing for as long as responses may be unread', async () => {
  const queue = new EventQueue(() => {});
  const outcomes: string[] = [];
  const ended = Promise.withResolvers<void>();
  const unread = new UnreadResponses({ maxBytes: 1e9, maxMs: 200 }, () => {});
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
      execute: async () => JSON.stringify('x'.repeat(1_048_576)),
      textOfError: () => '{}',
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
    for (let index = 0; index < 90; index++) queue.push({ kind: 'gap', position: positionOf(1, index) });
  });
  const origin = await listen(server);
  const socket = connect(Number(new URL(origin).port), '127.0.0.1').on('error', () => {});
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await ended.promise;
  expect(outcomes).toEqual(['canceled']);
  expect(await queue.next()).toEqual({ done: true, value: undefined });
  socket.destroy();
  await once(socket, 'close');
  await close(server);
});
