import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const read = 'query ($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { id } }';
/** Makes a request bypass the fast path. */
const yoga = { accept: 'application/json;q=1' };
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

/** The log lines about requests. */
const access = (gateway: TestGateway) => gateway.log.filter(({ msg }) => msg === 'request');

const outcomes = async (gateway: TestGateway) => {
  const { body } = await gateway.send({ path: '/metrics' });
  const found = [...body.matchAll(/^graphql_request_duration_seconds_count\{outcome="(\w+)"\} (\d+)$/gm)];
  return Object.fromEntries(found.map(([, outcome, count]) => [outcome, Number(count)]));
};

describe.each([
  ['compiled', {}],
  ['interpreted', yoga],
])('a request whose operation is %s', (executor, headers: Record<string, string>) => {
  async function startWarm(env: Record<string, string> = {}): Promise<TestGateway> {
    const gateway = await startTestGateway(env);
    await gateway.query(read, { chatId: '1', id: '224' }, headers); // seen before
    return gateway;
  }

  it('is counted by its outcome, and once for each error code in its response', async () => {
    await using gateway = await startWarm();
    await gateway.query(read, { chatId: '1', id: '224' }, headers);
    await gateway.query(read, { chatId: '401', id: '1' }, headers);
    await gateway.query(read, { chatId: 'x', id: 'y' }, headers);
    const many = '{ a: chatMessage(chatId: 403, id: 1) { id } b: chatMessage(chatId: 403, id: 2) { id } }';
    for (let turn = 0; turn < 2; turn++) await gateway.query(many, {}, headers);
    await gateway.query(read, {}, headers);
    await gateway.query('{ nope }', {}, headers);
    const tooMany = Array.from(
      { length: 101 },
      (_, index) => `m${index}: chatMessage(chatId: 1, id: ${index + 1}) { id }`,
    );
    await gateway.query(`{ ${tooMany.join(' ')} }`, {}, headers);
    expect(await outcomes(gateway)).toEqual({ ok: 2, partial: 4, refused: 3, failed: 0, cancelled: 0 });
    await gateway.metric('graphql_request_errors_total{code="UNAUTHENTICATED"}', 1);
    await gateway.metric('graphql_request_errors_total{code="FORBIDDEN"}', 2);
    await gateway.metric('graphql_request_errors_total{code="BAD_USER_INPUT"}', 2);
    await gateway.metric('graphql_request_errors_total{code="GRAPHQL_VALIDATION_FAILED"}', 1);
    await gateway.metric('graphql_request_errors_total{code="INTERNAL_SERVER_ERROR"}', 0);
  });

  it('is logged at debug, and not above', async () => {
    await using gateway = await startWarm({ LOG_LEVEL: 'debug' });
    await using quiet = await startWarm({ LOG_LEVEL: 'info' });
    for (const each of [gateway, quiet]) {
      each.log.length = 0;
      await each.query(read, { chatId: '1', id: '224' }, { ...headers, 'x-request-id': 'fine' });
      await each.query(read, { chatId: '403', id: '224' }, { ...headers, 'x-request-id': 'forbidden' });
    }
    expect(access(gateway)).toEqual([
      {
        level: 20,
        time: expect.any(String),
        requestId: 'fine',
        outcome: 'ok',
        codes: [],
        status: 200,
        executor,
        durationMs: expect.any(Number),
        msg: 'request',
      },
      expect.objectContaining({ requestId: 'forbidden', outcome: 'partial', codes: ['FORBIDDEN'], status: 200 }),
    ]);
    expect(quiet.log).toEqual([]);
  });

  it("has its caller's trace id in each of its log lines, if it is well-formed", async () => {
    await using gateway = await startWarm({ LOG_LEVEL: 'debug' });
    const ask = async (traceparent: string) => {
      gateway.log.length = 0;
      await gateway.query(read, { chatId: '600', id: '1' }, { ...headers, 'x-request-id': 'abc', traceparent });
      expect(gateway.log.map(({ requestId, msg }) => [requestId, msg])).toEqual([
        ['abc', 'a read of Linq failed'],
        ['abc', 'request'],
      ]);
      return gateway.log.map((line) => line['traceId']);
    };
    expect(await ask(`00-${traceId}-00f067aa0ba902b7-01`)).toEqual([traceId, traceId]);
    for (const wrong of [
      '',
      traceId,
      `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
      `00-${traceId}-${'0'.repeat(16)}-01`,
      `00-${traceId.toUpperCase()}-00f067aa0ba902b7-01`,
      `00-${traceId}-00f067aa0ba902b7-01 token`,
      `00-${traceId.slice(1)}!-00f067aa0ba902b7-01`,
    ]) {
      expect(await ask(wrong)).toEqual([undefined, undefined]);
    }
  });

  it('is canceled when its caller disconnects before the response', async () => {
    await using gateway = await startWarm({ LOG_LEVEL: 'debug' });
    gateway.log.length = 0;
    const body = JSON.stringify({ query: read, variables: { chatId: '504', id: '1' } });
    const head = {
      host: 'localhost',
      'content-type': 'application/json',
      'content-length': `${body.length}`,
      ...headers,
    };
    const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.write(`POST /graphql HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
    while (!gateway.calls.some(({ path }) => path.includes('/504/'))) await setImmediate();
    socket.destroy();
    while ((await outcomes(gateway))['cancelled'] === 0);
    expect(access(gateway)).toMatchObject([{ outcome: 'cancelled', codes: [] }]);
    expect(access(gateway)[0]).not.toHaveProperty('status');
    await gateway.metric('graphql_request_errors_total{code="OVERLOADED"}', 0); // no caller got this response
  });
});

it('counts and logs requests that are refused before execution, and whether the client or the gateway is at fault', async () => {
  await using gateway = await startTestGateway({
    LOG_LEVEL: 'debug',
    GATEWAY_API_KEYS: 'key',
    GATEWAY_JWKS_URL: 'http://127.0.0.1:1/',
    GATEWAY_JWT_ISSUER: 'issuer',
    GATEWAY_JWT_AUDIENCE: 'audience',
  });
  const jwt = 'eyJhbGciOiJFUzI1NiJ9.e30.AA';
  expect((await gateway.send({ method: 'POST' })).status).toBe(401);
  expect((await gateway.send({ headers: { host: 'a b' } })).status).toBe(400);
  expect((await gateway.send({ headers: { authorization: `Bearer ${jwt}` } })).status).toBe(503);
  expect((await gateway.send({ method: 'PUT', headers: { authorization: 'Bearer key' } })).status).toBe(405);
  expect(access(gateway)).toMatchObject([
    { outcome: 'refused', codes: ['UNAUTHENTICATED'], status: 401 },
    { outcome: 'refused', codes: ['BAD_REQUEST'], status: 400 },
    { outcome: 'failed', codes: ['UPSTREAM_UNAVAILABLE'], status: 503 },
    { outcome: 'refused', codes: ['BAD_REQUEST'], status: 405 },
  ]);
  expect(await outcomes(gateway)).toMatchObject({ ok: 0, refused: 3, failed: 1 });
});

it('counts the request of a caller that disconnects while sending as canceled', async () => {
  await using gateway = await startTestGateway();
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.write(
    'POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
  );
  await gateway.query('{ __typename }'); // a round trip, after which the request has arrived
  socket.destroy();
  await once(socket, 'close');
  while ((await outcomes(gateway))['cancelled'] !== 1);
});

it('does not count GraphiQL, probes and metrics as requests', async () => {
  await using gateway = await startTestGateway({ LOG_LEVEL: 'debug' });
  await gateway.send({ headers: { accept: 'text/html' } });
  for (const path of ['/livez', '/readyz', '/metrics', '/nowhere']) await gateway.send({ path });
  expect(await outcomes(gateway)).toEqual({ ok: 0, partial: 0, refused: 0, failed: 0, cancelled: 0 });
  expect(gateway.log).toEqual([]);
});

it('counts the messages that an operation requests together, before any of them is read', async () => {
  await using gateway = await startTestGateway();
  const three =
    '{ a: chatMessage(chatId: 2, id: 1) { id } b: chatMessage(chatId: 2, id: 2) { id text } c: chatMessage(chatId: 2, id: 2) { id } d: chatMessage(chatId: 2, id: 3) { id } }';
  for (let turn = 0; turn < 2; turn++) await gateway.query(three);
  await gateway.query(read, { chatId: '2', id: '1' });
  await gateway.metric('graphql_loader_batch_size_bucket{le="2"}', 1);
  await gateway.metric('graphql_loader_batch_size_bucket{le="5"}', 3);
  await gateway.metric('graphql_loader_batch_size_sum', 7);
});

it('logs all drifts of a response in one line, with the request that saw them first', async () => {
  await using gateway = await startTestGateway();
  await gateway.query(read, { chatId: '602', id: '1' }, { 'x-request-id': 'drifted' });
  const [line, ...others] = gateway.log;
  expect(line).toMatchObject({ requestId: 'drifted', drifts: expect.arrayContaining(['data.is_read type']) });
  expect(Object(line).drifts.length).toBeGreaterThan(3);
  expect(others).toEqual([]);
});
