import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TokenBucket } from '../../../src/datasources/reads/token-bucket.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

function createBucket(perSecond: number, taken = 0): TokenBucket {
  const bucket = new TokenBucket(perSecond);
  for (let permit = 0; permit < taken; permit++) bucket.take();
  return bucket;
}

it('starts with one permit, and never holds more than one, at a rate below one a second', () => {
  const bucket = createBucket(0.5);
  expect([bucket.waitFor(1), bucket.waitFor(2)]).toEqual([0, 2_000]);
  bucket.take();
  expect(bucket.waitFor(1)).toBe(2_000);
  vi.advanceTimersByTime(60_000);
  expect([bucket.waitFor(1), bucket.waitFor(2)]).toEqual([0, 2_000]);
});

it('holds at most one second worth of permits', () => {
  const bucket = createBucket(10);
  vi.advanceTimersByTime(60_000);
  expect([bucket.waitFor(10), bucket.waitFor(11)]).toEqual([0, 100]);
});

it.each([
  ['a full bucket', 0, 10, 1_000],
  ['a full bucket', 0, 11, 1_100], // full, so it gains nothing in the pause
  ['an empty bucket', 10, 1, 1_000],
  ['an empty bucket', 10, 10, 1_000], // filled up in the pause
  ['an empty bucket', 10, 12, 1_200],
])('counts a pause and the rate together: %s with %i taken has permit %i in %i ms', (_what, taken, count, waitMs) => {
  expect(createBucket(10, taken).waitFor(count, 1_000)).toBe(waitMs);
});

it('is full when all taken permits are replaced', () => {
  const bucket = createBucket(10, 2);
  expect(bucket.isFull).toBe(false);
  vi.advanceTimersByTime(199);
  expect(bucket.isFull).toBe(false);
  vi.advanceTimersByTime(1);
  expect(bucket.isFull).toBe(true);
});
