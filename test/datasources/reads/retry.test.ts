import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BreakerOpenError } from '../../../src/datasources/reads/breaker.ts';
import { RetryBudget, StaleConnectionError, withRetries } from '../../../src/datasources/reads/retry.ts';
import type { Interest } from '../../../src/datasources/reads/single-flight.ts';
import { Stop } from '../../../src/datasources/reads/stop.ts';
import { UpstreamError } from '../../../src/datasources/upstream-error.ts';
import { WatchedStop } from '../watched-stop.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const passing = new UpstreamError('unavailable', { status: 503 });
/** Timers count whole milliseconds. */
const closeTo = (ms: number) => expect.toSatisfy((at: number) => Math.abs(at - ms) <= 2);
const stale = new StaleConnectionError('');

/** Waits for as long as it is told, or, with `patienceMs`, only if it is no longer than that. */
function interestOf(patienceMs = Number.POSITIVE_INFINITY, signal = new Stop()): Interest & { told: number[] } {
  const told: number[] = [];
  const postpone: Interest['postpone'] = (waitMs, error) => {
    told.push(waitMs);
    if (waitMs > patienceMs) signal.abort(error.after(waitMs));
  };
  return { signal, postpone, told, ensureWanted: () => {} };
}

/** Fails with these errors, one for each attempt, and then succeeds. */
function read(script: readonly unknown[], { budget = new RetryBudget(), interest = interestOf() } = {}) {
  const startedAt = performance.now();
  const attempts: number[] = [];
  const retries: string[] = [];
  const outcome = withRetries(
    async () => {
      const error = script[attempts.push(performance.now() - startedAt) - 1];
      if (error !== undefined) throw error;
      return 'ok';
    },
    { budget, interest, onRetry: (reason) => retries.push(reason) },
  ).catch((error: unknown) => error);
  return { outcome, attempts, retries };
}

describe('the pause before a retry', () => {
  it.each([
    [0, [0, 0]],
    [0.5, [50, 100]],
    [0.999, [99.9, 199.8]],
  ])('is drawn from 0 to 100 ms, then from 0 to 200 ms: at %d of it the pauses are %j', async (share, pauses) => {
    vi.spyOn(Math, 'random').mockReturnValue(share);
    const interest = interestOf();
    const { outcome, attempts } = read([passing, passing], { interest });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toBe('ok');
    expect(interest.told).toEqual(pauses);
    const [first = 0, second = 0] = pauses;
    expect(attempts).toEqual([0, closeTo(first), closeTo(first + second)]);
  });

  it('is drawn anew for each retry', async () => {
    vi.spyOn(Math, 'random').mockReturnValueOnce(0.1).mockReturnValueOnce(0.7);
    const { attempts } = read([passing, passing]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(attempts).toEqual([0, 10, 150]);
  });

  it.each([
    [0, [0, 1_000]],
    [0.5, [0, 1_050]],
    [0.99, [0, 1_099]],
  ])('comes on top of what Linq asks for, so that reads do not return at one instant: %d', async (share, times) => {
    vi.spyOn(Math, 'random').mockReturnValue(share);
    const { attempts } = read([new UpstreamError('rate-limited', { status: 429, retryAfterMs: 1_000 })]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(attempts).toEqual(times);
  });

  it('is told to the readers in whole, and ends for those who leave', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const { outcome, attempts } = read([new UpstreamError('unavailable', { status: 503, retryAfterMs: 1_000 })], {
      interest: interestOf(1_049),
    });
    expect(await outcome).toMatchObject({ fault: 'unavailable', status: 503, retryAfterMs: 1_050 });
    expect(attempts).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves no listener behind', async () => {
    const signal = new WatchedStop();
    const { outcome } = read([passing, passing], { interest: interestOf(undefined, signal) });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toBe('ok');
    expect([signal.added, signal.removed]).toEqual([2, 2]);
  });
});

describe('the number of attempts', () => {
  it('is three', async () => {
    const { outcome, attempts, retries } = read(Array(9).fill(passing));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toBe(passing);
    expect(attempts).toHaveLength(3);
    expect(retries).toEqual(['unavailable', 'unavailable']);
  });

  it('is one when the breaker is open: the read is answered at once, for whatever time there is to wait', async () => {
    const refusal = new BreakerOpenError(1);
    const { outcome, attempts, retries } = read([refusal]);
    expect(await outcome).toBe(refusal);
    expect(attempts).toHaveLength(1);
    expect(retries).toEqual([]);
  });

  it('does not count the first attempt on a dead connection, which is made again at once', async () => {
    const { outcome, attempts, retries } = read([stale, passing, passing]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toBe('ok');
    expect(attempts).toHaveLength(4);
    expect(attempts[1]).toBe(0);
    expect(retries).toEqual(['stale-connection', 'unavailable', 'unavailable']);
  });

  it('takes a second dead connection for an upstream that is unavailable', async () => {
    const { outcome, attempts, retries } = read(Array(9).fill(stale));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toMatchObject({ fault: 'unavailable', cause: stale });
    expect(attempts).toHaveLength(4);
    expect(retries).toEqual(['stale-connection', 'unavailable', 'unavailable']);
  });
});

describe('the budget', () => {
  it('is not used up by retries that nobody waits for, nor are they counted', async () => {
    const budget = new RetryBudget();
    const later = new UpstreamError('rate-limited', { status: 429, retryAfterMs: 60_000 });
    for (let reader = 0; reader < 100; reader++) {
      const { outcome, retries } = read([later], { budget, interest: interestOf(10_000) });
      expect(await outcome).toMatchObject({ fault: 'rate-limited' });
      expect(retries).toEqual([]);
    }
    const { outcome, retries } = read([passing, passing], { budget });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toBe('ok');
    expect(retries).toHaveLength(2);
  });

  it('ends the retries of an outage, and is there again ten seconds later', async () => {
    const budget = new RetryBudget();
    const outage = Array.from({ length: 11 }, () => read([passing], { budget }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(
      (await Promise.all(outage.map(({ outcome }) => outcome))).filter((answer) => answer === passing),
    ).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(10_000);
    const { outcome } = read([passing], { budget });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toBe('ok');
  });
});
