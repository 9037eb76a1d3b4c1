import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Breaker, type Verdict } from '../../../src/datasources/reads/breaker.ts';
import { Token } from '../../../src/datasources/token.ts';
import { UpstreamError } from '../../../src/datasources/upstream-error.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

const token = new Token('a').digest;
let calls = 0;

/** Uses the breaker like a read: enters it before the call, and leaves it with the verdict. Each call has its own group. */
async function through(
  breaker: Breaker,
  call: () => Promise<unknown>,
  { token: of = token, group = `${calls++}` } = {},
): Promise<unknown> {
  const refusal = breaker.refusal(of, group, performance.now());
  if (refusal !== undefined) throw refusal;
  const period = breaker.enter(of, performance.now());
  let verdict: Verdict = 'success';
  try {
    return await call();
  } catch (error) {
    verdict = (error as { verdict: Verdict }).verdict;
    throw error;
  } finally {
    breaker.leave(period, verdict, of, group, performance.now());
  }
}

function createBreaker() {
  const states: string[] = [];
  const breaker = new Breaker((state) => states.push(state));
  const run = (call: () => Promise<unknown>) => through(breaker, call).catch((error: unknown) => error);
  const call = (verdict: Verdict) =>
    run(() => (verdict === 'success' ? Promise.resolve('ok') : Promise.reject({ verdict })));
  const many = async (count: number, verdict: Verdict) => {
    for (let made = 0; made < count; made++) await call(verdict);
  };
  /** As many calls in each of three seconds, ending with the current one. */
  const spread = async (verdict: Verdict, ...counts: [number, number, number]) => {
    for (const [second, count] of counts.entries()) {
      if (second > 0) await vi.advanceTimersByTimeAsync(1_000);
      await many(count, verdict);
    }
  };
  /** The smallest number of failing calls that opens it, the last of them now. */
  const outage = () => spread('failure', 7, 7, 6);
  /** Calls that are under way, and a function that fails them. */
  const hanging = (count: number) =>
    Array.from({ length: count }, () => {
      const { promise, reject } = Promise.withResolvers<never>();
      const outcome = run(() => promise);
      return () => {
        reject({ verdict: 'failure' });
        return outcome;
      };
    });
  return { breaker, states, call, many, spread, outage, hanging };
}

it('opens when most of at least twenty recent calls failed, then refuses at once with the time to wait', async () => {
  const { states, call, many, spread } = createBreaker();
  await spread('failure', 7, 7, 5);
  expect(states).toEqual([]);
  await many(1, 'failure');
  expect(states).toEqual(['open']);
  const refusal = await call('success');
  expect(refusal).toBeInstanceOf(UpstreamError);
  expect(refusal).toMatchObject({ fault: 'unavailable', retryAfterMs: 2_000 });
});

it('opens when exactly half of the calls failed, also when the last failure comes alone', async () => {
  const { states, many, spread } = createBreaker();
  await many(9, 'success');
  await spread('failure', 4, 4, 2);
  await many(1, 'success');
  expect(states).toEqual([]);
  await many(1, 'success');
  await many(1, 'failure');
  expect(states).toEqual(['open']);
});

it('stays closed while fewer than half of the calls fail, no matter how many', async () => {
  const { states, many } = createBreaker();
  for (let round = 0; round < 100; round++) {
    await many(51, 'success');
    await many(49, 'failure');
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(states).toEqual([]);
});

it('stays closed in a burst of failures of any size: calls must fail in three different seconds', async () => {
  const { states, many } = createBreaker();
  await many(1_000, 'failure');
  await vi.advanceTimersByTimeAsync(1_000);
  await many(1_000, 'failure');
  expect(states).toEqual([]);
  await vi.advanceTimersByTimeAsync(5_000);
  await many(1, 'success');
  expect(states).toEqual([]);
  await many(1, 'failure');
  expect(states).toEqual(['open']);
});

it('does not count calls without a verdict, and forgets old ones', async () => {
  const { states, spread } = createBreaker();
  await spread('neither', 500, 500, 500);
  await spread('failure', 7, 7, 5);
  await vi.advanceTimersByTimeAsync(10_000);
  await spread('failure', 7, 7, 5);
  expect(states).toEqual([]);
});

it('half-opens with one probe, refuses other calls, and closes when the probe succeeds', async () => {
  const { breaker, states, call, outage } = createBreaker();
  await outage();
  await vi.advanceTimersByTimeAsync(2_000);
  const probe = Promise.withResolvers<string>();
  const probing = through(breaker, () => probe.promise);
  expect(states).toEqual(['open', 'half-open']);
  expect(await call('success')).toMatchObject({ fault: 'unavailable', retryAfterMs: 2_000 });
  probe.resolve('ok');
  expect(await probing).toBe('ok');
  expect(states).toEqual(['open', 'half-open', 'closed']);
  expect(await call('success')).toBe('ok');
});

it('admits no call besides the probe, no matter how long the probe takes', async () => {
  const { breaker, states, call, outage } = createBreaker();
  await outage();
  await vi.advanceTimersByTimeAsync(2_000);
  const probe = Promise.withResolvers<string>();
  const probing = through(breaker, () => probe.promise);
  await vi.advanceTimersByTimeAsync(9_000);
  expect(await call('success')).toMatchObject({ fault: 'unavailable', retryAfterMs: 1 });
  expect(breaker.refusal(token, 'a group', performance.now())).toBeInstanceOf(UpstreamError);
  expect(states).toEqual(['open', 'half-open']);
  probe.resolve('ok');
  await probing;
});

it('doubles the wait after each failed probe, up to half a minute', async () => {
  const { call, outage } = createBreaker();
  await outage();
  let waitMs = 2_000;
  for (const next of [4_000, 8_000, 16_000, 30_000, 30_000]) {
    await vi.advanceTimersByTimeAsync(waitMs);
    await call('failure');
    expect(await call('success')).toMatchObject({ retryAfterMs: next });
    waitMs = next;
  }
});

it('starts with the shortest wait again in the next outage', async () => {
  const { states, call, outage } = createBreaker();
  await outage();
  await vi.advanceTimersByTimeAsync(2_000);
  await call('failure');
  await vi.advanceTimersByTimeAsync(4_000);
  await call('success');
  await outage();
  expect(states).toEqual(['open', 'half-open', 'open', 'half-open', 'closed', 'open']);
  expect(await call('success')).toMatchObject({ retryAfterMs: 2_000 });
});

it('starts counting again after a successful probe', async () => {
  const { states, call, many, outage } = createBreaker();
  await outage();
  await vi.advanceTimersByTimeAsync(2_000);
  await call('success');
  await many(19, 'failure');
  await vi.advanceTimersByTimeAsync(1_000);
  await many(19, 'failure');
  expect(states).toEqual(['open', 'half-open', 'closed']);
});

it('opens as soon in the next outage as in the first', async () => {
  const { states, call, many, spread, outage } = createBreaker();
  await many(10, 'success');
  await spread('failure', 7, 7, 1);
  await vi.advanceTimersByTimeAsync(2_000);
  await call('success');
  await outage();
  expect(states).toEqual(['open', 'half-open', 'closed', 'open']);
});

it('does not count calls that began before it closed: they belong to the old outage', async () => {
  const { states, call, outage, hanging } = createBreaker();
  const late = hanging(30);
  await outage();
  await vi.advanceTimersByTimeAsync(2_000);
  await call('success');
  for (let second = 0; second < 3; second++) {
    await Promise.all(late.splice(0, 10).map((end) => end()));
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(states).toEqual(['open', 'half-open', 'closed']);
});

it('is not held open for longer by calls that began before it opened', async () => {
  const { states, call, outage, hanging } = createBreaker();
  const late = hanging(30);
  await outage();
  await vi.advanceTimersByTimeAsync(1_500);
  await Promise.all(late.map((end) => end()));
  expect(await call('success')).toMatchObject({ retryAfterMs: 500 });
  await vi.advanceTimersByTimeAsync(500);
  expect(await call('success')).toBe('ok');
  expect(states).toEqual(['open', 'half-open', 'closed']);
});

it('ignores calls that began before the probe while it is under way', async () => {
  const { breaker, states, outage, hanging } = createBreaker();
  const late = hanging(30);
  await outage();
  await vi.advanceTimersByTimeAsync(2_000);
  const probe = Promise.withResolvers<string>();
  const probing = through(breaker, () => probe.promise);
  await Promise.all(late.map((end) => end()));
  expect(states).toEqual(['open', 'half-open']);
  probe.resolve('ok');
  await probing;
  expect(states).toEqual(['open', 'half-open', 'closed']);
});

it('makes the next call the probe when the caller of the probe disconnected', async () => {
  const { states, call, outage } = createBreaker();
  await outage();
  await vi.advanceTimersByTimeAsync(2_000);
  await call('neither');
  expect(await call('success')).toBe('ok');
  expect(states).toEqual(['open', 'half-open', 'open', 'half-open', 'closed']);
});

it('lets others probe before the group whose probe failed, so that it does not keep the circuit open', async () => {
  const { breaker, outage } = createBreaker();
  await outage();
  const failing = () =>
    through(breaker, () => Promise.reject({ verdict: 'failure' }), { group: 'failing' }).catch(
      (error: unknown) => error,
    );
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await failing()).toEqual({ verdict: 'failure' }); // the probe
  await vi.advanceTimersByTimeAsync(4_000);
  expect(await failing()).toBeInstanceOf(UpstreamError);
  expect(await through(breaker, () => Promise.resolve('ok'))).toBe('ok');
  expect(await failing()).toEqual({ verdict: 'failure' }); // closed again
});

it('lets the group whose probe failed probe again when no other did', async () => {
  const { breaker, outage } = createBreaker();
  await outage();
  const only = (call: () => Promise<unknown>) =>
    through(breaker, call, { group: 'only' }).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(2_000);
  await only(() => Promise.reject({ verdict: 'failure' }));
  await vi.advanceTimersByTimeAsync(4_500);
  expect(await only(() => Promise.resolve('ok'))).toBe('ok');
});
