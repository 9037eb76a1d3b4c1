import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LinkedQueue, type QueueNode } from '../../../src/datasources/reads/linked-queue.ts';

interface Item extends QueueNode {
  readonly name: number;
}

function queueOf(count: number): { queue: LinkedQueue<Item>; items: Item[] } {
  const queue = new LinkedQueue<Item>();
  const items = Array.from({ length: count }, (_, name): Item => ({ name }));
  for (const item of items) queue.add(item);
  return { queue, items };
}

it('keeps the order of arrival when nodes are removed anywhere', () => {
  const moves = fc.array(fc.option(fc.nat()), { maxLength: 50 }); // null adds, a number removes
  fc.assert(
    fc.property(moves, (script) => {
      const { queue } = queueOf(0);
      const expected: Item[] = [];
      for (const [name, move] of script.entries()) {
        if (move === null || expected.length === 0) {
          const item = { name };
          queue.add(item);
          expected.push(item);
        } else {
          for (const removed of expected.splice(move % expected.length, 1)) queue.remove(removed);
        }
        expect([...queue].map((item) => item.name)).toEqual(expected.map((item) => item.name));
        expect([queue.first, queue.last, queue.size]).toEqual([expected[0], expected.at(-1), expected.length]);
      }
    }),
  );
});

it('continues an iteration whose current item is removed', () => {
  const { queue } = queueOf(3);
  const met: number[] = [];
  for (const item of queue) {
    met.push(item.name);
    queue.remove(item);
  }
  expect(met).toEqual([0, 1, 2]);
  expect(queue.size).toBe(0);
});

it('keeps no reference to removed nodes', () => {
  const { queue, items } = queueOf(3);
  for (const item of items) queue.remove(item);
  expect(items).toEqual([{ name: 0 }, { name: 1 }, { name: 2 }]);
  expect([queue.first, queue.last]).toEqual([undefined, undefined]);
});
