import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Draw, Drawn, SharedPermits } from '../../../src/datasources/redis/shared-bucket.ts';
import { Token, type TokenDigest } from '../../../src/datasources/token.ts';
import type { UpstreamError } from '../../../src/datasources/upstream-error.ts';
import { createLimiter as createTestLimiter, hurried, patient, run, type TestLimiter } from '../reads/support.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  let seed = 20_260_101; // which replica is first is random; here it is reproducible
  vi.spyOn(Math, 'random').mockImplementation(() => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const [a, b] = [new Token('a').digest, new Token('b').digest];

/** A bucket for each token a round trip of 1 ms away, as the Redis of several replicas. */
class Shared {
  isUp = true;
  count = 1;
  readonly draws: Draw[] = [];
  readonly #buckets = new Map<TokenDigest, { permits: number; at: number; waiting: Set<object> }>();

  forOne(): SharedPermits {
    const shared = this;
    const replica: SharedPermits = {
      get isUp() {
        return shared.isUp;
      },
      get count() {
        return shared.count;
      },
      async draw(token, order) {
        shared.draws.push(order);
        await pause(1);
        return shared.isUp ? shared.#grant(replica, token, order) : undefined;
      },
    };
    return replica;
  }

  #grant(replica: object, token: TokenDigest, { perSecond, burst, wanted, most, returned }: Draw): Drawn {
    const now = performance.now();
    const bucket = this.#buckets.get(token) ?? { permits: burst, at: now, waiting: new Set() };
    this.#buckets.set(token, bucket);
    const permits = Math.min(burst, most, bucket.permits + returned + ((now - bucket.at) * perSecond) / 1_000);
    bucket.waiting.add(replica);
    const fair = Math.ceil(permits / bucket.waiting.size);
    const granted = Math.max(0, Math.min(wanted, fair, Math.floor(permits)));
    if (granted >= wanted) bucket.waiting.delete(replica);
    bucket.permits = permits - granted;
    bucket.at = now;
    return { granted, left: bucket.permits, waiting: Math.max(1, bucket.waiting.size) };
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const createLimiter = (permits: SharedPermits, requestsPerSecond: number, options = {}) =>
  createTestLimiter({ maxConcurrency: 1_000, maxQueue: 100_000, requestsPerSecond, permits, ...options });

/** Records when calls of this token start, while `waiting` more are always queued. */
function overload(limiter: TestLimiter, starts: number[], waiting: number): void {
  const next = async () => {
    await run(limiter, a, patient, async () => void starts.push(performance.now()));
    void next();
  };
  for (let call = 0; call < waiting; call++) void next();
}

describe.each([0.5, 3, 40, 1_000])('three replicas that share %d calls a second', (perSecond) => {
  it('start calls at that rate, in fair parts, and never more in any window', async () => {
    const shared = new Shared();
    const starts: number[][] = [[], [], []];
    for (const own of starts) overload(createLimiter(shared.forOne(), perSecond), own, 50);
    const seconds = Math.max(10, 60 / perSecond);
    await vi.advanceTimersByTimeAsync(1_000);
    const startedAt = performance.now();
    await vi.advanceTimersByTimeAsync(seconds * 1_000);
    const all = starts.flat().toSorted((one, other) => one - other);
    const counted = all.filter((at) => at >= startedAt).length / (seconds * perSecond);
    expect(counted).toBeGreaterThan(0.95);
    expect(counted).toBeLessThan(1.05);
    const burst = Math.max(1, perSecond);
    for (const [index, at] of all.entries()) {
      const within = all.findLastIndex((other) => other < at + 1_000) - index + 1;
      expect(within).toBeLessThanOrEqual(burst + perSecond + 1);
    }
    for (const own of starts) expect(own.length / all.length).toBeGreaterThan(0.15);
  });
});

it('draws once for all calls of an operation and starts them one round trip later', async () => {
  const shared = new Shared();
  const limiter = createLimiter(shared.forOne(), 100);
  const starts: number[] = [];
  const startedAt = performance.now();
  for (let call = 0; call < 30; call++) {
    void run(limiter, a, patient, async () => void starts.push(performance.now() - startedAt));
  }
  await vi.advanceTimersByTimeAsync(1);
  expect(starts).toEqual(Array(30).fill(1));
  expect(shared.draws.map(({ wanted }) => wanted)).toEqual([30]);
});

it('draws no more permits than there are free slots', async () => {
  const shared = new Shared();
  const limiter = createLimiter(shared.forOne(), 100, { maxConcurrency: 4 });
  for (let call = 0; call < 30; call++) void run(limiter, a, patient, () => new Promise(() => {}));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(shared.draws.reduce((sum, { wanted }) => sum + wanted, 0)).toBe(4);
});

it('returns the permits drawn for calls whose callers have disconnected', async () => {
  const shared = new Shared();
  const limiter = createLimiter(shared.forOne(), 10);
  const callers = new AbortController();
  const canceled = Array.from({ length: 10 }, () =>
    run(limiter, a, { ...patient, signal: callers.signal }, async () => 'served').catch(() => 'canceled'),
  );
  await vi.advanceTimersByTimeAsync(0); // the draw is under way
  callers.abort();
  expect(await Promise.all(canceled)).toEqual(Array(10).fill('canceled'));
  await vi.advanceTimersByTimeAsync(2);
  const startedAt = performance.now();
  const others = Array.from({ length: 10 }, () => run(createLimiter(shared.forOne(), 10), a, patient, async () => {}));
  await vi.advanceTimersByTimeAsync(20);
  await Promise.all(others);
  expect(performance.now() - startedAt).toBe(20);
});

it('includes calls queued in other replicas in the wait times that it announces', async () => {
  const shared = new Shared();
  const starts: number[] = [];
  overload(createLimiter(shared.forOne(), 10), starts, 100);
  await vi.advanceTimersByTimeAsync(2_000);
  const limiter = createLimiter(shared.forOne(), 10);
  const outcomes = Array.from({ length: 20 }, () =>
    run(limiter, a, hurried(1_000), async () => 0).catch((error: UpstreamError) => error.retryAfterMs ?? 0),
  );
  await vi.advanceTimersByTimeAsync(50);
  const refused = Promise.all(outcomes.slice(6)); // in a second there are ten permits for the two of them
  await vi.advanceTimersByTimeAsync(0);
  for (const waitMs of await refused) expect(waitMs).toBeGreaterThan(1_000);
  await vi.advanceTimersByTimeAsync(2_000);
  expect((await Promise.all(outcomes)).filter((waitMs) => waitMs === 0).length).toBeGreaterThanOrEqual(3);
});

it('respects a pause even if permits were drawn before it', async () => {
  const shared = new Shared();
  const limiter = createLimiter(shared.forOne(), 10);
  const startedAt = performance.now();
  const served = run(limiter, a, patient, async () => performance.now() - startedAt);
  limiter.pause(a, 1_000);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await served).toBe(1_000);
});

it('does not delay other tokens when the permits of one are used up', async () => {
  const shared = new Shared();
  const limiter = createLimiter(shared.forOne(), 5, { maxConcurrency: 2 });
  overload(limiter, [], 100);
  await vi.advanceTimersByTimeAsync(1_000);
  const served = run(limiter, b, patient, async () => performance.now());
  const startedAt = performance.now();
  await vi.advanceTimersByTimeAsync(5);
  expect((await served) - startedAt).toBeLessThan(5);
});

describe('while the shared bucket is unreachable', () => {
  it('keeps each replica to its share, without a burst beyond the permits that were left', async () => {
    const shared = new Shared();
    shared.count = 4;
    const starts: number[] = [];
    overload(createLimiter(shared.forOne(), 40), starts, 200);
    await vi.advanceTimersByTimeAsync(3_000);
    shared.isUp = false;
    const lostAt = performance.now();
    await vi.advanceTimersByTimeAsync(10_000);
    const since = starts.filter((at) => at > lostAt).length;
    expect(since).toBeGreaterThanOrEqual(98);
    expect(since).toBeLessThanOrEqual(101);
  });

  it('starts a call at once if the share has a permit, without a draw', async () => {
    const shared = new Shared();
    shared.count = 4;
    shared.isUp = false;
    const limiter = createLimiter(shared.forOne(), 40);
    expect(await run(limiter, a, patient, async () => 'served')).toBe('served');
    expect(shared.draws).toEqual([]);
  });

  it('has at least one permit in each replica, no matter how low the rate', async () => {
    const shared = new Shared();
    shared.count = 20;
    shared.isUp = false;
    const limiter = createLimiter(shared.forOne(), 1);
    expect(await run(limiter, a, patient, async () => 'served')).toBe('served');
    expect(await run(limiter, a, hurried(10_000), async () => {}).catch((error: unknown) => error)).toMatchObject({
      fault: 'rate-limited',
      retryAfterMs: 20_000,
    });
  });

  it('admits calls that wait for a reply that never comes', async () => {
    const shared = new Shared();
    const limiter = createLimiter(shared.forOne(), 40);
    const served = run(limiter, a, patient, async () => 'served');
    shared.isUp = false;
    await vi.advanceTimersByTimeAsync(1);
    expect(await served).toBe('served');
  });
});

it('does not let a call wait for its share when the shared bucket is reachable again', async () => {
  const shared = new Shared();
  shared.count = 20;
  shared.isUp = false;
  const limiter = createLimiter(shared.forOne(), 1);
  await run(limiter, a, patient, async () => {});
  const startedAt = performance.now();
  const served = run(limiter, a, patient, async () => performance.now() - startedAt);
  await vi.advanceTimersByTimeAsync(1_500);
  shared.isUp = true;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(await served).toBeLessThan(4_000); // with its share alone: twenty seconds
});

it('allows no second burst when the shared bucket is reachable again', async () => {
  const shared = new Shared();
  shared.count = 3;
  const starts: number[] = [];
  for (let replica = 0; replica < 3; replica++) overload(createLimiter(shared.forOne(), 30), starts, 100);
  await vi.advanceTimersByTimeAsync(3_000);
  const startedAt = performance.now();
  shared.isUp = false;
  await vi.advanceTimersByTimeAsync(5_000); // the bucket, left alone, fills up
  shared.isUp = true;
  await vi.advanceTimersByTimeAsync(5_000);
  const counted = starts.filter((at) => at >= startedAt).length;
  expect(counted).toBeGreaterThan(285);
  expect(counted).toBeLessThanOrEqual(310);
});

it('settles every call and leaves no timer, under random outages and disconnects', async () => {
  const chance = (below: number) => Math.floor(Math.random() * below);
  for (let round = 0; round < 40; round++) {
    const shared = new Shared();
    shared.count = 1 + chance(3);
    const perSecond = [0.5, 5, 50][chance(3)] ?? 1;
    const limiters = Array.from({ length: 3 }, () =>
      createLimiter(shared.forOne(), perSecond, { maxConcurrency: 1 + chance(4) }),
    );
    let settled = 0;
    for (let step = 0; step < 60; step++) {
      const limiter = limiters[chance(3)] as TestLimiter;
      const token = chance(3) === 0 ? b : a;
      const caller = new AbortController();
      if (chance(4) === 0) shared.isUp = !shared.isUp;
      if (chance(10) === 0) limiter.pause(token, chance(1_000));
      const call = run(limiter, token, { ...patient, signal: caller.signal }, () => pause(chance(300)));
      void call.catch(() => {}).then(() => settled++);
      if (chance(3) === 0) setTimeout(() => caller.abort(new Error('canceled')), chance(500));
      await vi.advanceTimersByTimeAsync(chance(200));
    }
    shared.isUp = true;
    await vi.advanceTimersByTimeAsync(300_000);
    expect(settled, `round ${round}`).toBe(60);
    expect(vi.getTimerCount()).toBe(0);
  }
});
