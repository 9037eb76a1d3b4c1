import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Token } from '../../../src/datasources/token.ts';
import { UpstreamError } from '../../../src/datasources/upstream-error.ts';
import { createLimiter, hurried, patient, run, type TestCaller, type TestLimiter } from './support.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

const [a, b] = [new Token('a').digest, new Token('b').digest];
const nothing = async () => {};
const hang = () => new Promise<never>(() => {});
const faultOf = (outcome: Promise<unknown>) => outcome.catch((error: UpstreamError) => error.fault);

/** Sends calls that hang, and returns how many start at once. */
async function startable(limiter: TestLimiter, token: typeof a, asked = 20): Promise<number> {
  let started = 0;
  for (let call = 0; call < asked; call++) {
    void run(limiter, token, patient, () => {
      started++;
      return hang();
    });
  }
  await vi.advanceTimersByTimeAsync(0);
  return started;
}

/** Uses this many tokens once each. */
let crowded = 0;
async function crowd(limiter: TestLimiter, count: number): Promise<void> {
  for (let token = 0; token < count; token++) {
    await run(limiter, new Token(`crowd ${crowded++}`).digest, patient, nothing);
  }
}

it("lets tokens take turns: one token's many calls do not delay another's", async () => {
  const limiter = createLimiter();
  const order: string[] = [];
  const call = (name: string) => async () => void order.push(name);
  const many = Array.from({ length: 100 }, () => run(limiter, a, patient, call('a')));
  await Promise.all([...many, run(limiter, b, patient, call('b')), run(limiter, b, patient, call('b'))]);
  expect(order.indexOf('b')).toBeLessThanOrEqual(2);
  expect(order.lastIndexOf('b')).toBeLessThanOrEqual(4);
});

it('reserves a slot for other tokens while several are in use, so that calls that hang lock no token out', async () => {
  const limiter = createLimiter({ maxConcurrency: 8 });
  await run(limiter, b, patient, async () => {});
  for (let call = 0; call < 100; call++) void run(limiter, a, patient, () => new Promise(() => {}));
  let served = false;
  void run(limiter, b, patient, async () => {
    served = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(served).toBe(true);
});

it('refuses the last call of the longest queue when full, so that a token that overloads it loses its own calls', async () => {
  const limiter = createLimiter({ maxQueue: 10 });
  void run(limiter, a, patient, () => new Promise(() => {}));
  const outcomes: string[] = [];
  const watch = (name: string, outcome: Promise<unknown>) =>
    outcome.catch((error: UpstreamError) => outcomes.push(`${name} ${error.fault}`));
  for (let call = 1; call <= 10; call++)
    watch(
      `a${call}`,
      run(limiter, a, patient, async () => {}),
    );
  watch(
    'a11',
    run(limiter, a, patient, async () => {}),
  );
  await vi.advanceTimersByTimeAsync(0);
  expect(outcomes).toEqual(['a11 overloaded']);
  watch(
    'b1',
    run(limiter, b, patient, async () => {}),
  );
  await vi.advanceTimersByTimeAsync(0);
  expect(outcomes).toEqual(['a11 overloaded', 'a10 overloaded']);
});

it('starts no more calls than the rate of a token allows, including a burst of one second, in any window', async () => {
  const limiter = createLimiter({ maxConcurrency: 100, requestsPerSecond: 10 });
  const startedAt = performance.now();
  const starts: number[] = [];
  const calls = Array.from({ length: 60 }, () =>
    run(limiter, a, patient, async () => void starts.push(performance.now() - startedAt)),
  );
  await vi.advanceTimersByTimeAsync(5_100);
  await Promise.all(calls);
  for (const from of starts) {
    expect(starts.filter((at) => at >= from && at < from + 1_000).length).toBeLessThanOrEqual(20);
  }
  expect(starts.filter((at) => at < 1).length).toBe(10);
  expect(starts.at(-1)).toBeGreaterThan(4_900);
});

it('rejects a call at once if its deadline is too early for the rate of its token', async () => {
  const limiter = createLimiter({ maxConcurrency: 100, requestsPerSecond: 10 });
  for (let call = 0; call < 20; call++) void run(limiter, a, patient, async () => {});
  await expect(run(limiter, a, hurried(1_000), async () => {})).rejects.toMatchObject({
    fault: 'rate-limited',
    retryAfterMs: 1_100,
  });
  await expect(run(limiter, b, hurried(1_000), async () => 'served')).resolves.toBe('served');
});

it('holds back only the calls of a paused token', async () => {
  const limiter = createLimiter({ maxConcurrency: 10 });
  await run(limiter, b, patient, nothing); // known before the pause
  limiter.pause(a, 1_000);
  const order: string[] = [];
  void run(limiter, a, patient, async () => void order.push('a'));
  void run(limiter, b, patient, async () => void order.push('b'));
  await vi.advanceTimersByTimeAsync(999);
  expect(order).toEqual(['b']);
  await vi.advanceTimersByTimeAsync(1);
  expect(order).toEqual(['b', 'a']);
});

it('gives the turn of a caller that disconnected to the next', async () => {
  const limiter = createLimiter();
  const first = Promise.withResolvers<void>();
  void run(limiter, a, patient, () => first.promise);
  const stop = new AbortController();
  const left = run(limiter, a, { ...patient, signal: stop.signal }, async () => 'never');
  const next = run(limiter, a, patient, async () => 'served');
  stop.abort(new UpstreamError('cancelled'));
  await expect(left).rejects.toMatchObject({ fault: 'cancelled' });
  first.resolve();
  await expect(next).resolves.toBe('served');
});

it('fails only the call that cannot be sent, and gives its slot to the next', async () => {
  const limiter = createLimiter();
  const first = Promise.withResolvers<void>();
  const carried = run(limiter, a, patient, () => first.promise);
  const failing = run(limiter, a, patient, () => {
    throw new Error('a bug');
  });
  const next = run(limiter, a, patient, async () => 'served');
  first.resolve();
  expect(await carried).toBeUndefined();
  await expect(failing).rejects.toThrow('a bug');
  expect(await next).toBe('served');
});

it('continues to admit calls after `onAdmit` has thrown', async () => {
  let isBroken = false;
  const limiter = createLimiter({
    onAdmit: () => {
      if (isBroken) throw new Error('a bug');
    },
  });
  const first = Promise.withResolvers<void>();
  const carried = run(limiter, a, patient, () => first.promise);
  const failing = run(limiter, a, patient, nothing).catch((error: Error) => error.message);
  isBroken = true;
  first.resolve();
  await carried;
  expect(await failing).toBe('a bug');
  isBroken = false;
  expect(await run(limiter, a, patient, async () => 'served')).toBe('served');
});

it('admits any number of calls that end at once, without recursion', async () => {
  const limiter = createLimiter({ maxQueue: 100_000 });
  const lane = limiter.queueOf('a', a, 0);
  let slot: { onFree: () => void } | undefined;
  let ended = 0;
  const call = (end: (connection: { onFree: () => void }) => void) => ({
    isOver: false,
    queuedAt: 0,
    enqueued() {},
    announceDelay() {},
    refuse() {},
    fail() {},
    admit: end,
  });
  limiter.enter(
    call((connection) => {
      slot = connection;
    }),
    lane,
    0,
  );
  for (let count = 0; count < 50_000; count++) {
    limiter.enter(
      call((connection) => {
        ended++;
        connection.onFree();
      }),
      lane,
      0,
    );
  }
  slot?.onFree();
  expect(ended).toBe(50_000);
});

it('admits no call before the queued ones, even if the timer of the first is late', async () => {
  const limiter = createLimiter({ maxConcurrency: 8 });
  const order: string[] = [];
  limiter.pause(a, 1_000);
  void run(limiter, a, patient, async () => void order.push('first'));
  const now = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 1_000);
  void run(limiter, a, patient, async () => void order.push('second'));
  now.mockRestore();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(order).toEqual(['first', 'second']);
});

it('reports how long each call was queued, also if it was not', async () => {
  const waits: number[] = [];
  const limiter = createLimiter({ onAdmit: (waitedMs) => waits.push(waitedMs) });
  const first = Promise.withResolvers<void>();
  void run(limiter, a, patient, () => first.promise);
  const second = run(limiter, a, patient, nothing);
  await vi.advanceTimersByTimeAsync(500);
  first.resolve();
  await second;
  expect(waits).toEqual([0, 500]);
});

it('does not start a call whose callers have already disconnected', async () => {
  const signal = AbortSignal.abort(new UpstreamError('cancelled'));
  const call = vi.fn();
  expect(await faultOf(run(createLimiter(), a, { ...patient, signal }, call))).toBe('cancelled');
  expect(call).not.toHaveBeenCalled();
});

it('refuses the newer of two equally long queues', async () => {
  const limiter = createLimiter({ maxQueue: 2 });
  void run(limiter, a, patient, hang);
  const refused: string[] = [];
  for (const [name, token] of Object.entries({ a, b, c: new Token('c').digest })) {
    void run(limiter, token, patient, hang).catch((error: UpstreamError) => refused.push(`${name} ${error.fault}`));
  }
  await vi.advanceTimersByTimeAsync(0);
  expect(refused).toEqual(['c overloaded']);
});

it.each([
  [1, 1],
  [2, 1],
  [4, 3],
  [7, 6],
  [8, 7],
  [16, 14],
  [64, 56],
])('with %i slots gives one token at most %i while another is in use', async (maxConcurrency, most) => {
  const limiter = createLimiter({ maxConcurrency });
  await run(limiter, b, patient, nothing);
  expect(await startable(limiter, a, 100)).toBe(most);
  expect(await startable(limiter, b, 1)).toBe(maxConcurrency === 1 ? 0 : 1);
});

it('gives a token every slot while no other is in use', async () => {
  expect(await startable(createLimiter({ maxConcurrency: 8 }), a)).toBe(8);
});

describe('a pause', () => {
  it('is announced to queued calls: those that cannot wait are rejected at once, the others wait', async () => {
    const limiter = createLimiter();
    const first = Promise.withResolvers<void>();
    void run(limiter, a, patient, () => first.promise);
    const order: string[] = [];
    const hasty = [1, 2, 3].map(() => run(limiter, a, hurried(600), hang).catch((error: unknown) => error));
    void run(limiter, a, hurried(1_000), async () => void order.push('a'));
    void run(limiter, b, hurried(600), async () => void order.push('b'));
    limiter.pause(a, 1_000);
    const refusal = { fault: 'rate-limited', retryAfterMs: 1_000 };
    expect(await Promise.all(hasty)).toMatchObject([refusal, refusal, refusal]);
    first.resolve();
    await vi.advanceTimersByTimeAsync(999);
    expect(order).toEqual(['b']);
    await vi.advanceTimersByTimeAsync(1);
    expect(order).toEqual(['b', 'a']);
  });

  it('is announced together with the rate of the token: each queued call gets its own delay', async () => {
    const limiter = createLimiter({ maxConcurrency: 10, requestsPerSecond: 1 });
    const told: number[] = [];
    const listening = (): TestCaller => ({ ...patient, announce: (waitMs) => told.push(waitMs) });
    await run(limiter, a, patient, nothing);
    for (let call = 0; call < 3; call++) void run(limiter, a, listening(), hang);
    expect(told.splice(0)).toEqual([1_000, 2_000, 3_000]);
    limiter.pause(a, 1_500);
    expect(told).toEqual([1_500, 2_500, 3_500]); // one permit comes in during the pause, and is kept
  });

  it('is announced without counting the calls that it makes leave the queue', async () => {
    const limiter = createLimiter({ maxConcurrency: 10, requestsPerSecond: 1 });
    await run(limiter, a, patient, nothing);
    const hasty = faultOf(run(limiter, a, hurried(1_200), hang));
    const outcome = Promise.race([run(limiter, a, hurried(2_300), async () => 'served'), hasty.then(() => hang())]);
    limiter.pause(a, 1_500); // too long for the first, whose turn the second then has
    expect(await hasty).toBe('rate-limited');
    await vi.advanceTimersByTimeAsync(1_500);
    expect(await outcome).toBe('served');
  });

  it('is never shortened by another', async () => {
    const limiter = createLimiter({ maxConcurrency: 10 });
    limiter.pause(a, 1_000);
    limiter.pause(a, 10);
    let served = false;
    void run(limiter, a, patient, async () => {
      served = true;
    });
    await vi.advanceTimersByTimeAsync(999);
    expect(served).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(served).toBe(true);
  });

  it('holds back a call that was queued for a slot before it began', async () => {
    const limiter = createLimiter();
    const first = Promise.withResolvers<void>();
    void run(limiter, b, patient, () => first.promise);
    let servedAt: number | undefined;
    void run(limiter, a, patient, async () => {
      servedAt = performance.now();
    });
    const pausedAt = performance.now();
    limiter.pause(a, 1_000);
    await vi.advanceTimersByTimeAsync(100);
    first.resolve();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(servedAt).toBe(pausedAt + 1_000);
  });

  it('uses one timer for a token, no matter how many calls are queued, and none when all have left', async () => {
    const limiter = createLimiter({ maxConcurrency: 10, requestsPerSecond: 0.125 });
    await run(limiter, a, patient, nothing);
    const callers = Array.from({ length: 10 }, () => new AbortController());
    const waiting = callers.map(({ signal }) => faultOf(run(limiter, a, { ...patient, signal }, hang)));
    expect(vi.getTimerCount()).toBe(1);
    limiter.pause(a, 1_000);
    for (const caller of callers) {
      expect(vi.getTimerCount()).toBe(1);
      caller.abort(new UpstreamError('cancelled'));
    }
    expect(await Promise.all(waiting)).toEqual(Array(10).fill('cancelled'));
    expect(vi.getTimerCount()).toBe(0);
  });

  it('still ends for calls that are queued after all others have left', async () => {
    const limiter = createLimiter();
    limiter.pause(a, 1_000);
    const caller = new AbortController();
    const left = faultOf(run(limiter, a, { ...patient, signal: caller.signal }, hang));
    caller.abort(new UpstreamError('cancelled'));
    await left;
    const next = run(limiter, a, patient, async () => 'served');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await next).toBe('served');
  });
});

it('announces rate and pause together, and starts the call at the announced time', async () => {
  const limiter = createLimiter({ maxConcurrency: 100, requestsPerSecond: 10 });
  limiter.pause(a, 1_000);
  const startedAt = performance.now();
  const served: number[] = [];
  const outcomes = Array.from({ length: 24 }, () =>
    run(limiter, a, hurried(1_500), async () => void served.push(performance.now() - startedAt)).catch(
      (error: UpstreamError) => error.retryAfterMs,
    ),
  );
  await vi.advanceTimersByTimeAsync(5_000);
  const told = (await Promise.all(outcomes)).filter((waitMs) => waitMs !== undefined);
  // Ten at the end of the pause, then one every 100 ms, as announced.
  expect(served).toEqual([...Array(10).fill(1_000), 1_100, 1_200, 1_300, 1_400, 1_500]);
  expect(told).toEqual(Array(9).fill(1_600));
});

describe('a token that is not used for a minute', () => {
  it('no longer reserves a slot', async () => {
    const limiter = createLimiter({ maxConcurrency: 8 });
    await crowd(limiter, 500);
    await vi.advanceTimersByTimeAsync(61_000);
    for (let call = 0; call < 600; call++) await run(limiter, a, patient, nothing);
    // The last of these tokens was in use until now.
    await vi.advanceTimersByTimeAsync(61_000);
    await run(limiter, a, patient, nothing);
    expect(await startable(limiter, a)).toBe(8);
  });

  it('reserves a slot until then', async () => {
    const limiter = createLimiter({ maxConcurrency: 8 });
    await run(limiter, b, patient, nothing);
    await vi.advanceTimersByTimeAsync(59_000);
    for (let call = 0; call < 10; call++) await run(limiter, a, patient, nothing);
    expect(await startable(limiter, a)).toBe(7);
  });

  it('is forgotten even if an older one is busy', async () => {
    const limiter = createLimiter({ maxConcurrency: 8 });
    const busy = Promise.withResolvers<void>();
    const ending = run(limiter, b, patient, () => busy.promise);
    await crowd(limiter, 500);
    for (let minute = 0; minute < 2; minute++) {
      await vi.advanceTimersByTimeAsync(61_000);
      for (let call = 0; call < 600; call++) await run(limiter, a, patient, nothing);
    }
    busy.resolve();
    await ending;
    await vi.advanceTimersByTimeAsync(61_000);
    await run(limiter, a, patient, nothing);
    expect(await startable(limiter, a)).toBe(8);
  });

  it('is not forgotten while its calls are in flight, so that it gets no further share', async () => {
    const limiter = createLimiter({ maxConcurrency: 8 });
    await run(limiter, b, patient, nothing);
    expect(await startable(limiter, a, 6)).toBe(6);
    for (let minute = 0; minute < 3; minute++) {
      await crowd(limiter, 10);
      await vi.advanceTimersByTimeAsync(61_000);
    }
    await crowd(limiter, 10);
    expect(await startable(limiter, a, 5)).toBe(1);
    expect(await startable(limiter, b, 1)).toBe(1);
  });

  it('is not forgotten while its calls are queued, so that a pause still applies to them', async () => {
    const limiter = createLimiter();
    const first = Promise.withResolvers<void>();
    void run(limiter, b, patient, () => first.promise);
    let served = false;
    const waiting = run(limiter, a, patient, async () => {
      served = true;
    });
    for (let minute = 0; minute < 3; minute++) {
      for (let token = 0; token < 10; token++) limiter.pause(new Token(`${minute} ${token}`).digest, 0);
      await vi.advanceTimersByTimeAsync(61_000);
    }
    for (let token = 0; token < 10; token++) limiter.pause(new Token(`3 ${token}`).digest, 0);
    limiter.pause(a, 1_000);
    first.resolve();
    await vi.advanceTimersByTimeAsync(999);
    expect(served).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await waiting;
  });

  it('is remembered for a minute after the end of its last call', async () => {
    const limiter = createLimiter({ maxConcurrency: 8 });
    const busy = Promise.withResolvers<void>();
    const ending = run(limiter, b, patient, () => busy.promise);
    await run(limiter, a, patient, nothing);
    for (let minute = 0; minute < 3; minute++) {
      await vi.advanceTimersByTimeAsync(61_000);
      await run(limiter, a, patient, nothing);
    }
    busy.resolve();
    await ending;
    for (let call = 0; call < 10; call++) await run(limiter, a, patient, nothing);
    expect(await startable(limiter, a)).toBe(7);
  });

  it('is remembered for a minute after its last call, also if it was the only one until then', async () => {
    const limiter = createLimiter({ maxConcurrency: 8 });
    await run(limiter, b, patient, nothing);
    await vi.advanceTimersByTimeAsync(61_000);
    await run(limiter, b, patient, nothing);
    for (let call = 0; call < 10; call++) await run(limiter, a, patient, nothing);
    expect(await startable(limiter, a)).toBe(7);
  });

  it('is not forgotten while it is paused', async () => {
    const limiter = createLimiter({ maxConcurrency: 8 });
    limiter.pause(a, 70_000);
    await crowd(limiter, 10);
    await vi.advanceTimersByTimeAsync(61_000);
    await crowd(limiter, 10);
    expect(await startable(limiter, a, 1)).toBe(0);
  });

  it('is not forgotten before its bucket is full again', async () => {
    const limiter = createLimiter({ maxConcurrency: 8, requestsPerSecond: 0.01 });
    await run(limiter, a, patient, nothing);
    await crowd(limiter, 10);
    await vi.advanceTimersByTimeAsync(61_000);
    await crowd(limiter, 10);
    expect(await startable(limiter, a, 1)).toBe(0);
  });
});

describe('more than ten thousand tokens', () => {
  it('are not all remembered', async () => {
    const limiter = createLimiter({ maxConcurrency: 8 });
    await crowd(limiter, 12_000);
    await vi.advanceTimersByTimeAsync(61_000);
    for (let call = 0; call < 10_100; call++) await run(limiter, a, patient, nothing); // each forgets one
    await vi.advanceTimersByTimeAsync(61_000);
    await run(limiter, a, patient, nothing);
    expect(await startable(limiter, a)).toBe(8);
  });

  it('do not evict one that has used up its rate', async () => {
    const limiter = createLimiter({ maxConcurrency: 64, requestsPerSecond: 5 });
    const burst = async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => faultOf(run(limiter, a, hurried(0), nothing))),
      );
      return outcomes.filter((outcome) => outcome === undefined).length;
    };
    expect(await burst()).toBe(5);
    await crowd(limiter, 10_001);
    expect(await burst()).toBe(0);
  });
});
