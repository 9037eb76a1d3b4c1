import { expect, it, vi } from 'vitest';
import type { IncomingEvent } from '../../../src/datasources/events/chat-event.ts';
import { MemoryEventLog } from '../../../src/datasources/events/memory-event-log.ts';
import { RecentDigests } from '../../../src/datasources/events/recent-digests.ts';
import { isLinqId } from '../../../src/datasources/model.ts';

function incoming(...digests: [string, string]): IncomingEvent {
  const id = '1';
  if (!isLinqId(id)) throw new Error(id);
  return { event: { kind: 'message.sent', chatId: id, messageId: id, occurredAt: '2025-05-21T15:30:00Z' }, digests };
}

it('gives each event a position after all others, also when the clock is set back', async () => {
  vi.useFakeTimers({ now: 1_764_000_000_000 });
  try {
    const log = new MemoryEventLog();
    const positions = [log.tail.position];
    log.tail.subscribe(({ position }) => positions.push(position));
    for (const ms of [0, 0, 1, -5_000, -5_000, 3_000]) {
      vi.setSystemTime(1_764_000_000_000 + ms);
      await log.append(incoming(`a${positions.length}`, `b${positions.length}`));
    }
    expect(positions).toHaveLength(7);
    expect(new Set(positions).size).toBe(7);
    expect(positions.toSorted()).toEqual(positions);
  } finally {
    vi.useRealTimers();
  }
});

it('recognizes an event by either digest for 25 hours', () => {
  const hour = 3_600_000;
  const digests = new RecentDigests(100, 0);
  expect(digests.add(['a', 'b'], 24 * hour)).toBe(true);
  expect(digests.add(['a', 'c'], 24 * hour)).toBe(false);
  expect(digests.add(['d', 'b'], 48.9 * hour)).toBe(false);
  expect(digests.add(['c', 'e'], 48.9 * hour)).toBe(false); // it came with a known one
  expect(digests.add(['x', 'y'], 51 * hour)).toBe(true);
  expect(digests.add(['z', 'b'], 73 * hour)).toBe(false);
  expect(digests.add(['v', 'w'], 77 * hour)).toBe(true);
  expect(digests.has(['a'])).toBe(false); // forgotten in the end
});

it('remembers a bounded number of digests, the newest', () => {
  const digests = new RecentDigests(100);
  for (let index = 0; index < 1_000; index++) digests.add([`a${index}`, `b${index}`]);
  const known = Array.from({ length: 1_000 }, (_, index) => digests.has([`a${index}`]));
  expect(known.filter(Boolean).length).toBeGreaterThanOrEqual(50);
  expect(known.filter(Boolean).length).toBeLessThanOrEqual(100);
  expect(known.lastIndexOf(false)).toBe(1_000 - known.filter(Boolean).length - 1);
});

it('remembers the last 100,000 events, both digests of each', () => {
  const digests = new RecentDigests();
  for (let index = 0; index < 240_000; index++) digests.add([`a${index}`, `b${index}`]);
  const isKnown = (index: number) => digests.has([`a${index}`]) && digests.has([`b${index}`]);
  expect(Array.from({ length: 100_000 }, (_, index) => isKnown(140_000 + index))).not.toContain(false);
  expect(isKnown(0)).toBe(false);
});
