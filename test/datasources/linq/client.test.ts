import { describe, expect, it } from 'vitest';
import { startTestGateway } from '../../support/gateway.ts';
import { startUpstream } from '../../support/upstream.ts';

const query = '{ chatMessage(chatId: 1, id: 7) { text } }';
const message = (id: string, text = 'Hello') => JSON.stringify({ data: { id: Number(id), text } });
const codesOf = (response: { errors?: readonly { extensions: Record<string, unknown> }[] }) =>
  response.errors?.map(({ extensions }) => extensions['code']);

describe('single flight', () => {
  it('shares one call among identical reads of different requests, and sends a new one after it has ended', async () => {
    const arrived = Promise.withResolvers<() => void>();
    await using upstream = await startUpstream((response, _request, id) =>
      arrived.resolve(() => void response.end(message(id))),
    );
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
    const first = gateway.query(query);
    const respond = await arrived.promise;
    const others = Array.from({ length: 9 }, () => gateway.query(query));
    await gateway.metric('linq_shared_flights_total{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}"}', 9);
    respond();
    for (const response of await Promise.all([first, ...others])) {
      expect(response).toEqual({ data: { chatMessage: { text: 'Hello' } } });
    }
    expect(upstream.paths).toHaveLength(1);
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
    await gateway.metric('linq_shared_flights_total{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}"}', 1);
    caller.abort();
    await expect(leaver).rejects.toThrow();
    await gateway.metric(
      'linq_read_duration_seconds_count{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}",outcome="cancelled"}',
      1,
    );
    respond();
    expect(await stayer).toEqual({ data: { chatMessage: { text: 'Hello' } } });
    expect(upstream.paths).toHaveLength(1);
  });
});

describe('the deadline', () => {
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

  it('includes the wait for a slot; a read that times out in the queue is never sent', async () => {
    await using upstream = await startUpstream((_response) => {});
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_MAX_CONCURRENCY: '1' });
    // In one operation, so that all three have the same deadline: a later one would still be sent.
    const fields = [1, 2, 3].map((id) => `m${id}: chatMessage(chatId: 1, id: ${id}) { id }`);
    const response = await gateway.query(`{ ${fields.join(' ')} }`, {}, { 'x-request-timeout-ms': '200' });
    expect(codesOf(response)).toEqual(Array(3).fill('UPSTREAM_TIMEOUT'));
    expect(upstream.paths).toHaveLength(1);
  });
});

describe('the limits on calls to Linq', () => {
  it('fails reads that do not fit into the queue at once, each in its own field', async () => {
    await using upstream = await startUpstream((response, _request, id) =>
      setImmediate(() => response.end(message(id))),
    );
    await using gateway = await startTestGateway({
      LINQ_API_URL: upstream.origin,
      LINQ_MAX_CONCURRENCY: '2',
      LINQ_MAX_QUEUE: '3',
    });
    const fields = Array.from(
      { length: 8 },
      (_, index) => `m${index}: chatMessage(chatId: 1, id: ${index + 1}) { id }`,
    );
    const response = await gateway.query(`{ ${fields.join(' ')} }`);
    expect(codesOf(response)).toEqual(Array(3).fill('OVERLOADED'));
    expect(response.errors?.[0]?.extensions['retryable']).toBe(true);
    expect(Object.values(response.data).filter(Boolean)).toHaveLength(5);
    expect(upstream.paths).toHaveLength(5);
  });

  it('respects LINQ_REQUESTS_PER_SECOND for each token, and fails with the time to wait if it is too long', async () => {
    await using gateway = await startTestGateway({ LINQ_REQUESTS_PER_SECOND: '5' });
    const fields = Array.from(
      { length: 7 },
      (_, index) => `m${index}: chatMessage(chatId: 2, id: ${index + 1}) { id }`,
    );
    const headers = { 'x-request-timeout-ms': '300' };
    const response = await gateway.query(`{ ${fields.join(' ')} }`, {}, headers);
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
    const fields = Array.from(
      { length: 20 },
      (_, index) => `m${index}: chatMessage(chatId: 2, id: ${index + 1}) { id }`,
    );
    const response = await gateway.query(`{ ${fields.join(' ')} }`);
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
});

it('opens the breaker after sustained failure, fails reads at once, and recovers with one probe', async () => {
  let broken = true;
  await using upstream = await startUpstream((response, _request, id) => {
    if (broken)
      setTimeout(() => response.writeHead(500).end(), 50); // paces the rounds below
    else response.end(message(id));
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const isOpen = async () =>
    (await gateway.send({ path: '/metrics' })).body.includes('linq_breaker_state{state="open"} 1\n');
  const fields = Array.from({ length: 8 }, (_, index) => `m${index}: chatMessage(chatId: ${index + 1}, id: 1) { id }`);
  for (let round = 0; round < 100 && !(await isOpen()); round++) await gateway.query(`{ ${fields.join(' ')} }`);
  await gateway.metric('linq_breaker_state{state="open"}', 1);
  const before = upstream.paths.length;
  const refused = await gateway.query(query);
  expect(codesOf(refused)).toEqual(['UPSTREAM_UNAVAILABLE']);
  const retryAfterMs = Number(refused.errors?.[0]?.extensions['retryAfterMs']);
  expect(retryAfterMs).toBeGreaterThan(0);
  expect(retryAfterMs).toBeLessThanOrEqual(2_000);
  expect(upstream.paths.length).toBe(before);
  broken = false;
  let response = refused;
  while (codesOf(response)?.includes('UPSTREAM_UNAVAILABLE')) response = await gateway.query(query);
  expect(response).toEqual({ data: { chatMessage: { text: 'Hello' } } });
  expect(upstream.paths.length).toBe(before + 1);
  await gateway.metric('linq_breaker_state{state="closed"}', 1);
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

it('counts every read, attempt, retry, wait, shared flight and drift at /metrics, without any id', async () => {
  await using gateway = await startTestGateway();
  await gateway.query('{ a: chatMessage(chatId: 1, id: 224) { id } b: chatMessage(chatId: 1, id: 5) { id } }');
  await gateway.query('{ a: chatMessage(chatId: 502, id: 7) { id } b: chatMessage(chatId: 602, id: 7) { id } }');
  const metrics = await gateway.send({ path: '/metrics' });
  expect(metrics.status).toBe(200);
  expect(metrics.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  for (const line of [
    'linq_read_duration_seconds_count{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}",outcome="found"} 3',
    'linq_read_duration_seconds_count{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}",outcome="missing"} 1',
    'linq_attempt_duration_seconds_count{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}",outcome="unavailable"} 2',
    'linq_attempt_duration_seconds_count{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}",outcome="found"} 3',
    'linq_retries_total{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}",reason="unavailable"} 2',
    'linq_queue_wait_seconds_count 6',
    'linq_breaker_state{state="closed"} 1',
    'linq_shared_flights_total{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}"} 0',
    'linq_drift_total{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}",path="data.text",kind="type"} 1',
  ]) {
    expect(metrics.body).toContain(`${line}\n`);
  }
  // Ids in labels only: the same digits may occur in a duration.
  expect(metrics.body).not.toMatch(/the-gateways-own|="[^"]*224|Hello|\+1555/);
});
