import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { UpstreamError } from '../../../src/datasources/faults.ts';
import { Breaker } from '../../../src/datasources/resilience/breaker.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

function createBreaker() {
  const states: string[] = [];
  const breaker = new Breaker(
    (error) => (error as { verdict: 'success' | 'failure' | 'neither' }).verdict,
    (state) => states.push(state),
  );
  const call = (verdict: 'success' | 'failure' | 'neither') =>
    breaker
      .run(() => (verdict === 'success' ? Promise.resolve('ok') : Promise.reject({ verdict })))
      .catch((error: unknown) => error);
  const many = async (count: number, verdict: 'success' | 'failure' | 'neither') => {
    for (let made = 0; made < count; made++) await call(verdict);
  };
  return { breaker, states, call, many };
}

it('opens when most of at least twenty recent calls failed, and then refuses at once with the time to wait', async () => {
  const { states, call, many } = createBreaker();
  await many(19, 'failure');
  expect(states).toEqual([]);
  await many(1, 'failure');
  expect(states).toEqual(['open']);
  const refusal = await call('success');
  expect(refusal).toBeInstanceOf(UpstreamError);
  expect(refusal).toMatchObject({ fault: 'unavailable', retryAfterMs: 2_000 });
});

it('stays closed while fewer than half of the calls fail, whatever their number', async () => {
  const { states, many } = createBreaker();
  for (let round = 0; round < 100; round++) {
    await many(51, 'success');
    await many(49, 'failure');
  }
  expect(states).toEqual([]);
});

it('does not count what says nothing of the upstream, and forgets what is old', async () => {
  const { states, many } = createBreaker();
  await many(1_000, 'neither');
  await many(19, 'failure');
  await vi.advanceTimersByTimeAsync(11_000);
  await many(19, 'failure');
  expect(states).toEqual([]);
});

it('half-opens with one probe, refuses the calls beside it, and closes when it succeeds', async () => {
  const { breaker, states, call, many } = createBreaker();
  await many(20, 'failure');
  await vi.advanceTimersByTimeAsync(2_000);
  const probe = Promise.withResolvers<string>();
  const probing = breaker.run(() => probe.promise);
  expect(states).toEqual(['open', 'half-open']);
  expect(await call('success')).toMatchObject({ fault: 'unavailable' });
  probe.resolve('ok');
  expect(await probing).toBe('ok');
  expect(states).toEqual(['open', 'half-open', 'closed']);
  expect(await call('success')).toBe('ok');
});

it('waits twice as long after each probe that fails, at most half a minute', async () => {
  const { call, many } = createBreaker();
  await many(20, 'failure');
  let waitMs = 2_000;
  for (const next of [4_000, 8_000, 16_000, 30_000, 30_000]) {
    await vi.advanceTimersByTimeAsync(waitMs);
    await call('failure');
    expect(await call('success')).toMatchObject({ retryAfterMs: next });
    waitMs = next;
  }
});

it('lets the next call probe when the prober left', async () => {
  const { states, call, many } = createBreaker();
  await many(20, 'failure');
  await vi.advanceTimersByTimeAsync(2_000);
  await call('neither');
  expect(await call('success')).toBe('ok');
  expect(states).toEqual(['open', 'half-open', 'open', 'half-open', 'closed']);
});
