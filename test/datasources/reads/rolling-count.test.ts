import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RollingCount } from '../../../src/datasources/reads/rolling-count.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

function count(...times: number[]): RollingCount {
  const counter = new RollingCount(10);
  for (const at of times) {
    vi.advanceTimersByTime(at - performance.now());
    counter.add(performance.now());
  }
  return counter;
}

it.each([
  [0, 9_999, 1],
  [0, 10_000, 0],
  [999, 9_999, 1],
  [999, 10_000, 0],
  [3_500, 12_999, 1],
  [3_500, 13_000, 0],
  [3_500, 1_000_000, 0],
])('counts an event of %i ms, at %i ms, in a window of ten seconds: %i', (at, now, expected) => {
  const counter = count(at);
  vi.advanceTimersByTime(now - at);
  expect([counter.total(performance.now()), counter.seconds(performance.now())]).toEqual([expected, expected]);
});

it('forgets second by second, also when it is read in each of them', () => {
  const counter = count(500, 600, 1_500, 4_500);
  const seen: [number, number][] = [];
  for (let second = 5; second <= 15; second++) {
    vi.advanceTimersByTime(second * 1_000 - performance.now());
    seen.push([counter.total(performance.now()), counter.seconds(performance.now())]);
  }
  expect(seen).toEqual([
    ...Array(5).fill([4, 3]), // to the ninth second
    [2, 2],
    ...Array(3).fill([1, 1]),
    ...Array(2).fill([0, 0]),
  ]);
});

it('counts from zero after a reset', () => {
  const counter = count(500, 1_500);
  counter.reset();
  expect([counter.total(performance.now()), counter.seconds(performance.now())]).toEqual([0, 0]);
  counter.add(performance.now());
  expect([counter.total(performance.now()), counter.seconds(performance.now())]).toEqual([1, 1]);
});
