import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { UpstreamError } from '../../../src/datasources/faults.ts';
import { Limiter } from '../../../src/datasources/resilience/limiter.ts';
import type { Interest } from '../../../src/datasources/resilience/single-flight.ts';
import { Token } from '../../../src/datasources/token.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

const [a, b] = [new Token('a').digest, new Token('b').digest];
const patient: Interest = { signal: new AbortController().signal, postpone: () => {}, ensureWanted: () => {} };
const hurried = (deadlineMs: number): Interest => {
  const stop = new AbortController();
  return {
    signal: stop.signal,
    postpone: (waitMs, error) => waitMs > deadlineMs && stop.abort(error.after(waitMs)),
    ensureWanted: () => {},
  };
};
const createLimiter = (options: Partial<ConstructorParameters<typeof Limiter>[0]> = {}) =>
  new Limiter({ maxConcurrency: 1, maxQueue: 1_000, requestsPerSecond: undefined, onAdmit: () => {}, ...options });

it("lets tokens take turns: one token's flood does not hold up another's call", async () => {
  const limiter = createLimiter();
  const order: string[] = [];
  const call = (name: string) => async () => void order.push(name);
  const flood = Array.from({ length: 100 }, () => limiter.run(a, patient, call('a')));
  await Promise.all([...flood, limiter.run(b, patient, call('b')), limiter.run(b, patient, call('b'))]);
  expect(order.indexOf('b')).toBeLessThanOrEqual(2);
  expect(order.lastIndexOf('b')).toBeLessThanOrEqual(4);
});

it('keeps a slot free for others while more than one token is about, so that calls that hang lock nobody out', async () => {
  const limiter = createLimiter({ maxConcurrency: 8 });
  await limiter.run(b, patient, async () => {});
  for (let call = 0; call < 100; call++) void limiter.run(a, patient, () => new Promise(() => {}));
  let served = false;
  void limiter.run(b, patient, async () => {
    served = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(served).toBe(true);
});

it('refuses the last of the longest line when the queue is full, so that a flood loses its own calls', async () => {
  const limiter = createLimiter({ maxQueue: 10 });
  void limiter.run(a, patient, () => new Promise(() => {}));
  const outcomes: string[] = [];
  const watch = (name: string, outcome: Promise<unknown>) =>
    outcome.catch((error: UpstreamError) => outcomes.push(`${name} ${error.fault}`));
  for (let call = 1; call <= 10; call++)
    watch(
      `a${call}`,
      limiter.run(a, patient, async () => {}),
    );
  watch(
    'a11',
    limiter.run(a, patient, async () => {}),
  );
  await vi.advanceTimersByTimeAsync(0);
  expect(outcomes).toEqual(['a11 overloaded']);
  watch(
    'b1',
    limiter.run(b, patient, async () => {}),
  );
  await vi.advanceTimersByTimeAsync(0);
  expect(outcomes).toEqual(['a11 overloaded', 'a10 overloaded']);
});

it('starts no more calls than the rate of a token allows, one second of burst included, in every window', async () => {
  const limiter = createLimiter({ maxConcurrency: 100, requestsPerSecond: 10 });
  const startedAt = performance.now();
  const starts: number[] = [];
  const calls = Array.from({ length: 60 }, () =>
    limiter.run(a, patient, async () => void starts.push(performance.now() - startedAt)),
  );
  await vi.advanceTimersByTimeAsync(5_100);
  await Promise.all(calls);
  for (const from of starts) {
    expect(starts.filter((at) => at >= from && at < from + 1_000).length).toBeLessThanOrEqual(20);
  }
  expect(starts.filter((at) => at < 1).length).toBe(10);
  expect(starts.at(-1)).toBeGreaterThan(4_900);
});

it('answers at once who could not be served in time at the rate of the token', async () => {
  const limiter = createLimiter({ maxConcurrency: 100, requestsPerSecond: 10 });
  for (let call = 0; call < 20; call++) void limiter.run(a, patient, async () => {});
  await expect(limiter.run(a, hurried(1_000), async () => {})).rejects.toMatchObject({
    fault: 'rate-limited',
    retryAfterMs: 1_100,
  });
  await expect(limiter.run(b, hurried(1_000), async () => 'served')).resolves.toBe('served');
});

it("holds a paused token's calls back, and nobody else's", async () => {
  const limiter = createLimiter({ maxConcurrency: 10 });
  limiter.pause(a, 1_000);
  const order: string[] = [];
  void limiter.run(a, patient, async () => void order.push('a'));
  void limiter.run(b, patient, async () => void order.push('b'));
  await vi.advanceTimersByTimeAsync(999);
  expect(order).toEqual(['b']);
  await vi.advanceTimersByTimeAsync(1);
  expect(order).toEqual(['b', 'a']);
});

it('gives the place of a caller that left to the next', async () => {
  const limiter = createLimiter();
  const first = Promise.withResolvers<void>();
  void limiter.run(a, patient, () => first.promise);
  const stop = new AbortController();
  const left = limiter.run(a, { ...patient, signal: stop.signal }, async () => 'never');
  const next = limiter.run(a, patient, async () => 'served');
  stop.abort(new UpstreamError('cancelled'));
  await expect(left).rejects.toMatchObject({ fault: 'cancelled' });
  first.resolve();
  await expect(next).resolves.toBe('served');
});

it('forgets tokens that nobody uses', async () => {
  const limiter = createLimiter({ maxConcurrency: 8 });
  for (let token = 0; token < 500; token++) await limiter.run(new Token(`${token}`).digest, patient, async () => {});
  await vi.advanceTimersByTimeAsync(61_000);
  for (let call = 0; call < 600; call++) await limiter.run(a, patient, async () => {});
  // Alone again, the token may use every slot.
  let most = 0;
  for (let call = 0; call < 8; call++) {
    void limiter.run(a, patient, () => {
      most++;
      return new Promise(() => {});
    });
  }
  await vi.advanceTimersByTimeAsync(0);
  expect(most).toBe(8);
});
