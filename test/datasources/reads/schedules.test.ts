import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Call, StaleConnectionError } from '../../../src/datasources/reads/connection.ts';
import { Token } from '../../../src/datasources/token.ts';
import { UpstreamError } from '../../../src/datasources/upstream-error.ts';
import { runs } from '../../support/runs.ts';
import { createReads, read, silentMetrics, TestConnection } from './support.ts';

// Only the clock and the sockets are simulated. Everything else is real and driven through random schedules.
beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

const timeoutMs = 1_000;
const tokens = ['a', 'b', 'c'].map((secret) => new Token(secret));
const maxConcurrency = 3;

/** A caller that arrives, and perhaps disconnects. */
const arrivals = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 2_000 }),
    token: fc.nat({ max: tokens.length - 1 }),
    caller: fc.constantFrom(undefined, 'a', 'b'),
    id: fc.nat({ max: 2 }),
    timeoutMs: fc.integer({ min: 1, max: timeoutMs }),
    cancelsAfterMs: fc.option(fc.integer({ min: 0, max: 1_200 })),
  }),
  { minLength: 1, maxLength: 40 },
);
/** How the upstream handles calls, in turn. `sync` ends a call before `send` returns. */
const responses = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.constant('sync' as const), fc.integer({ min: 0, max: 700 })),
    outcome: fc.constantFrom('ok', 'ok', 'ok', 'missing', 'unavailable', 'rate-limited', 'forbidden', 'stale', 'hang'),
    retryAfter: fc.option(fc.constantFrom('0', '1', '2'), { nil: undefined }),
    /** How long a dropped call still occupies its connection, as one that connects does. */
    freeAfterMs: fc.constantFrom(0, 0, 50, 500),
  }),
  { minLength: 1, maxLength: 20 },
);
const statuses: Record<string, number> = {
  ok: 200,
  missing: 404,
  unavailable: 503,
  'rate-limited': 429,
  forbidden: 403,
};

it('keeps its promises under random schedules of arrivals, cancellations, responses and failures', async () => {
  await fc.assert(
    fc.asyncProperty(arrivals, responses, fc.constantFrom(undefined, 3), async (schedule, script, rate) => {
      let sent = 0;
      let retries = 0;
      const callsNow = () => connections.map(({ call }) => call).filter((call) => call !== undefined);
      const respond = (call: Call, connection: TestConnection) => {
        const step = script[sent++ % script.length] ?? fail();
        expect(
          callsNow().filter((other) => other === call),
          'calls of one read in flight',
        ).toHaveLength(1);
        connection.freeAfterDropMs = step.freeAfterMs;
        const end = () => {
          const body = `${call.path} for ${new Token(String(call.headers[1])).digest}`;
          if (step.outcome === 'stale') connection.fail(call, new StaleConnectionError(''));
          else connection.respond(call, statuses[step.outcome] ?? 0, body, step.retryAfter);
        };
        if (step.outcome === 'hang') return;
        if (step.afterMs === 'sync') end();
        else setTimeout(end, step.afterMs);
      };
      const connections = Array.from({ length: maxConcurrency }, () => new TestConnection(respond));
      const reads = createReads(connections, {
        timeoutMs,
        callerReadsPerSecond: rate,
        metrics: { ...silentMetrics, retry: (_route, reason) => reason === 'stale-connection' || retries++ },
      });
      const settled = schedule.map(() => 0);
      const running: Promise<void>[] = [];

      const start = (index: number): void => {
        const { token: which, caller: callerId, id, timeoutMs: patience, cancelsAfterMs } = schedule[index] ?? fail();
        const token = tokens[which] ?? fail();
        const caller = new AbortController();
        if (cancelsAfterMs !== null) setTimeout(() => caller.abort(), cancelsAfterMs);
        const arrivedAt = performance.now();
        running.push(
          read(reads, { caller: callerId, id: `${id}`, token, timeoutMs: patience, signal: caller.signal }).then(
            (outcome) => {
              settled[index] = (settled[index] ?? 0) + 1;
              expect(performance.now() - arrivedAt, 'time until settled').toBeLessThanOrEqual(patience);
              if (typeof outcome === 'string') expect(outcome).toBe(`/${id} for ${token.digest}`);
              else if (outcome !== null) expect(outcome).toBeInstanceOf(UpstreamError);
            },
          ),
        );
      };

      schedule.forEach(({ at }, index) => {
        setTimeout(() => start(index), at);
      });
      await vi.advanceTimersByTimeAsync(10_000);
      await Promise.all(running);

      expect(running).toHaveLength(schedule.length);
      expect(settled, 'every reader settles exactly once').toEqual(schedule.map(() => 1));
      expect(callsNow(), 'calls left in flight').toEqual([]);
      expect(retries, 'retries within the budget').toBeLessThanOrEqual(Math.max(10, schedule.length / 10) * 2);
      expect(vi.getTimerCount(), 'timers left behind').toBe(0);
      // Nothing is stuck: every slot can be used again.
      const after = Array.from({ length: maxConcurrency }, (_, id) => read(reads, { id: `after ${id}`, timeoutMs }));
      await vi.advanceTimersByTimeAsync(10_000);
      for (const outcome of await Promise.all(after)) expect(outcome).not.toMatchObject({ fault: 'overloaded' });
    }),
    { numRuns: runs(150) },
  );
});

it('retries at most a tenth of the recent reads in an outage, or ten in ten seconds', async () => {
  let sent = 0;
  const connections = Array.from(
    { length: 2_000 },
    () =>
      new TestConnection((call, connection) => {
        sent++;
        queueMicrotask(() => connection.respond(call, 502));
      }),
  );
  const reads = createReads(connections, { maxQueue: 10_000 });
  // Fewer seconds than the breaker needs, so that it stays closed.
  for (const [count, most] of [
    [100, 10],
    [1_000, 110],
  ] as const) {
    sent = 0;
    const outage = Array.from({ length: count }, (_, id) => read(reads, { id: `${count}-${id}` }));
    await vi.advanceTimersByTimeAsync(1_000);
    for (const outcome of await Promise.all(outage)) expect(outcome).toMatchObject({ fault: 'unavailable' });
    expect(sent - count).toBeLessThanOrEqual(most);
    expect(sent - count).toBeGreaterThan(0);
  }
});

function fail(): never {
  throw new Error('the schedule has a hole');
}
