import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLinqClient, type LinqClientOptions } from '../../../src/datasources/linq/client.ts';
import { chatMessageRoute } from '../../../src/datasources/linq/routes/chat-message.ts';
import type { LinqId } from '../../../src/datasources/model.ts';
import { Cancellation } from '../../../src/datasources/reads/cancellation.ts';
import { Token } from '../../../src/datasources/token.ts';
import type { UpstreamError } from '../../../src/datasources/upstream-error.ts';
import { startUpstream, type Upstream } from '../../support/upstream.ts';

// With real sockets and a fake clock, so that long outages are tested fast.
beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const message = (id: string) => JSON.stringify({ data: { id: Number(id) } });
const longestMs = 10_000;

function clientTo({ origin }: Upstream, options: Partial<LinqClientOptions> = {}) {
  const breaker: string[] = [];
  const attempts: string[] = [];
  const retries: string[] = [];
  const client = createLinqClient({
    origin,
    timeoutMs: longestMs,
    maxConcurrency: 64,
    maxQueue: 1_000,
    requestsPerSecond: undefined,
    maxResponseBytes: 1_000_000,
    reportDrift: () => {},
    metrics: {
      read: () => {},
      attempt: (_route, outcome) => attempts.push(outcome),
      retry: (_route, reason) => retries.push(reason),
      queueWait: () => {},
      breaker: (state) => breaker.push(state),
      sharedFlight: () => {},
      cache: () => {},
      drift: () => {},
    },
    ...options,
  });
  let reads = 0;
  return {
    breaker,
    attempts,
    retries,
    /** Reads a message that no other read shares, of a chat of its own; returns its id, or the error. */
    read: ({ token = 'a', timeoutMs = longestMs, caller = new AbortController().signal } = {}) =>
      client
        .get(
          chatMessageRoute,
          { chatId: `${reads + 1}` as LinqId, id: `${++reads}` as LinqId },
          { token: new Token(token), timeoutMs, freshness: 'shared', cancellation: new Cancellation(caller) },
        )
        .then(
          (found) => found?.id,
          (error: UpstreamError) => error,
        ),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** Resolves when this many calls have reached the upstream. */
async function arrived({ paths }: Upstream, calls: number): Promise<void> {
  while (paths.length < calls) await turnOfTheLoop();
}

/** Does it in three different seconds, the last of which is the one that it is then. */
async function inThreeSeconds(act: () => Promise<unknown>): Promise<void> {
  for (let second = 0; second < 3; second++) {
    if (second > 0) await vi.advanceTimersByTimeAsync(1_000);
    await act();
  }
}

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));

describe('the breaker', () => {
  it('opens when calls fail for three seconds, and then fails reads at once, without calls or retries', async () => {
    await using upstream = await startUpstream((response) => response.writeHead(500, { 'retry-after': '60' }).end());
    await using client = clientTo(upstream);
    await inThreeSeconds(() => Promise.all(times(7, () => client.read())));
    expect(client.breaker).toEqual(['open']);
    const refused = await Promise.all(times(20, () => client.read()));
    expect(refused).toMatchObject(Array(20).fill({ fault: 'unavailable', retryAfterMs: 2_000 }));
    expect(upstream.paths).toHaveLength(21);
    expect(client.attempts).toHaveLength(21);
    expect(client.retries).toEqual([]);
  });

  it('does not open for a burst of failures in one second', async () => {
    await using upstream = await startUpstream((response) => response.writeHead(500, { 'retry-after': '60' }).end());
    await using client = clientTo(upstream);
    await Promise.all(times(200, () => client.read()));
    expect(client.breaker).toEqual([]);
  });

  it('refuses a read before it is queued, no matter how full the queue is', async () => {
    await using upstream = await startUpstream((response, { headers }, id) => {
      if (headers['x-linq-integration-token'] === 'a') response.end(message(id));
      else response.writeHead(500, { 'retry-after': '60' }).end();
    });
    await using client = clientTo(upstream, { requestsPerSecond: 1, maxQueue: 1 });
    let failing = 0;
    const fail = (count: number) => Promise.all(times(count, () => client.read({ token: `failing ${failing++}` })));
    await inThreeSeconds(() => fail(6));
    expect(await client.read()).toEqual(expect.any(String));
    const queued = client.read(); // until the rate allows for it
    await turnOfTheLoop();
    expect(await client.read()).toMatchObject({ fault: 'overloaded' });
    await fail(6);
    expect(client.breaker).toEqual(['open']);
    expect(await client.read()).toMatchObject({ fault: 'unavailable', retryAfterMs: 2_000 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await queued).toMatchObject({ fault: 'unavailable', retryAfterMs: 1_000 });
  });

  it('does not open for statuses below 500, nor for unreadable bodies', async () => {
    await using upstream = await startUpstream((response, _request, id) => {
      const status = [400, 401, 403, 404, 422, 200][Number(id) % 6] ?? 0;
      response.writeHead(status).end('<html>');
    });
    await using client = clientTo(upstream);
    await inThreeSeconds(() => Promise.all(times(30, () => client.read())));
    expect(upstream.paths).toHaveLength(90);
    expect(client.breaker).toEqual([]);
  });

  it('does not open for callers that disconnect', async () => {
    await using upstream = await startUpstream(() => {});
    await using client = clientTo(upstream);
    await inThreeSeconds(async () => {
      const caller = new AbortController();
      const reads = times(20, () => client.read({ caller: caller.signal }));
      await arrived(upstream, upstream.paths.length + 20);
      caller.abort();
      expect(await Promise.all(reads)).toMatchObject(Array(20).fill({ fault: 'cancelled' }));
    });
    expect(client.attempts).toEqual(Array(60).fill('cancelled'));
    expect(client.breaker).toEqual([]);
  });

  it.each([
    ['does not open', 'in a hurry', 4_999, []],
    ['opens', 'who gave Linq half of the time that a read may take', 5_000, ['open']],
    ['opens', 'who gave Linq all of the time that a read may take', 10_000, ['open']],
  ])('%s for callers %s: timeouts after %i ms of 10 s', async (_does, _who, timeoutMs, states) => {
    await using upstream = await startUpstream(() => {});
    await using client = clientTo(upstream);
    const reads: Promise<unknown>[] = [];
    await inThreeSeconds(async () => {
      reads.push(...times(10, () => client.read({ timeoutMs })));
      await arrived(upstream, reads.length);
    });
    await vi.advanceTimersByTimeAsync(timeoutMs);
    expect(await Promise.all(reads)).toMatchObject(Array(30).fill({ fault: 'timeout' }));
    expect(client.breaker).toEqual(states);
  });
});

it('does not send a read whose deadline has passed when its turn comes, even if its timer has not run', async () => {
  const responses: (() => void)[] = [];
  await using upstream = await startUpstream((response, _request, id) => {
    responses.push(() => response.end(message(id)));
    if (responses.length > 1) response.end(message(id));
  });
  await using client = clientTo(upstream, { maxConcurrency: 1 });
  const first = client.read();
  const late = client.read({ timeoutMs: 100 });
  await arrived(upstream, 1);
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 100);
  responses[0]?.();
  expect(await first).toBe('1');
  expect(await late).toMatchObject({ fault: 'timeout' });
  expect(upstream.paths).toHaveLength(1);
  expect(client.attempts).toEqual(['found']);
});

it('announces a pause to the queued reads of its token at once, and serves those that can wait', async () => {
  const responses: (() => void)[] = [];
  await using upstream = await startUpstream((response, _request, id) => {
    if (id === '1') responses.push(() => response.writeHead(429, { 'retry-after': '60' }).end());
    else response.end(message(id));
  });
  await using client = clientTo(upstream, { maxConcurrency: 1 });
  const limited = client.read({ timeoutMs: 3_000 });
  const hurried = client.read({ timeoutMs: 600 });
  const patient = client.read({ timeoutMs: 3_000 });
  await arrived(upstream, 1);
  responses[0]?.();
  expect(await limited).toMatchObject({ fault: 'rate-limited', status: 429 });
  expect(await hurried).toMatchObject({ fault: 'rate-limited', retryAfterMs: 1_000 });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await patient).toBe('3');
  expect(upstream.paths).toHaveLength(2);
});

it('does not let the long rate limit of one token use up the retries of another', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
  let failed = 0;
  await using upstream = await startUpstream((response, { headers }, id) => {
    if (headers['x-linq-integration-token'] === 'a') response.writeHead(429, { 'retry-after': '3600' }).end();
    else if (failed++ === 0) response.writeHead(503).end();
    else response.end(message(id));
  });
  await using client = clientTo(upstream);
  const limited = await Promise.all(times(30, () => client.read()));
  expect(limited).toMatchObject(Array(30).fill({ fault: 'rate-limited' }));
  expect(client.retries).toEqual([]);
  const other = client.read({ token: 'b' });
  while (client.retries.length === 0) await turnOfTheLoop();
  await vi.advanceTimersByTimeAsync(1);
  expect(await other).toBe('31');
  expect(client.retries).toEqual(['unavailable']);
});

it('fails every read with `cancelled` once it is closed', async () => {
  await using upstream = await startUpstream(() => {});
  const client = clientTo(upstream);
  const reads = times(3, () => client.read());
  await arrived(upstream, 3);
  await client[Symbol.asyncDispose]();
  expect(await Promise.all([...reads, client.read()])).toMatchObject(Array(4).fill({ fault: 'cancelled' }));
  expect(upstream.paths).toHaveLength(3);
});
