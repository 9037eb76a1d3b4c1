import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createLinqClient, type LinqClientOptions } from '../../../src/datasources/linq/client.ts';
import { chatMessageRoute } from '../../../src/datasources/linq/routes/chat-message.ts';
import type { LinqId } from '../../../src/datasources/model.ts';
import { Cancellation } from '../../../src/datasources/reads/cancellation.ts';
import { Token } from '../../../src/datasources/token.ts';
import type { UpstreamError } from '../../../src/datasources/upstream-error.ts';
import { startTestGateway } from '../../support/gateway.ts';
import { startUpstream, type Upstream } from '../../support/upstream.ts';

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
const query = '{ chatMessage(chatId: 1, id: 7) { text } }';
const message = (id: string, text = 'Hello') => JSON.stringify({ data: { id: Number(id), text } });
const route = 'route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}"';
/** Reads messages 1, 2 and so on of a chat, or of one chat each. */
const operation = (count: number, chatId?: number) =>
  `{ ${times(count, (at) => `m${at}: chatMessage(chatId: ${chatId ?? at + 1}, id: ${at + 1}) { id }`).join(' ')} }`;
const codesOf = (response: { errors?: readonly { extensions: Record<string, unknown> }[] }) =>
  response.errors?.map(({ extensions }) => extensions['code']);

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const longestMs = 10_000;

/** A client on its own, with real sockets, and from now on a fake clock, so that long outages are tested fast. */
function clientTo({ origin }: Upstream, options: Partial<LinqClientOptions> = {}) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
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

describe('single flight', () => {
  it('shares one call among identical reads of different requests, and sends a new one after it has ended', async () => {
    let isHeld = true;
    const arrived = Promise.withResolvers<() => void>();
    await using upstream = await startUpstream((response, _request, id) => {
      const respond = () => void response.end(message(id));
      if (isHeld) arrived.resolve(respond);
      else respond();
    });
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
    const first = gateway.query(query);
    const respond = await arrived.promise;
    const others = Array.from({ length: 9 }, () => gateway.query(query));
    await gateway.metric(`linq_shared_flights_total{${route}}`, 9);
    respond();
    for (const response of await Promise.all([first, ...others])) {
      expect(response).toEqual({ data: { chatMessage: { text: 'Hello' } } });
    }
    expect(upstream.paths).toHaveLength(1);
    isHeld = false;
    expect(await gateway.query(query)).toEqual({ data: { chatMessage: { text: 'Hello' } } });
    expect(upstream.paths).toHaveLength(2);
  });

  it('does not end the call of another caller when one disconnects', async () => {
    const arrived = Promise.withResolvers<() => void>();
    await using upstream = await startUpstream((response, _request, id) =>
      arrived.resolve(() => void response.end(message(id))),
    );
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
    const caller = new AbortController();
    const leaver = fetch(`${gateway.url}?query=${encodeURIComponent(query)}`, { signal: caller.signal });
    const respond = await arrived.promise;
    const stayer = gateway.query(query);
    await gateway.metric(`linq_shared_flights_total{${route}}`, 1);
    caller.abort();
    await expect(leaver).rejects.toThrow();
    await gateway.metric(`linq_read_duration_seconds_count{${route},outcome="cancelled"}`, 1);
    respond();
    expect(await stayer).toEqual({ data: { chatMessage: { text: 'Hello' } } });
    expect(upstream.paths).toHaveLength(1);
  });
});

describe('the deadline of a read', () => {
  it.each(['1', '50'])('is shortened by x-request-timeout-ms: %s', async (timeout) => {
    await using upstream = await startUpstream(() => {});
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
    const response = await gateway.query(query, {}, { 'x-request-timeout-ms': timeout });
    expect(codesOf(response)).toEqual(['UPSTREAM_TIMEOUT']);
  });

  it('is never extended', async () => {
    await using upstream = await startUpstream(() => {});
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_TIMEOUT_MS: '100' });
    const response = await gateway.query(query, {}, { 'x-request-timeout-ms': '999999999' });
    expect(codesOf(response)).toEqual(['UPSTREAM_TIMEOUT']);
  });

  it.each(['0', '-1', '1.5', 'soon', '1e3', '1, 2'])('refuses x-request-timeout-ms: %s', async (timeout) => {
    await using gateway = await startTestGateway();
    const response = await gateway.query(query, {}, { 'x-request-timeout-ms': timeout });
    expect(codesOf(response)).toEqual(['BAD_REQUEST']);
    expect(gateway.calls).toEqual([]);
  });

  it('includes the wait in the queue: a read that times out there is never sent', async () => {
    await using upstream = await startUpstream((_response) => {});
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_MAX_CONCURRENCY: '1' });
    // In one operation, so that all three have the same deadline: a later one would still be sent.
    const response = await gateway.query(operation(3, 1), {}, { 'x-request-timeout-ms': '200' });
    expect(codesOf(response)).toEqual(Array(3).fill('UPSTREAM_TIMEOUT'));
    expect(upstream.paths).toHaveLength(1);
  });

  it('prevents a read that it has passed from being sent, even if its timer has not run', async () => {
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
});

describe('the queue', () => {
  it('fails reads that do not fit into the queue at once, each in its own field', async () => {
    await using upstream = await startUpstream((response, _request, id) =>
      setImmediate(() => response.end(message(id))),
    );
    await using gateway = await startTestGateway({
      LINQ_API_URL: upstream.origin,
      LINQ_MAX_CONCURRENCY: '2',
      LINQ_MAX_QUEUE: '3',
    });
    const response = await gateway.query(operation(8, 1));
    expect(codesOf(response)).toEqual(Array(3).fill('OVERLOADED'));
    expect(response.errors?.[0]?.extensions['retryable']).toBe(true);
    expect(Object.values(response.data).filter(Boolean)).toHaveLength(5);
    expect(upstream.paths).toHaveLength(5);
  });
});

describe('the rate limit', () => {
  it('respects LINQ_REQUESTS_PER_SECOND for each token, and fails with the time to wait if it is too long', async () => {
    await using gateway = await startTestGateway({ LINQ_REQUESTS_PER_SECOND: '5' });
    const headers = { 'x-request-timeout-ms': '300' };
    const response = await gateway.query(operation(7, 2), {}, headers);
    expect(codesOf(response)).toEqual(['UPSTREAM_RATE_LIMITED']);
    expect(response.errors?.[0]?.extensions['retryAfterMs']).toEqual(expect.closeTo(400, -2));
    expect(Object.values(response.data).filter(Boolean)).toHaveLength(6);
    const other = await gateway.query(query.replace('1', '2'), {}, { ...headers, 'x-linq-integration-token': 'b' });
    expect(other.errors).toBeUndefined();
  });

  it.each([
    ['is never rate limited by Linq', '8', 0],
    ['meets its limit', '', 1],
  ])('with LINQ_REQUESTS_PER_SECOND below the limit of Linq, or unset: %s', async (_what, rate, fewest429) => {
    await using gateway = await startTestGateway({ LINQ_REQUESTS_PER_SECOND: rate }, { requestsPerSecond: 16 });
    const response = await gateway.query(operation(20, 2));
    expect(response.errors).toBeUndefined(); // in both cases callers do not notice
    expect(gateway.calls.length - 20).toBeGreaterThanOrEqual(fewest429);
    if (fewest429 === 0) expect(gateway.calls).toHaveLength(20);
  });

  it("lets a 429 pause the token's other reads for at most a second, and no other token's", async () => {
    await using gateway = await startTestGateway();
    const startedAt = performance.now();
    const limited = await gateway.query('{ chatMessage(chatId: 4290, id: 7) { id } }');
    expect(codesOf(limited)).toEqual(['UPSTREAM_RATE_LIMITED']);
    const other = await gateway.query(
      '{ chatMessage(chatId: 1, id: 224) { id } }',
      {},
      { 'x-linq-integration-token': 'b' },
    );
    const otherAfterMs = performance.now() - startedAt;
    const same = await gateway.query('{ chatMessage(chatId: 1, id: 224) { id } }');
    const sameAfterMs = performance.now() - startedAt;
    expect([other, same]).toEqual(Array(2).fill({ data: { chatMessage: { id: '224' } } }));
    expect(otherAfterMs).toBeLessThan(950);
    expect(sameAfterMs).toBeGreaterThan(950);
    expect(sameAfterMs).toBeLessThan(3_000);
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
});

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
  ])('%s for callers %s: after timeouts of %i ms of 10 s', async (_does, _who, timeoutMs, states) => {
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

  it('fails reads at once after sustained failure, and closes after one successful probe', async () => {
    let broken = true;
    await using upstream = await startUpstream((response, _request, id) => {
      if (broken)
        setTimeout(() => response.writeHead(500).end(), 50); // paces the rounds below
      else response.end(message(id));
    });
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
    const isOpen = async () =>
      (await gateway.send({ path: '/metrics' })).body.includes('linq_breaker_state{state="open"} 1\n');
    for (let round = 0; round < 100 && !(await isOpen()); round++) await gateway.query(operation(8));
    await gateway.metric('linq_breaker_state{state="open"}', 1);
    const before = upstream.paths.length;
    const refused = await gateway.query(query);
    expect(codesOf(refused)).toEqual(['UPSTREAM_UNAVAILABLE']);
    const retryAfterMs = Number(refused.errors?.[0]?.extensions['retryAfterMs']);
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(2_000);
    broken = false;
    let response = refused;
    while (codesOf(response)?.includes('UPSTREAM_UNAVAILABLE')) response = await gateway.query(query);
    expect(response).toEqual({ data: { chatMessage: { text: 'Hello' } } });
    expect(upstream.paths.length).toBe(before + 1);
    await gateway.metric('linq_breaker_state{state="closed"}', 1);
  });
});

it('is not stalled by a thousand failing reads of mixed kinds over two connections', async () => {
  await using upstream = await startUpstream((response, _request, id) => {
    const kinds = [
      () => response.writeHead(400).end('x'.repeat(1_000)),
      () => response.writeHead(401).write('<html>'), // never ends
      () => response.end('<html>'),
      () => response.socket?.resetAndDestroy(),
      () => response.writeHead(200, { 'content-length': 100 }).write('{', () => response.socket?.resetAndDestroy()),
      () => response.writeHead(403).end('x'.repeat(200_000)),
      () => response.writeHead(404).end(),
      () => response.writeHead(200).write('x'.repeat(20_000)), // over the limit, never ends
    ];
    if (id === '1000001') response.end(message(id));
    else kinds[Number(id) % kinds.length]?.();
  });
  await using gateway = await startTestGateway({
    LINQ_API_URL: upstream.origin,
    LINQ_MAX_CONCURRENCY: '2',
    LINQ_MAX_RESPONSE_BYTES: '10000',
    LINQ_TIMEOUT_MS: '120000',
  });
  for (let round = 0; round < 10; round++) {
    const fields = Array.from({ length: 100 }, (_, index) => {
      const id = round * 100 + index + 1;
      return `m${id}: chatMessage(chatId: 1, id: ${id}) { id }`;
    });
    const response = await gateway.query(`{ ${fields.join(' ')} }`);
    for (const code of codesOf(response) ?? []) {
      expect(['UPSTREAM_BAD_RESPONSE', 'UNAUTHENTICATED', 'UPSTREAM_UNAVAILABLE', 'FORBIDDEN']).toContain(code);
    }
  }
  const response = await gateway.query('{ chatMessage(chatId: 1, id: 1000001) { text } }');
  expect(response).toEqual({ data: { chatMessage: { text: 'Hello' } } });
}, 120_000);

describe('a client that closes', () => {
  it('fails every read under way with OVERLOADED when the gateway closes, and ends its call', async () => {
    const dropped = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    await using upstream = await startUpstream((response) => {
      response.once('close', dropped.resolve);
      arrived.resolve();
    });
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
    const response = gateway.query(query);
    await arrived.promise;
    await gateway.close();
    expect(codesOf(await response)).toEqual(['OVERLOADED']);
    await dropped.promise;
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
});

it('counts every read, attempt, retry, wait, shared flight and drift at /metrics, without any id', async () => {
  await using gateway = await startTestGateway();
  await gateway.query('{ a: chatMessage(chatId: 1, id: 224) { id } b: chatMessage(chatId: 1, id: 5) { id } }');
  await gateway.query('{ a: chatMessage(chatId: 502, id: 7) { id } b: chatMessage(chatId: 602, id: 7) { id } }');
  const metrics = await gateway.send({ path: '/metrics' });
  expect(metrics.status).toBe(200);
  expect(metrics.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  for (const line of [
    `linq_read_duration_seconds_count{${route},outcome="found"} 3`,
    `linq_read_duration_seconds_count{${route},outcome="missing"} 1`,
    `linq_attempt_duration_seconds_count{${route},outcome="unavailable"} 2`,
    `linq_attempt_duration_seconds_count{${route},outcome="found"} 3`,
    `linq_retries_total{${route},reason="unavailable"} 2`,
    'linq_queue_wait_seconds_count 6',
    'linq_breaker_state{state="closed"} 1',
    `linq_shared_flights_total{${route}} 0`,
    `linq_drift_total{${route},path="data.text",kind="type"} 1`,
  ]) {
    expect(metrics.body).toContain(`${line}\n`);
  }
  // Ids in labels only: the same digits may occur in a duration.
  expect(metrics.body).not.toMatch(/the-gateways-own|="[^"]*224|Hello|\+1555/);
});
