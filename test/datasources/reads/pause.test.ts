import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { pause } from '../../../src/datasources/reads/pause.ts';
import { Stop } from '../../../src/datasources/reads/stop.ts';
import { WatchedStop } from '../watched-stop.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

it('lasts as long as it says, and then listens no more', async () => {
  const stop = new WatchedStop();
  let isOver = false;
  void pause(100, stop).then(() => {
    isOver = true;
  });
  await vi.advanceTimersByTimeAsync(99);
  expect(isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(isOver).toBe(true);
  expect([stop.added, stop.removed]).toEqual([1, 1]);
});

it('ends at once when it is stopped, and leaves no timer behind', async () => {
  const stop = new Stop();
  const paused = pause(100, stop);
  stop.abort('the reason');
  expect(vi.getTimerCount()).toBe(0);
  await expect(paused).rejects.toBe('the reason');
});

it('does not begin when it is stopped already', async () => {
  const stop = new Stop();
  stop.abort('the reason');
  await expect(pause(100, stop)).rejects.toBe('the reason');
  expect(vi.getTimerCount()).toBe(0);
});
