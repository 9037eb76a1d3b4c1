import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Limiter } from '../../../src/datasources/reads/limiter.ts';
import { RetryBudget, withRetries } from '../../../src/datasources/reads/retry.ts';
import { type Interest, SingleFlight } from '../../../src/datasources/reads/single-flight.ts';
import { Token } from '../../../src/datasources/token.ts';
import { UpstreamError } from '../../../src/datasources/upstream-error.ts';

// Only the clock is made: everything else is the real thing, driven through random schedules.
beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

const timeoutMs = 1_000;
const tokens = ['a', 'b', 'c'].map((secret) => new Token(secret));

/** A reader that arrives, and perhaps leaves; what the upstream will do with the calls it makes. */
const arrivals = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 2_000 }),
    token: fc.nat({ max: tokens.length - 1 }),
    id: fc.nat({ max: 2 }),
    timeoutMs: fc.integer({ min: 1, max: timeoutMs }),
    leavesAfterMs: fc.option(fc.integer({ min: 0, max: 1_200 })),
  }),
  { minLength: 1, maxLength: 40 },
);
const answers = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 700 }),
    outcome: fc.constantFrom('ok', 'ok', 'ok', 'unavailable', 'rate-limited', 'forbidden', 'hang'),
    retryAfterMs: fc.option(fc.integer({ min: 0, max: 1_500 }), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 20 },
);

it('keeps its promises under random schedules of arrivals, departures, answers and faults', async () => {
  await fc.assert(
    fc.asyncProperty(arrivals, answers, async (schedule, script) => {
      const startedAt = performance.now();
      const flights = new SingleFlight<string>(timeoutMs, () => {});
      const budget = new RetryBudget();
      const maxConcurrency = 3;
      const limiter = new Limiter({ maxConcurrency, maxQueue: 1_000, requestsPerSecond: undefined, onAdmit: () => {} });
      let calls = 0;
      let retries = 0;
      let inTheAir = 0;
      const settled: number[] = schedule.map(() => 0);
      const answered: string[] = [];
      const running: Promise<void>[] = [];

      const read = (index: number): void => {
        const { token: which, id, timeoutMs: patience, leavesAfterMs } = schedule[index] ?? fail();
        const token = tokens[which] ?? fail();
        const caller = new AbortController();
        if (leavesAfterMs !== null) setTimeout(() => caller.abort(), leavesAfterMs);
        const arrivedAt = performance.now();
        const outcome = flights.join(
          { token: token.digest, resource: `${id}` },
          { timeoutMs: patience, caller: caller.signal },
          (interest) => {
            let callsOfThisFlight = 0;
            return withRetries(
              () =>
                limiter.run(token.digest, interest, async () => {
                  interest.ensureWanted();
                  expect(++callsOfThisFlight, 'calls of one flight in the air').toBe(1);
                  expect(++inTheAir, 'calls in the air').toBeLessThanOrEqual(maxConcurrency);
                  try {
                    return await upstream(token, id, interest.signal);
                  } finally {
                    callsOfThisFlight--;
                    inTheAir--;
                  }
                }),
              { budget, interest, onRetry: () => retries++ },
            );
          },
        );
        const settle = (text: string) => {
          settled[index] = (settled[index] ?? 0) + 1;
          answered[index] = text;
          expect(performance.now() - arrivedAt, 'time until settled').toBeLessThanOrEqual(patience);
        };
        running.push(
          outcome.then(settle, (error) => {
            expect(error).toBeInstanceOf(UpstreamError);
            settle(`${error.fault}`);
            if (error.retryAfterMs !== undefined && error.fault === 'rate-limited') {
              expect(error.retryAfterMs).toBeGreaterThanOrEqual(0);
            }
          }),
        );
      };

      const upstream = (token: Token, id: number, signal: Interest['signal']): Promise<string> =>
        new Promise((resolve, reject) => {
          expect(signal.aborted, 'an attempt after its deadline').toBe(false);
          const { afterMs, outcome, retryAfterMs } = script[calls++ % script.length] ?? fail();
          const timer = setTimeout(() => {
            if (outcome === 'ok') resolve(`message ${id} for ${token.digest}`);
            else if (outcome !== 'hang') reject(new UpstreamError(outcome as 'unavailable', { retryAfterMs }));
          }, afterMs);
          signal.addEventListener('abort', () => {
            clearTimeout(timer);
            reject(signal.reason);
          });
        });

      schedule.forEach(({ at }, index) => {
        setTimeout(() => read(index), at);
      });
      await vi.advanceTimersByTimeAsync(10_000);
      await Promise.all(running);

      expect(running).toHaveLength(schedule.length);
      expect(
        settled.every((times) => times === 1),
        'every reader settles exactly once',
      ).toBe(true);
      answered.forEach((text, index) => {
        const { token, id } = schedule[index] ?? fail();
        if (text.startsWith('message')) expect(text).toBe(`message ${id} for ${tokens[token]?.digest}`);
      });
      expect(inTheAir, 'calls left in the air').toBe(0);
      expect(retries, 'retries within the budget').toBeLessThanOrEqual(Math.max(10, schedule.length / 10) * 2);
      expect(vi.getTimerCount(), 'timers left behind').toBe(0);
      expect(performance.now() - startedAt).toBeGreaterThan(0);
    }),
    { numRuns: 300 },
  );
});

it('retries at most a tenth of the recent calls in an outage, with ten in ten seconds as the least', async () => {
  const budget = new RetryBudget();
  const never = new AbortController().signal;
  const interest = { signal: never, postpone: () => {}, ensureWanted: () => {} };
  for (const [calls, most] of [
    [100, 10],
    [1_000, 110],
  ] as const) {
    let made = 0;
    const outage = Array.from({ length: calls }, () =>
      withRetries(
        async () => {
          made++;
          throw new UpstreamError('unavailable');
        },
        { budget, interest, onRetry: () => {} },
      ).catch((error) => expect(error.fault).toBe('unavailable')),
    );
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all(outage);
    expect(made - calls).toBeLessThanOrEqual(most);
    expect(made - calls).toBeGreaterThan(0);
  }
});

function fail(): never {
  throw new Error('the schedule has a hole');
}
