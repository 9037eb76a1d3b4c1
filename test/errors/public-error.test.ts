import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { GraphQLError } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UpstreamError } from '../../src/datasources/upstream-error.ts';
import { errorCodes } from '../../src/errors/codes.ts';
import type { FailureLog } from '../../src/errors/failure-log.ts';
import { publicError } from '../../src/errors/public-error.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { startUpstream } from '../support/upstream.ts';

describe('the failing chats of the sandbox', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway({ LINQ_TIMEOUT_MS: '500', LINQ_MAX_RESPONSE_BYTES: '100000' });
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  it.each([
    ['401', 'UNAUTHENTICATED', { retryable: false, upstream: { status: 401 } }],
    ['403', 'FORBIDDEN', { retryable: false, upstream: { status: 403 } }],
    [
      '4290',
      'UPSTREAM_RATE_LIMITED',
      { retryable: true, retryAfterMs: expect.closeTo(3_600_000, -4), upstream: { status: 429 } },
    ],
    ['500', 'UPSTREAM_UNAVAILABLE', { retryable: true, upstream: { status: 500 } }],
    ['504', 'UPSTREAM_TIMEOUT', { retryable: true }],
    ['598', 'UPSTREAM_TIMEOUT', { retryable: true }],
    ['599', 'UPSTREAM_UNAVAILABLE', { retryable: true, upstream: { status: 200 } }],
    ['600', 'UPSTREAM_BAD_RESPONSE', { retryable: false, upstream: { status: 200 } }],
    ['601', 'UPSTREAM_BAD_RESPONSE', { retryable: false, upstream: { status: 200 } }],
    ['603', 'UPSTREAM_BAD_RESPONSE', { retryable: false, upstream: { status: 200 } }],
  ])('chat %s fails with %s in its own field, and does not affect its sibling', async (chatId, code, extensions) => {
    const answer = await gateway.query(
      'query ($chatId: ID!) { bad: chatMessage(chatId: $chatId, id: 7) { id } good: chatMessage(chatId: 1, id: 224) { id } }',
      { chatId },
      { 'x-request-id': 'test-1', 'x-linq-integration-token': `token of ${chatId}` },
    );
    expect(answer.data).toEqual({ bad: null, good: { id: '224' } });
    expect(answer.errors).toHaveLength(1);
    expect(answer.errors?.[0]?.path).toEqual(['bad']);
    expect(answer.errors?.[0]?.extensions).toEqual({ code, requestId: 'test-1', ...extensions });
  });

  it('chat 404 is null without an error', async () => {
    expect(await gateway.query('{ chatMessage(chatId: 404, id: 7) { id } }')).toEqual({ data: { chatMessage: null } });
  });

  it('chat 429 is read after the requested delay, or fails at once if that is too long', async () => {
    await using patient = await startTestGateway();
    const query = '{ chatMessage(chatId: 429, id: 7) { id } }';
    expect(await patient.query(query)).toEqual({ data: { chatMessage: { id: '7' } } });
    expect(patient.calls).toHaveLength(2);
    const answer = await patient.query(query, {}, { 'x-request-timeout-ms': '900' });
    expect(answer.errors?.[0]?.extensions).toMatchObject({
      code: 'UPSTREAM_RATE_LIMITED',
      retryAfterMs: expect.closeTo(1_050, -2), // what Linq asks for, and up to 100 ms that spread the callers
      upstream: { status: 429 },
    });
    expect(patient.calls).toHaveLength(3);
  });

  it('chat 502 is read at the third attempt, without an error for its caller', async () => {
    await using patient = await startTestGateway();
    const answer = await patient.query('{ chatMessage(chatId: 502, id: 7) { id } }');
    expect(answer).toEqual({ data: { chatMessage: { id: '7' } } });
    expect(patient.calls).toHaveLength(3);
  });

  it('chat 602 keeps the valid fields of a drifted message, and reports the others once, never their values', async () => {
    const query = `{ chatMessage(chatId: 602, id: 7) {
      id text sentAt deliveredAt deliveryStatus editedAt isRead sentFrom chatHandleId
      attachments { id url filename mimeType fileSize }
      reactions { id chatMessageId reaction isFromMe fromPhone sentAt }
    } }`;
    const expected = {
      id: '7',
      text: null,
      sentAt: null,
      deliveredAt: null,
      deliveryStatus: 'teleported',
      editedAt: null,
      isRead: null,
      sentFrom: null,
      chatHandleId: null,
      attachments: [
        {
          id: 'abc12345-1234-5678-9abc-def012345678',
          url: null,
          filename: null,
          mimeType: 'application/pdf',
          fileSize: null,
        },
      ],
      reactions: [{ id: '456', chatMessageId: '7', reaction: 'custom', isFromMe: null, fromPhone: null, sentAt: null }],
    };
    expect(await gateway.query(query)).toEqual({ data: { chatMessage: expected } });
    expect(await gateway.query(query)).toEqual({ data: { chatMessage: expected } });
    const drift = gateway.log.flatMap(({ level, drifts }) => [drifts ?? []].flat().map((each) => `${level} ${each}`));
    expect(drift).toEqual([...new Set(drift)]);
    expect(drift).toEqual(
      expect.arrayContaining([
        '40 data.text type',
        '40 data.sent_at format',
        '40 data.attachments[].file_size range',
        '40 data.attachments[].id missing',
        '40 data.attachments[] type',
        '40 data.reactions[].custom_emoji unknown',
        '40 data.service unknown',
      ]),
    );
    expect(JSON.stringify(gateway.log)).not.toContain('15551234567');
  });
});

it.each([302, 204, 400, 418, 422])('status %i of Linq is a bad response', async (status) => {
  await using upstream = await startUpstream((response) => response.writeHead(status, { location: '/x' }).end());
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const answer = await gateway.query('{ chatMessage(chatId: 1, id: 7) { id } }');
  expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'UPSTREAM_BAD_RESPONSE', upstream: { status } });
  expect(upstream.paths).toHaveLength(1);
});

it('a read is unavailable when the connection is refused', async () => {
  const upstream = await startUpstream(() => {});
  await upstream[Symbol.asyncDispose]();
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const answer = await gateway.query('{ chatMessage(chatId: 1, id: 7) { id } }');
  expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
});

it('a failed read does not wait for the body of its response', async () => {
  await using upstream = await startUpstream((response) => response.writeHead(500).write('<html>'));
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const answer = await gateway.query('{ chatMessage(chatId: 1, id: 7) { id } }');
  expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', upstream: { status: 500 } });
});

it('no text of an error response of Linq reaches a client or the log', async () => {
  await using upstream = await startUpstream((response, _request, id) => {
    const secret = JSON.stringify({ errors: [{ detail: 'SECRET-BODY' }], message: 'SECRET-BODY' });
    response.writeHead(Number(id), { 'x-secret': 'SECRET-HEADER' }).end(secret);
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LOG_LEVEL: 'trace' });
  for (const status of [200, 400, 401, 403, 429, 500]) {
    const answer = await gateway.query(`{ chatMessage(chatId: 1, id: ${status}) { id } }`);
    expect(answer.errors).toHaveLength(1);
    const written = JSON.stringify([answer, gateway.log]);
    expect(written).not.toContain('SECRET');
    expect(written).not.toContain(upstream.origin);
    expect(written).not.toContain('the-gateways-own');
  }
});

it('a caller that disconnects ends its call to Linq, and is not logged above debug', async () => {
  const asked = Promise.withResolvers<void>();
  const dropped = Promise.withResolvers<void>();
  await using upstream = await startUpstream((response) => {
    response.once('close', dropped.resolve);
    asked.resolve();
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LOG_LEVEL: 'debug' });
  const caller = new AbortController();
  const answer = fetch(`${gateway.url}?query={chatMessage(chatId:1,id:7){id}}`, { signal: caller.signal });
  await asked.promise;
  caller.abort();
  await expect(answer).rejects.toThrow();
  await dropped.promise;
  expect(gateway.log.filter(({ level }) => Number(level) > 20)).toEqual([]);
});

it.each(['{', ''])('a caller that disconnects while sending "%s" is no error', async (sent) => {
  await using gateway = await startTestGateway({ LOG_LEVEL: 'debug' });
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.write('POST /graphql HTTP/1.1\r\nhost: localhost\r\n');
  socket.write(`content-type: application/json\r\ncontent-length: 100\r\n\r\n${sent}`);
  await gateway.query('{ __typename }'); // a round trip, by which the request has arrived
  socket.destroy();
  await once(socket, 'close');
  await gateway.query('{ __typename }');
  expect(gateway.log.filter(({ level }) => Number(level) > 20)).toEqual([]);
});

it('memory stays bounded when every document is new', { timeout: 120_000 }, async () => {
  await using gateway = await startTestGateway();
  const heap = () => {
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  const send = async (count: number, document: (index: number) => string) => {
    for (let index = 0; index < count; index++) await gateway.query(document(index));
  };
  await send(20, (index) => `{${' a'.repeat(25_000)}}#${index}`);
  const before = heap();
  await send(40, (index) => `{${' a'.repeat(25_000)}} # ${index}`); // not valid
  const fields = Array.from({ length: 150 }, (_, index) => `f${index}: id`).join(' ');
  await send(600, (index) => `{ m${index}: chatMessage(chatId: 404, id: 1) { ${fields} } }`); // some 60 kB each
  expect(heap() - before).toBeLessThan(35_000_000);
});

it('a document that is nested too deeply is refused with this reason, and not logged', async () => {
  await using gateway = await startTestGateway({ MAX_TOKENS: '1000000' });
  for (const document of [
    `${'{a'.repeat(20_000)}${'}'.repeat(20_000)}`,
    `{a(x:${'['.repeat(40_000)}${']'.repeat(40_000)})}`,
  ]) {
    const answer = await gateway.query(document);
    expect(answer.errors).toMatchObject([{ extensions: { code: 'GRAPHQL_PARSE_FAILED', retryable: false } }]);
  }
  expect(gateway.log).toEqual([]);
});

it('the log has the code of the error with which a connection to Linq failed, and nothing else of it', async () => {
  await using gateway = await startTestGateway({ LINQ_API_URL: 'http://127.0.0.1:1' });
  await gateway.query('{ chatMessage(chatId: 1, id: 7) { id } }', {}, { 'x-request-id': 'abc' });
  expect(gateway.log).toMatchObject([{ level: 40, requestId: 'abc', fault: 'unavailable', reason: 'ECONNREFUSED' }]);
});

describe('a failure that shows in many places', () => {
  const list = (count: number, id: string) => Array.from({ length: count }, () => `{ chatId: 1, id: ${id} }`).join();

  it('is logged once for each request, interpreted and on the fast path', async () => {
    await using gateway = await startTestGateway({ LINQ_API_URL: 'http://127.0.0.1:1' });
    const query = `{ a: chatMessagesByKeys(keys: [${list(9, '7')}]) { id } b: chatMessage(chatId: 1, id: 7) { id } }`;
    for (let turn = 1; turn <= 3; turn++) {
      expect((await gateway.query(query)).errors).toHaveLength(10);
      expect(gateway.log).toHaveLength(turn);
    }
  });

  it('has the line and column of each selection, of the first ten where there are more', async () => {
    await using gateway = await startTestGateway();
    const once = 'chatMessage(chatId: 403, id: 7) { id }';
    const query = `{\r\n ${once}\r  ${once} # comment\n\n${`\n${once}`.repeat(10)}}`;
    const first = [[2, 2], [3, 3], ...Array.from({ length: 8 }, (_, index) => [6 + index, 1])];
    for (let turn = 0; turn < 3; turn++) {
      const { errors } = await gateway.query(query);
      expect(errors?.map(({ locations }) => locations)).toEqual([first.map(([line, column]) => ({ line, column }))]);
    }
  });
});

describe('requests that are refused as a whole', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  const post = (body: string, headers: Record<string, string> = {}) =>
    gateway.send({ method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  const asQuery = (query: string, more: object = {}) => JSON.stringify({ query, ...more });

  it.each([
    ['a document that does not parse', asQuery('{'), 'GRAPHQL_PARSE_FAILED', 200, 400],
    ['a document that is not valid', asQuery('{ nope }'), 'GRAPHQL_VALIDATION_FAILED', 200, 400],
    [
      'an argument that is no id at all',
      asQuery('{ chatMessage(chatId: 1, id: 1.5) { id } }'),
      'GRAPHQL_VALIDATION_FAILED',
      200,
      400,
    ],
    [
      'a variable that does not fit',
      asQuery('query ($id: ID!) { chatMessage(chatId: 1, id: $id) { id } }', { variables: { id: true } }),
      'BAD_USER_INPUT',
      200,
      400,
    ],
    ['an unknown operationName', asQuery('query A { __typename }', { operationName: 'B' }), 'BAD_REQUEST', 400, 400],
    ['a body that is not JSON', '{"query":', 'BAD_REQUEST', 400, 400],
    ['a body that is no object', '"query"', 'BAD_REQUEST', 400, 400],
    ['a batch', '[{"query":"{ __typename }"}]', 'BAD_REQUEST', 400, 400],
    ['no query', '{}', 'BAD_REQUEST', 400, 400],
    ['a body over MAX_BODY_BYTES', asQuery(`{ __typename } # ${'x'.repeat(102_400)}`), 'BAD_REQUEST', 413, 413],
  ])('%s', async (_what, body, code, statusForJson, statusForGraphQL) => {
    for (const [accept, status] of [
      ['application/json', statusForJson],
      ['application/graphql-response+json', statusForGraphQL],
    ] as const) {
      const answer = await post(body, { accept, 'x-request-id': 'abc' });
      expect(answer.status).toBe(status);
      expect(answer.headers['content-type']).toBe(`${accept}; charset=utf-8`);
      const { data, errors } = JSON.parse(answer.body);
      expect(data).toBeUndefined();
      expect(errors[0].extensions).toEqual({ code, retryable: false, requestId: 'abc' });
    }
    expect(gateway.calls).toEqual([]);
  });

  it.each([
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'application/graphql',
    '',
  ])('a body of type "%s" is refused with 415', async (contentType) => {
    const headers = contentType ? { 'content-type': contentType } : {};
    const answer = await gateway.send({ method: 'POST', headers, body: 'query={__typename}' });
    expect(answer.status).toBe(415);
    expect(JSON.parse(answer.body).errors[0].extensions.code).toBe('BAD_REQUEST');
  });

  it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is refused with 405', async (method) => {
    const answer = await gateway.send({ method });
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('GET, POST');
    expect(JSON.parse(answer.body).errors[0].extensions.code).toBe('BAD_REQUEST');
  });

  it('GET with variables that are not JSON is refused with 400', async () => {
    const answer = await gateway.send({ path: '/graphql?query=%7B__typename%7D&variables=%7B' });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body).errors[0]).toMatchObject({
      message: 'The parameter "variables" is not JSON: send an object, such as {"id":"224"}.',
      extensions: { code: 'BAD_REQUEST' },
    });
  });
});

it.each([
  ['forbidden', 'the message', 'Linq does not let this token read the message. Check the ids, or send another token.'],
  ['timeout', 'the message', 'Linq did not return the message in time. Retry.'],
  [
    'bad-response',
    'the message',
    'Linq returned a response that is not the requested message. Report it with the requestId.',
  ],
  ['timeout', undefined, 'Linq did not return the data in time. Retry.'],
] as const)('a read that failed with %s names what was to be read: %s', (fault, subject, message) => {
  const originalError = Object.assign(new UpstreamError(fault), {
    route: subject && { template: '/{id}', subject },
  });
  const error = new GraphQLError('', { originalError, path: ['field'] });
  const log: FailureLog = { debug() {}, warn() {}, error() {} };
  expect(publicError(error, { requestId: 'test-1' }, log, { suggestions: true })).toMatchObject({ message });
});

it('docs/errors.md has the same error table as the code', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| \[`([A-Z_]+)`\]\(#[a-z_]+\) \|.*\| (yes|no)[^|]*\|$/gm)].map(
    ([, code, retryable]) => [code, { retryable: retryable === 'yes' }],
  );
  expect(Object.fromEntries(rows)).toEqual(errorCodes);
});

it('docs/frontend.md says what to do about each code', () => {
  const guide = readFileSync(new URL('../../docs/frontend.md', import.meta.url), 'utf8');
  const rows = guide.split('\n').filter((line) => line.startsWith('| `'));
  const codes = rows.flatMap((row) => row.match(/`[A-Z_]+`/g) ?? []).map((code) => code.slice(1, -1));
  expect(codes.sort()).toEqual(Object.keys(errorCodes).sort());
});
