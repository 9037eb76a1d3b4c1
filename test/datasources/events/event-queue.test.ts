import { expect, it } from 'vitest';
import { type LogEvent, positionOf } from '../../../src/datasources/events/chat-event.ts';
import { EventQueue } from '../../../src/datasources/events/event-queue.ts';
import { EventTail } from '../../../src/datasources/events/event-tail.ts';
import { followEvents } from '../../../src/datasources/events/follow-events.ts';
import { isLinqId, type LinqId } from '../../../src/datasources/model.ts';

function eventAt(sequence: number, chat = '1'): LogEvent {
  const [chatId, messageId] = [chat, `${sequence + 1}`].map((text): LinqId => {
    if (!isLinqId(text)) throw new Error(text);
    return text;
  }) as [LinqId, LinqId];
  const position = positionOf(1, sequence);
  return { kind: 'message.sent', chatId, messageId, occurredAt: '2025-05-21T15:30:00Z', position };
}

/** All that is there, by kind and number; ends with the first read that has to wait. */
async function drain(events: AsyncIterator<LogEvent>): Promise<string[]> {
  const read: string[] = [];
  for (;;) {
    const waiting = Symbol();
    const next = events.next();
    const result = await Promise.race([next, new Promise((resolve) => setImmediate(resolve, waiting))]);
    if (result === waiting) {
      await events.return?.();
      expect(await next).toEqual({ done: true, value: undefined });
      return read;
    }
    const { value } = await next;
    read.push(`${value.kind === 'gap' ? 'gap ' : ''}${Number(value.position.split('-')[1])}`);
  }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `${from + index}`);

it('gives a reader each event once, in order, whether it waits for it or reads later', async () => {
  const queue = new EventQueue(() => {});
  const first = queue.next();
  const second = queue.next();
  for (let index = 0; index < 4; index++) queue.push(eventAt(index));
  expect([await first, await second]).toEqual([0, 1].map((index) => ({ done: false, value: eventAt(index) })));
  expect(await drain(queue)).toEqual(['2', '3']);
});

it('holds 100 events, and replaces them with one gap when one more arrives, from which the reader can continue', async () => {
  const full = new EventQueue(() => {});
  for (let index = 0; index < 100; index++) full.push(eventAt(index));
  expect(await drain(full)).toEqual(numbers(0, 100));
  const over = new EventQueue(() => {});
  for (let index = 0; index < 105; index++) over.push(eventAt(index));
  expect(await drain(over)).toEqual(['gap 100', ...numbers(101, 105)]);
});

it('is bounded for a reader that stalls for 5,000 events', async () => {
  const queue = new EventQueue(() => {});
  for (let index = 0; index < 5_000; index++) queue.push(eventAt(index));
  const read = await drain(queue);
  expect(read.length).toBeLessThanOrEqual(100);
  expect(read.filter((event) => event.startsWith('gap'))).toHaveLength(1);
  expect(read.at(-1)).toBe('4999');
});

it('ends once while its reader waits, and accepts no more events', async () => {
  let ends = 0;
  const queue = new EventQueue(() => ends++);
  const waiting = [queue.next(), queue.next()];
  await queue.return();
  await queue.return();
  queue.push(eventAt(0));
  for (const read of [...waiting, queue.next()]) expect(await read).toEqual({ done: true, value: undefined });
  expect(ends).toBe(1);
});

it('follows the events of a chat from now on, and every gap', async () => {
  const tail = new EventTail(positionOf(0, 0));
  tail.add(eventAt(0));
  const events = followEvents(tail, (event) => event.kind !== 'gap' && event.chatId === '1');
  tail.add(eventAt(1));
  tail.add(eventAt(2, '2'));
  tail.add({ kind: 'gap', position: positionOf(1, 3) });
  expect(await drain(events)).toEqual(['1', 'gap 3']);
});

it('continues after a position, also across more events than a queue holds', async () => {
  const tail = new EventTail(positionOf(0, 0));
  for (let index = 0; index < 500; index++) tail.add(eventAt(index));
  const events = followEvents(tail, () => true, positionOf(1, 199));
  for (let index = 500; index < 550; index++) tail.add(eventAt(index)); // before the log was read
  expect(await events.next()).toEqual({ done: false, value: eventAt(200) });
  for (let index = 550; index < 560; index++) tail.add(eventAt(index));
  expect(await drain(events)).toEqual(numbers(201, 560));
});

it('begins with a gap after an unknown position, and continues from there', async () => {
  const tail = new EventTail(positionOf(1, 0));
  for (let index = 1; index < 5; index++) tail.add(eventAt(index));
  const events = followEvents(tail, () => true, positionOf(0, 7));
  expect(await events.next()).toEqual({ done: false, value: { kind: 'gap', position: positionOf(1, 4) } });
  tail.add(eventAt(5));
  expect(await drain(events)).toEqual(['5']);
});

it('loses and repeats no event without a gap, however often it is interrupted and resumed', async () => {
  for (let round = 0; round < 50; round++) {
    const tail = new EventTail(positionOf(0, 0));
    let sent = 0;
    let after: string | undefined = positionOf(0, 0);
    const read: string[] = [];
    while (sent < 400) {
      const events = followEvents(tail, () => true, after);
      for (let turn = Math.random() * 4; turn > 0; turn--) {
        for (let count = Math.floor(Math.random() * 120); count > 0; count--) tail.add(eventAt(sent++));
        for (let count = Math.floor(Math.random() * 150); count > 0; count--) {
          if (after === tail.position) break; // it would wait
          const { value } = await events.next();
          after = value.position;
          read.push(`${value.kind === 'gap' ? 'gap ' : ''}${Number(value.position.split('-')[1])}`);
        }
      }
      await events.return?.();
    }
    read.push(...(await drain(followEvents(tail, () => true, after))));
    let expected = 0;
    for (const event of read) {
      const number = Number(event.replace('gap ', ''));
      if (event.startsWith('gap')) expect(number).toBeGreaterThanOrEqual(expected);
      else expect(number).toBe(expected);
      expected = number + 1;
    }
    expect(expected).toBe(sent);
  }
});
