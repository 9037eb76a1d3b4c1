import type { IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { beforeEach, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { registerTracing } from '../support/spans.ts';
import { openStream } from '../support/streams.ts';
import { startUpstream } from '../support/upstream.ts';
import { secret } from '../support/webhooks.ts';

const exporter = registerTracing();
beforeEach(() => exporter.reset());

const read = 'query ($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { id } }';
const messageRoute = '/api/partner/v2/chats/{chat_id}/chat_messages/{id}';
const ok = { code: SpanStatusCode.UNSET };
const error = { code: SpanStatusCode.ERROR };

/** The spans, as soon as there are `count` of them: a span ends shortly after its response has arrived. */
async function spans(count: number): Promise<ReadableSpan[]> {
  while (exporter.getFinishedSpans().length < count) await setImmediate();
  return exporter
    .getFinishedSpans()
    .toSorted((a, b) => order.indexOf(a.kind + a.name) - order.indexOf(b.kind + b.name));
}
const order = [`${SpanKind.SERVER}POST /graphql`, `${SpanKind.SERVER}query`, `${SpanKind.CLIENT}GET ${messageRoute}`];

const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId;
const parentOf = (span: ReadableSpan | undefined) => span?.parentSpanContext?.spanId;
const tracesOf = (all: ReadableSpan[]) => new Set(all.map((span) => span.spanContext().traceId));

describe.each([
  ['compiled', {}],
  ['interpreted', { accept: 'application/json;q=1' }],
])('a request whose operation is %s', (_executor, headers: Record<string, string>) => {
  async function startWarm(env: Record<string, string> = {}): Promise<TestGateway> {
    const gateway = await startTestGateway(env);
    for (let turn = 0; turn < 2; turn++) await gateway.query(read, { chatId: '404', id: '1' }, headers); // seen before
    await spans(6);
    exporter.reset();
    return gateway;
  }

  it('has a span, which contains that of its operation, which contains those of its calls to Linq', async () => {
    await using gateway = await startWarm();
    await gateway.query(read, { chatId: '1', id: '224' }, headers);
    const [request, operation, call, ...others] = await spans(3);
    expect(others).toEqual([]);
    const { port } = new URL(gateway.linq);
    expect(request).toMatchObject({ name: 'POST /graphql', kind: SpanKind.SERVER, status: ok });
    expect(request?.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/graphql',
      'http.response.status_code': 200,
      'url.path': '/graphql',
      'url.scheme': 'http',
    });
    expect(operation).toMatchObject({ name: 'query', kind: SpanKind.SERVER, status: ok });
    expect(operation?.attributes).toEqual({ 'graphql.operation.type': 'query' });
    expect(call).toMatchObject({ name: `GET ${messageRoute}`, kind: SpanKind.CLIENT, status: ok });
    expect(call?.attributes).toEqual({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
      'server.port': Number(port),
      'url.template': messageRoute,
    });
    expect([parentOf(request), parentOf(operation), parentOf(call)]).toEqual([
      undefined,
      idOf(request),
      idOf(operation),
    ]);
    expect(tracesOf(await spans(3)).size).toBe(1);
  });

  it("continues its caller's trace", async () => {
    await using gateway = await startWarm();
    const [traceId, spanId] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
    await gateway.query(read, { chatId: '1', id: '224' }, { ...headers, traceparent: `00-${traceId}-${spanId}-01` });
    const all = await spans(3);
    expect(parentOf(all[0])).toBe(spanId);
    expect(tracesOf(all)).toEqual(new Set([traceId]));
  });

  it('has its trace id in each of its log lines', async () => {
    await using gateway = await startWarm({ LOG_LEVEL: 'debug' });
    gateway.log.length = 0;
    await gateway.query(read, { chatId: '600', id: '1' }, headers);
    const [traceId] = tracesOf(await spans(3));
    expect(gateway.log.map((line) => [line['msg'], line['traceId']])).toEqual([
      ['a read of Linq failed', traceId],
      ['request', traceId],
    ]);
  });

  it('numbers retried calls, and records the fault of each', async () => {
    await using gateway = await startWarm();
    await gateway.query(read, { chatId: '502', id: '7' }, headers);
    const [, operation, ...calls] = await spans(5);
    const failed = { 'http.response.status_code': 502, 'error.type': 'unavailable' };
    expect(calls.map(({ status }) => status)).toEqual([error, error, ok]);
    expect(calls.map(({ attributes }) => attributes)).toEqual([
      expect.objectContaining(failed),
      expect.objectContaining({ ...failed, 'http.request.resend_count': 1 }),
      expect.objectContaining({ 'http.response.status_code': 200, 'http.request.resend_count': 2 }),
    ]);
    expect(calls[0]?.attributes).not.toHaveProperty(['http.request.resend_count']);
    expect(new Set(calls.map(parentOf))).toEqual(new Set([idOf(operation)]));
  });

  it('marks its operation, but not itself, as failed with the error code when one field fails', async () => {
    await using gateway = await startWarm();
    await gateway.query(read, { chatId: '403', id: '7' }, headers);
    const [request, operation, call] = await spans(3);
    expect(request).toMatchObject({ status: ok, attributes: { 'http.response.status_code': 200 } });
    expect(operation).toMatchObject({ status: error, attributes: { 'error.type': 'FORBIDDEN' } });
    expect(call).toMatchObject({ status: error, attributes: { 'error.type': 'forbidden' } });
  });

  it('marks no span as failed when a message is missing', async () => {
    await using gateway = await startWarm();
    await gateway.query(read, { chatId: '404', id: '7' }, headers);
    const all = await spans(3);
    expect(all.map(({ status }) => status)).toEqual([ok, ok, ok]);
    expect(all[2]?.attributes).toMatchObject({ 'http.response.status_code': 404 });
  });

  it('has no span for an operation when it is invalid', async () => {
    await using gateway = await startWarm();
    await gateway.query('{ nope }', {}, headers);
    await gateway.query(read, { chatId: '404', id: '7' }, headers);
    const all = await spans(4);
    expect(all.map(({ name }) => name)).toEqual(['POST /graphql', 'POST /graphql', 'query', `GET ${messageRoute}`]);
  });

  it('is marked as canceled and ends all its spans when its caller disconnects', async () => {
    await using gateway = await startWarm();
    const body = JSON.stringify({ query: read, variables: { chatId: '504', id: '1' } });
    const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.write('POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n');
    socket.write(`content-length: ${body.length}\r\n${more.join('')}\r\n${body}`);
    while (!gateway.calls.some(({ path }) => path.includes('/504/'))) await setImmediate();
    socket.destroy();
    const [request, , call] = await spans(3);
    expect(request).toMatchObject({ status: error, attributes: { 'error.type': 'cancelled' } });
    expect(request?.attributes).not.toHaveProperty(['http.response.status_code']);
    expect(call).toMatchObject({ status: error, attributes: { 'error.type': 'cancelled' } });
  });

  it('has no span for a call that another request began: it is in the trace of that request', async () => {
    const asked = Promise.withResolvers<() => void>();
    await using upstream = await startUpstream((response, _request, id) => {
      if (id === '1') response.writeHead(404).end();
      else asked.resolve(() => response.end(`{"data":{"id":${id}}}`));
    });
    await using gateway = await startWarm({ LINQ_API_URL: upstream.origin });
    const first = gateway.query(read, { chatId: '1', id: '7' }, headers);
    const answer = await asked.promise;
    const second = gateway.query(read, { chatId: '1', id: '7' }, headers);
    await gateway.metric('linq_shared_flights_total{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}"}', 1);
    answer();
    await Promise.all([first, second]);
    const all = await spans(5);
    expect(all.map(({ name }) => name)).toEqual([
      'POST /graphql',
      'POST /graphql',
      'query',
      'query',
      `GET ${messageRoute}`,
    ]);
    expect(all.slice(2, 4).map(idOf)).toContain(parentOf(all[4]));
    expect(tracesOf(all).size).toBe(2);
  });
});

it('a request that is refused before its operation has its status, and is marked as failed only for gateway errors', async () => {
  await using gateway = await startTestGateway({
    GATEWAY_API_KEYS: 'key',
    GATEWAY_JWKS_URL: 'http://127.0.0.1:1/',
    GATEWAY_JWT_ISSUER: 'issuer',
    GATEWAY_JWT_AUDIENCE: 'audience',
  });
  await gateway.send({ path: '/graphql?query={__typename}' });
  await gateway.send({ headers: { authorization: 'Bearer eyJhbGciOiJFUzI1NiJ9.e30.AA' } });
  await gateway.send({ method: 'PROPFIND', headers: { authorization: 'Bearer key' } });
  const all = exporter.getFinishedSpans().map(({ name, status, attributes }) => [name, status, attributes]);
  const attributes = { 'http.route': '/graphql', 'url.path': '/graphql', 'url.scheme': 'http' };
  expect(all).toEqual([
    ['GET /graphql', ok, { ...attributes, 'http.request.method': 'GET', 'http.response.status_code': 401 }],
    [
      'GET /graphql',
      error,
      { ...attributes, 'http.request.method': 'GET', 'http.response.status_code': 503, 'error.type': '503' },
    ],
    ['HTTP /graphql', ok, { ...attributes, 'http.request.method': '_OTHER', 'http.response.status_code': 405 }],
  ]);
});

it('probes, metrics and GraphiQL have no spans', async () => {
  await using gateway = await startTestGateway();
  for (const path of ['/livez', '/readyz', '/metrics', '/nowhere']) await gateway.send({ path });
  await gateway.send({ headers: { accept: 'text/html' } });
  expect(exporter.getFinishedSpans()).toEqual([]);
});

it('no trace headers are sent to Linq', async () => {
  const seen: IncomingHttpHeaders[] = [];
  await using upstream = await startUpstream((response, { headers }, id) => {
    seen.push(headers);
    response.end(`{"data":{"id":${id}}}`);
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const trace = {
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    tracestate: 'a=b',
    baggage: 'c=d',
  };
  await gateway.query(read, { chatId: '1', id: '7' }, trace);
  expect(seen).toEqual([
    { host: expect.any(String), connection: 'keep-alive', 'x-linq-integration-token': 'the-gateways-own' },
  ]);
});

it('spans use the names of the semantic conventions', async () => {
  await using gateway = await startTestGateway();
  for (const chatId of ['1', '403', '502']) await gateway.query(read, { chatId, id: '7' });
  const words = new Set<unknown>(Object.values(conventions));
  const used = new Set((await spans(11)).flatMap(({ attributes }) => Object.keys(attributes)));
  expect([...used].filter((word) => !words.has(word))).toEqual([]);
  expect(used.size).toBe(11);
});

it.each(['GET', 'POST'] as const)(
  'has the checks of the chats of a stream in the trace of its request, by %s',
  async (method) => {
    await using gateway = await startTestGateway({ LINQ_WEBHOOK_SECRETS: secret, MAX_STREAMS_PER_CALLER: '100' });
    const query = (index: number) =>
      `subscription S${index} { chatMessageEvents(chatIds: [${index + 1}]) { messageId } }`;
    const count = 50; // some of them wait for their turn
    const traceIds = Array.from({ length: count }, (_, index) => String(index + 1).padStart(32, '0'));
    const streams = await Promise.all(
      traceIds.map((id, index) =>
        openStream(gateway, { method, query: query(index), headers: { traceparent: `00-${id}-00f067aa0ba902b7-01` } }),
      ),
    );
    const calls = exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.CLIENT);
    expect(calls.map((span) => span.spanContext().traceId).toSorted()).toEqual(traceIds);
    for (const stream of streams) await stream[Symbol.asyncDispose]();
  },
);

it('keeps requests that wait for their turn in their own traces', async () => {
  await using gateway = await startTestGateway({ LINQ_WEBHOOK_SECRETS: secret, MAX_STREAMS_PER_CALLER: '100' });
  const fields = Array.from({ length: 60 }, (_, index) => `a${index}: messageId`).join(' ');
  const traceIds = Array.from({ length: 30 }, (_, index) => String(index + 1).padStart(32, '0'));
  const requests = traceIds.map((id, index) => {
    const query = `subscription S${index} { chatMessageEvents(chatIds: [${index + 1}]) { ${fields} } }`;
    return `GET /graphql?query=${encodeURIComponent(query)} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\ntraceparent: 00-${id}-00f067aa0ba902b7-01\r\n\r\n`;
  });
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.write(requests.join(''));
  const calls = () => exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.CLIENT);
  while (calls().length < traceIds.length) await setImmediate();
  expect(
    calls()
      .map((span) => span.spanContext().traceId)
      .toSorted(),
  ).toEqual(traceIds);
  socket.destroy();
});
