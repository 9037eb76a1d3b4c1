import { expect, it, vi } from 'vitest';
import { type LogEvent, positionBetween, positionOf } from '../../../src/datasources/events/chat-event.ts';
import { EventTail } from '../../../src/datasources/events/event-tail.ts';

const gap = (ms: number): LogEvent => ({ kind: 'gap', position: positionOf(ms, 0) });
const positions = (events: readonly LogEvent[] | undefined) => events?.map(({ position }) => position);

it('delivers events to each subscriber in order until it unsubscribes', () => {
  const tail = new EventTail(positionOf(0, 0));
  const heard: LogEvent[] = [];
  tail.add(gap(1));
  const leave = tail.subscribe((event) => heard.push(event));
  tail.add(gap(2));
  tail.add(gap(3));
  leave();
  tail.add(gap(4));
  expect(heard).toEqual([gap(2), gap(3)]);
});

it('reads the events after a position, and none if it is the last', async () => {
  const tail = new EventTail(positionOf(0, 0));
  for (const ms of [1, 2, 3]) tail.add(gap(ms));
  expect(await tail.read(positionOf(0, 0))).toEqual([gap(1), gap(2), gap(3)]);
  expect(await tail.read(positionOf(1, 0))).toEqual([gap(2), gap(3)]);
  expect(await tail.read(positionOf(3, 0))).toEqual([]);
});

it('keeps 1,000 events, and reports when some after the position are missing', async () => {
  const tail = new EventTail(positionOf(0, 0));
  for (let ms = 1; ms <= 1_001; ms++) tail.add(gap(ms));
  expect(await tail.read(positionOf(0, 0))).toBeUndefined();
  expect(await tail.read(positionOf(1, 0))).toHaveLength(1_000);
});

it('keeps events for 15 minutes', async () => {
  vi.useFakeTimers();
  try {
    const tail = new EventTail(positionOf(0, 0));
    tail.add(gap(1));
    vi.advanceTimersByTime(10 * 60_000);
    tail.add(gap(2));
    vi.advanceTimersByTime(5 * 60_000 + 1);
    expect(await tail.read(positionOf(0, 0))).toBeUndefined();
    expect(positions(await tail.read(positionOf(1, 0)))).toEqual([positionOf(2, 0)]);
  } finally {
    vi.useRealTimers();
  }
});

it('does not know positions of an earlier process, or any that is not reached within a second', async () => {
  const tail = new EventTail(positionOf(1_000, 0));
  tail.add(gap(2_000));
  expect(await tail.read(positionOf(999, 3))).toBeUndefined();
  for (const after of ['', 'garbage', positionOf(3_000, 0)]) expect(await tail.read(after)).toBeUndefined();
});

it('does not know a position between its own that another process has', async () => {
  const tail = new EventTail(positionOf(0, 0));
  tail.add(gap(1));
  tail.add({ kind: 'gap', position: positionBetween(positionOf(1, 0), 1, 7) });
  tail.add(gap(2));
  expect(await tail.read(positionBetween(positionOf(1, 0), 1, 7))).toEqual([gap(2)]);
  for (const after of [
    positionBetween(positionOf(1, 0), 1, 8),
    positionBetween(positionOf(1, 0), 2, 7),
    positionOf(1, 1),
  ])
    expect(await tail.read(after)).toBeUndefined();
});

it('waits for a position that another process knows already', async () => {
  const tail = new EventTail(positionOf(0, 0));
  const reading = tail.read(positionOf(2, 0));
  for (const ms of [1, 2, 3]) tail.add(gap(ms));
  expect(await reading).toEqual([gap(3)]);
});

it('sorts positions as text, also those between two others', () => {
  const sorted = [
    positionOf(0, 0),
    positionOf(999, 12),
    positionOf(1_000, 2),
    positionOf(1_000, 10),
    positionBetween(positionOf(1_000, 10), 1, 99_999_999),
    positionBetween(positionOf(1_000, 10), 20, 0),
    positionOf(1_000, 11),
    positionOf(1_764_000_000_000, 0),
  ];
  expect(sorted.toSorted()).toEqual(sorted);
});
