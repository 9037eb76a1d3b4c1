import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StaleConnectionError } from '../../../src/datasources/reads/connection.ts';
import type { Reads } from '../../../src/datasources/reads/reads.ts';
import { createReads, read, silentMetrics, TestConnection, textRoute } from './support.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Timers count whole milliseconds. */
const closeTo = (ms: number) => expect.toSatisfy((at: number) => Math.abs(at - ms) <= 2);
const stale = new StaleConnectionError('');

/** How a call ends: with a status, perhaps with `Retry-After`, or an error. Calls after the last of a script succeed. */
type End = number | { readonly status: number; readonly retryAfter: string } | Error;

function createScripted(script: readonly End[], timeoutMs = 100_000) {
  const startedAt = performance.now();
  const attempts: number[] = [];
  const retries: string[] = [];
  const connection = () =>
    new TestConnection((call, connection) => {
      const end = script[attempts.push(performance.now() - startedAt) - 1] ?? 200;
      queueMicrotask(() => {
        if (end instanceof Error) connection.fail(call, end);
        else if (typeof end === 'number') connection.respond(call, end, 'ok');
        else connection.respond(call, end.status, '', end.retryAfter);
      });
    });
  const reads: Reads = createReads(Array.from({ length: 100 }, connection), {
    timeoutMs,
    metrics: { ...silentMetrics, retry: (_route, reason) => retries.push(reason) },
  });
  return { reads, attempts, retries };
}

describe('the delay before a retry', () => {
  it.each([
    [0, [0, 0]],
    [0.5, [50, 100]],
    [0.999, [99.9, 199.8]],
  ])(
    'is drawn from 0 to 100 ms, then from 0 to 200 ms: at %d of the range the delays are %j',
    async (share, delays) => {
      vi.spyOn(Math, 'random').mockReturnValue(share);
      const { reads, attempts } = createScripted([503, 503]);
      const outcome = read(reads, { timeoutMs: 100_000 });
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await outcome).toBe('ok');
      const [first = 0, second = 0] = delays;
      expect(attempts).toEqual([0, closeTo(first), closeTo(first + second)]);
    },
  );

  it('is drawn again for each retry', async () => {
    vi.spyOn(Math, 'random').mockReturnValueOnce(0.1).mockReturnValueOnce(0.7);
    const { reads, attempts } = createScripted([503, 503]);
    void read(reads);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(attempts).toEqual([0, 10, 150]);
  });

  it.each([
    [0, [0, 1_000]],
    [0.5, [0, 1_050]],
    [0.99, [0, 1_099]],
  ])('is added to `Retry-After`, so that reads are not retried all at once: %d', async (share, times) => {
    vi.spyOn(Math, 'random').mockReturnValue(share);
    const { reads, attempts } = createScripted([{ status: 429, retryAfter: '1' }]);
    void read(reads, { timeoutMs: 2_000 });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(attempts).toEqual(times);
  });

  it('is announced in full, and rejects the waiters that cannot wait for it', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const { reads, attempts } = createScripted([{ status: 503, retryAfter: '1' }]);
    const outcome = await read(reads, { timeoutMs: 1_049 });
    expect(outcome).toMatchObject({ fault: 'unavailable', status: 503, retryAfterMs: 1_050, route: textRoute });
    expect(attempts).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_049);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the number of attempts', () => {
  it('is three', async () => {
    const { reads, attempts, retries } = createScripted(Array(9).fill(503));
    const outcome = read(reads);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toMatchObject({ fault: 'unavailable', status: 503 });
    expect(attempts).toHaveLength(3);
    expect(retries).toEqual(['unavailable', 'unavailable']);
  });

  it('is zero while the breaker is open: the read fails at once', async () => {
    const { reads, attempts } = createScripted(Array(60).fill(500));
    for (let second = 0; second < 3; second++) {
      const outcomes = Array.from({ length: 20 }, (_, id) => read(reads, { id: `${second}-${id}` }));
      await vi.advanceTimersByTimeAsync(1_000);
      await Promise.all(outcomes);
    }
    const before = attempts.length;
    expect(await read(reads, { timeoutMs: 100_000 })).toMatchObject({ fault: 'unavailable', status: undefined });
    expect(attempts).toHaveLength(before);
  });

  it('does not count the first call on a stale connection, which is sent again at once', async () => {
    const { reads, attempts, retries } = createScripted([stale, 503, 503]);
    const outcome = read(reads);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toBe('ok');
    expect(attempts).toHaveLength(4);
    expect(attempts[1]).toBe(0);
    expect(retries).toEqual(['stale-connection', 'unavailable', 'unavailable']);
  });

  it('treats a second stale connection as an unavailable upstream', async () => {
    const { reads, attempts, retries } = createScripted(Array(9).fill(stale));
    const outcome = read(reads);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toMatchObject({ fault: 'unavailable', cause: stale });
    expect(attempts).toHaveLength(4);
    expect(retries).toEqual(['stale-connection', 'unavailable', 'unavailable']);
  });

  it('is one after an internal error, which does not count for the breaker and is passed on unchanged', async () => {
    const bug = new TypeError('a bug');
    const { reads, attempts } = createScripted([bug]);
    expect(await read(reads)).toBe(bug);
    expect(attempts).toHaveLength(1);
  });
});

describe('the budget', () => {
  it('is not used by retries that no waiter is left for, nor are they counted', async () => {
    const { reads, retries } = createScripted([...Array(100).fill({ status: 503, retryAfter: '60' }), 503, 503]);
    for (let id = 0; id < 100; id++) {
      expect(await read(reads, { id: `${id}`, timeoutMs: 10_000 })).toMatchObject({ fault: 'unavailable' });
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(retries).toEqual([]);
  });

  it('ends the retries of an outage, and is available again ten seconds later', async () => {
    const { reads } = createScripted(Array(11).fill(503));
    const outage = Array.from({ length: 11 }, (_, id) => read(reads, { id: `${id}` }));
    await vi.advanceTimersByTimeAsync(1_000);
    const failed = (await Promise.all(outage)).filter((outcome) => outcome !== 'ok');
    expect(failed).toMatchObject([{ fault: 'unavailable', status: 503 }]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await read(reads)).toBe('ok');
  });
});
