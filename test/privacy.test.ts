import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { close, listen, startTestGateway, type TestGateway } from './support/gateway.ts';
import { selectionOfAll } from './support/property-fields.ts';
import { registerTracing } from './support/spans.ts';
import { openStream } from './support/streams.ts';
import { startUpstream } from './support/upstream.ts';
import { deliver, secret, signatureOf, webhook } from './support/webhooks.ts';

const gatewayToken = 'mark-of-the-gateways-token';
const callerToken = 'mark-of-a-callers-token';
const apiKey = 'mark-of-an-api-key';
const wrongKey = 'mark-of-a-wrong-key';
/** Data from callers other than credentials. */
const variable = 'mark of a variable';
/** Data from Linq: texts, people, files, and descriptions of failures. */
const text = 'mark of a text';
const phone = '+15550123987';
const file = 'https://files.example/mark-of-a-file.pdf?signature=mark';
const detail = 'mark of a failure';
const issuer = 'https://issuer.example/mark-of-the-issuer';

/** May appear neither in the log, metrics and traces, nor in responses outside of `data`. */
const secrets = (...credentials: string[]) => [
  text,
  phone,
  file,
  detail,
  issuer,
  ...[gatewayToken, callerToken, apiKey, wrongKey, ...credentials].flatMap((credential) => [
    credential,
    ...(['hex', 'base64', 'base64url'] as const).map((encoding) =>
      createHash('sha256').update(credential).digest(encoding),
    ),
  ]),
];

/** Responses without their `data`, with headers. */
class Responses {
  readonly #all: { headers: unknown; errors: unknown }[] = [];
  readonly codes = new Set<string>();

  async send(gateway: TestGateway, options: Parameters<TestGateway['send']>[0]): Promise<void> {
    const { headers, body } = await gateway.send(options);
    const { data: _data, ...rest } = JSON.parse(body);
    for (const { extensions } of rest.errors ?? []) this.codes.add(extensions.code);
    this.#all.push({ headers, errors: rest });
  }

  get text(): string {
    return JSON.stringify(this.#all);
  }
}

const exporter = registerTracing();

/** Everything that a trace exporter could send. */
function traces(): string {
  const spans = exporter.getFinishedSpans();
  expect(spans.length).toBeGreaterThan(100);
  return JSON.stringify(
    spans.map(({ name, attributes, events, links, status, instrumentationScope, resource }) => {
      return { name, attributes, events, links, status, instrumentationScope, resource: resource.attributes };
    }),
  );
}

const consoles = ['log', 'info', 'warn', 'error', 'debug'] as const;
const said = vi.fn();
beforeEach(() => {
  exporter.reset();
  said.mockClear();
  for (const name of consoles) vi.spyOn(console, name).mockImplementation(said);
});
afterEach(() => vi.restoreAllMocks());

async function expectSilence(gateway: TestGateway, responses: Responses, ...credentials: string[]) {
  const { body: metrics } = await gateway.send({ path: '/metrics' });
  const log = JSON.stringify(gateway.log);
  const spans = traces();
  for (const mark of secrets(...credentials)) {
    expect(responses.text).not.toContain(mark);
    expect(log).not.toContain(mark);
    expect(metrics).not.toContain(mark);
    expect(spans).not.toContain(mark);
  }
  for (const each of [log, metrics, spans]) expect(each).not.toContain(variable);
  expect(said).not.toHaveBeenCalled();
}

const everything = selectionOfAll('ChatMessage');
const byId = `query ($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) ${everything} }`;
const byKeys = `query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) ${everything} }`;

const asPost = (headers: Record<string, string>, params: unknown) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: typeof params === 'string' ? params : JSON.stringify(params),
});
const asGet = (headers: Record<string, string>, query: string, variables: object) => ({
  path: `/graphql?${new URLSearchParams({ query, variables: JSON.stringify(variables) })}`,
  headers,
});

const send = (status: number, body: string | Buffer, headers: Record<string, string | number> = {}) => {
  return (response: ServerResponse) => void response.writeHead(status, `OK ${detail}`, headers).end(body);
};
const fields = {
  text,
  sent_at: '2025-05-21T15:30:00.123-05:00',
  sent_from: phone,
  delivery_status: text,
  attachments: [{ id: 'abc12345-1234-5678-9abc-def012345678', url: file, filename: text, mime_type: text }],
  reactions: [{ id: 1, reaction: text, from_phone: phone }],
};
const message = (id: string, more: object = {}) => JSON.stringify({ data: { id: Number(id), ...fields, ...more } });

/** How Linq responds, by the id of the requested message. */
const behaviors: ((response: ServerResponse, id: string) => void)[] = [
  (response, id) => send(200, message(id))(response),
  // Drift: marks in the wrong fields, as values and as names.
  (response, id) =>
    send(200, message(id, { sent_at: text, is_read: phone, chat_handle_id: phone, attachments: text }))(response),
  (response, id) => send(200, message(id, { [text]: text, [phone]: 1, [file]: [file] }))(response),
  (response, id) => send(200, message(id, { reactions: [text, { id: phone, [text]: phone }], text: [text] }))(response),
  (response, id) =>
    send(200, message(id, { attachments: [{ id: text, url: { file } }, file, { url: file }] }))(response),
  // Not the message.
  (response) => send(200, message('999999', { id: text }))(response),
  (response) => send(200, message('999999'))(response),
  (response, id) => send(200, message(id).slice(0, -20))(response),
  (response, id) => send(200, `${text}${message(id)}`)(response),
  (response) => send(200, JSON.stringify({ [text]: text }))(response),
  (response) => send(200, JSON.stringify(text))(response),
  (response) => send(200, text.repeat(10_000))(response),
  (response) => send(200, text, { 'content-encoding': 'gzip' })(response),
  (response) => send(200, text, { 'content-encoding': text })(response),
  (response, id) => send(200, gzipSync(message(id)).subarray(0, 40), { 'content-encoding': 'gzip' })(response),
  (response, id) => send(200, Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(message(id))]))(response),
  // Failures with details.
  ...[301, 400, 401, 403, 404, 418, 422, 500, 502, 503].map(
    (status) => (response: ServerResponse) => sendFailure(response, status),
  ),
  // Not HTTP.
  (response) => void response.socket?.end(`HTTP/1.1 200 ${detail}\r\n${text}\r\n\r\n`),
  (response) => void response.socket?.end(`${detail}\r\n\r\n`),
  (response) => void response.socket?.end(`HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n${text}`),
  (response) => void response.socket?.resetAndDestroy(),
  (response) => sendFailure(response, 429), // the last, because it pauses later reads
];

function sendFailure(response: ServerResponse, status: number): void {
  send(status, JSON.stringify({ errors: [{ detail: detail, title: phone, [file]: text }] }), {
    location: file,
    'retry-after': status === 429 ? detail : 0,
    'x-linq-integration-token': detail,
    'www-authenticate': detail,
    'set-cookie': detail,
  })(response);
}

it.each([
  ['alone', {}],
  ['with a cache and a lost Redis', { LINQ_CACHE_TTL_MS: '60000', REDIS_URL: `redis://:${apiKey}@127.0.0.1:1` }],
])(
  'shows neither data from Linq nor tokens in the log, metrics, traces or errors, however Linq responds: %s',
  async (_what, env) => {
    await using upstream = await startUpstream((response, _request, id) => behaviors[Number(id) - 1]?.(response, id));
    await using gateway = await startTestGateway({
      LINQ_API_URL: upstream.origin,
      LINQ_INTEGRATION_TOKEN: gatewayToken,
      LINQ_MAX_RESPONSE_BYTES: '50000',
      LOG_LEVEL: 'trace',
      ...env,
    });
    const responses = new Responses();
    const ids = behaviors.map((_behavior, index) => `${index + 1}`);
    for (const own of [undefined, callerToken]) {
      for (const id of ids) {
        const headers = {
          'x-request-timeout-ms': '300',
          'x-linq-explain': 'true',
          ...(own && { 'x-linq-integration-token': own }),
        };
        await responses.send(gateway, asPost(headers, { query: byId, variables: { chatId: '1', id } }));
      }
      const keys = ids.map((id) => ({ chatId: '1', id }));
      await responses.send(gateway, asPost({ 'x-request-timeout-ms': '300' }, { query: byKeys, variables: { keys } }));
      await responses.send(gateway, asGet({ 'x-request-timeout-ms': '300' }, byKeys, { keys }));
    }
    expect([...responses.codes]).toEqual(
      expect.arrayContaining([
        'UPSTREAM_BAD_RESPONSE',
        'UNAUTHENTICATED',
        'FORBIDDEN',
        'UPSTREAM_RATE_LIMITED',
        'UPSTREAM_UNAVAILABLE',
      ]),
    );
    expect(responses.text).toContain('"extensions":{"linq":{"reads":[{"route":');
    expect(gateway.log.length).toBeGreaterThan(20);
    expect(
      await gateway.query(byId, { chatId: '1', id: '1' }, { 'x-linq-integration-token': 'another' }),
    ).toMatchObject({
      data: { chatMessage: { text, sentFrom: phone, attachments: [{ url: file }] } }, // where it belongs
    });
    await expectSilence(gateway, responses, upstream.origin);
  },
);

it('shows neither credentials nor variables in the log, metrics, traces or the errors of other callers', async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' };
  let published = text; // at first no keys: this is logged, without their URL
  const jwks = createServer((_request, response) => response.end(published));
  const jwksOrigin = await listen(jwks);
  const sign = (claims: object) =>
    new SignJWT({ iss: issuer, aud: 'gateway', sub: text, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .sign(privateKey);
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const jwt = await sign({ exp, linq_chats: ['1', '2', '401', '403', '500', '600', '602'] });
  const jwtWrong = await sign({ exp, iss: 'https://another.example' });
  const jwtMalformed = await sign({ exp, linq_chats: [text, phone] });
  await using gateway = await startTestGateway({
    LINQ_INTEGRATION_TOKEN: gatewayToken,
    LINQ_TIMEOUT_MS: '1000',
    LINQ_MAX_RESPONSE_BYTES: '100000',
    GATEWAY_API_KEYS: `${apiKey},another`,
    GATEWAY_JWKS_URL: `${jwksOrigin}/keys?secret=${wrongKey}`,
    GATEWAY_JWT_ISSUER: issuer,
    GATEWAY_JWT_AUDIENCE: 'gateway',
    LOG_LEVEL: 'trace',
  });
  const responses = new Responses();
  const key = { authorization: `Bearer ${apiKey}` };
  const credentials: Record<string, string>[] = [
    key,
    { ...key, 'x-linq-integration-token': callerToken },
    { authorization: `Bearer ${jwt}` },
    {},
    { authorization: `Bearer ${wrongKey}` },
    { authorization: wrongKey },
    { authorization: `Bearer ${jwtWrong}` },
    { authorization: `Bearer ${jwtMalformed}` },
    { 'x-linq-integration-token': callerToken },
  ];

  await responses.send(gateway, asPost({ authorization: `Bearer ${jwt}` }, { query: byId }));
  expect([...responses.codes]).toEqual(['UPSTREAM_UNAVAILABLE']);
  responses.codes.clear();
  published = JSON.stringify({ keys: [jwk] });

  // Every scenario of the sandbox; last the one that pauses the token.
  const chats = ['1', '2', '401', '403', '404', '500', '599', '600', '601', '602', '603', '502', '504', '598'];
  for (const chatIds of [chats, ['4290']]) {
    for (const headers of credentials) {
      await Promise.all(
        chatIds.map(async (chatId) => {
          const short = { ...headers, 'x-request-timeout-ms': '100', 'x-linq-explain': 'true' };
          const variables = { chatId, id: '224', note: variable, [variable]: [variable] };
          await responses.send(gateway, asPost(short, { query: byId, variables }));
          await responses.send(gateway, asPost(short, { query: byId, variables, extensions: { note: variable } }));
          await responses.send(gateway, asGet(short, byId, variables));
        }),
      );
    }
  }

  // Malformed requests of all kinds.
  const wrongBodies: unknown[] = [
    { query: byId, variables: { chatId: variable, id: '224' } },
    { query: byId, variables: { chatId: { [variable]: variable }, id: [variable] } },
    { query: byKeys, variables: { keys: [{ chatId: '1', id: '224', [variable]: 1 }, variable] } },
    { query: byKeys, variables: variable },
    { query: `{ chatMessage(chatId: "${variable}", id: 1) { id } }` },
    { query: `{ chatMessage(chatId: 1, id: 224) { unknown } }` },
    { query: `{ "${variable}"` },
    { query: byId, operationName: variable },
    { query: byId, variables: {}, [variable]: variable },
    { query: byKeys, variables: { keys: Array.from({ length: 101 }, (_, index) => ({ chatId: '2', id: index + 1 })) } },
    `{"query": "{ __typename }", "variables": {"note": "${variable}"`,
    `${variable}`,
    [{ query: variable }],
    { query: variable.repeat(10_000) },
  ];
  for (const body of wrongBodies) {
    for (let turn = 0; turn < 3; turn++) await responses.send(gateway, asPost(key, body as object));
  }
  for (const headers of [
    { 'x-request-timeout-ms': variable },
    { 'x-request-id': `${variable} ${callerToken} ü`, 'x-request-timeout-ms': '0' },
    { 'content-type': `text/plain; note=${variable}` },
    { host: `${callerToken}.example:99999` },
    { accept: `image/${callerToken}` },
    { cookie: `token=${callerToken}`, 'x-request-timeout-ms': 'soon' },
  ]) {
    await responses.send(
      gateway,
      asPost({ ...key, ...headers }, { query: byId, variables: { chatId: '1', id: '224' } }),
    );
  }
  await gateway.send({ path: `/${callerToken}?${apiKey}` });
  await gateway.send({ method: 'PUT', path: `/graphql?token=${callerToken}`, headers: key });

  // Callers that disconnect: while they send, and while they wait.
  const { port } = new URL(gateway.url);
  const head = `POST /graphql HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${apiKey}\r\nx-linq-integration-token: ${callerToken}\r\ncontent-type: application/json\r\n`;
  const body = JSON.stringify({ query: byId, variables: { chatId: '504', id: '1', note: variable } });
  for (const [length, then] of [
    [body.length, 'received'],
    [body.length + 100, 'sent'],
  ] as const) {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
    socket.write(`${head}content-length: ${length}\r\n\r\n${body}`);
    if (then === 'received') {
      const isReceived = () => gateway.calls.some(({ path }) => path.endsWith('/504/chat_messages/1'));
      while (!isReceived()) await gateway.send({ path: '/livez' });
    } else {
      await gateway.query('{ __typename }', {}, key); // a round trip, after which it has arrived
    }
    socket.destroy();
    await once(socket, 'close');
  }
  const malformed = connect(Number(port), '127.0.0.1').on('error', () => {});
  malformed.end(`GET /graphql?${variable} ${callerToken}\r\n${apiKey}\r\n\r\n`);
  await once(malformed.resume(), 'close');
  await gateway.metric(
    'linq_read_duration_seconds_count{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}",outcome="cancelled"}',
    1,
  );

  expect([...responses.codes].toSorted()).toEqual(
    expect.arrayContaining([
      'BAD_REQUEST',
      'BAD_USER_INPUT',
      'FORBIDDEN',
      'GRAPHQL_PARSE_FAILED',
      'GRAPHQL_VALIDATION_FAILED',
      'OPERATION_TOO_COSTLY',
      'UNAUTHENTICATED',
      'UPSTREAM_BAD_RESPONSE',
      'UPSTREAM_RATE_LIMITED',
      'UPSTREAM_TIMEOUT',
      'UPSTREAM_UNAVAILABLE',
    ]),
  );
  expect(responses.text).toContain('"extensions":{"linq":{"reads":[{"route":');
  expect(gateway.log.length).toBeGreaterThan(20);
  await expectSilence(gateway, responses, jwt, jwtWrong, jwtMalformed, jwksOrigin);
  await close(jwks);
});

it('shows nothing of a webhook in the log, metrics or traces, however it is refused', async () => {
  await using gateway = await startTestGateway({
    LINQ_WEBHOOK_SECRETS: apiKey,
    LINQ_CACHE_TTL_MS: '60000',
    LOG_LEVEL: 'trace',
  });
  const data = { text, from_phone: phone, attachments: [{ url: file }], chat_handles: [{ identifier: phone }] };
  const [chatId, id] = ['471147114711', '815815815815'];
  const marked = webhook({ event_id: detail }, { ...data, chat_id: chatId, id });
  const statuses = new Set<number>();
  const responses: unknown[] = [];
  for (const [body, headers] of [
    [JSON.stringify(marked), {}],
    [JSON.stringify(marked), {}],
    [JSON.stringify(marked).slice(0, -20), {}],
    [JSON.stringify({ ...marked, event_type: text }), {}],
    [JSON.stringify({ ...marked, api_version: text }), {}],
    [JSON.stringify({ ...marked, created_at: text }), {}],
    [JSON.stringify({ ...marked, created_at: '2020-01-01 00:00:00 +0000' }), {}],
    [JSON.stringify({ ...marked, data: text }), {}],
    [JSON.stringify({ ...marked, data: { ...data, chat_id: phone } }), {}],
    [JSON.stringify({ [text]: text, [phone]: file }), {}],
    [text, { 'content-type': text.replaceAll(' ', '/') }],
    [text, { 'content-encoding': text }],
    [text.repeat(20_000), {}],
    [text, { 'x-webhook-signature': wrongKey }],
    [text, { 'x-webhook-signature': signatureOf(text, wrongKey) }],
  ] as const) {
    const response = await deliver(gateway, body, { 'x-webhook-signature': signatureOf(body, apiKey), ...headers });
    statuses.add(response.status);
    responses.push(response);
  }
  expect([...statuses].toSorted()).toEqual([200, 400, 401, 413, 415]);
  await gateway.metric('linq_webhooks_total{outcome="admitted"}', 1);
  const { body: metrics } = await gateway.send({ path: '/metrics' });
  const shown = [
    JSON.stringify(responses),
    JSON.stringify(gateway.log),
    metrics,
    JSON.stringify(exporter.getFinishedSpans()),
  ];
  for (const mark of [...secrets(), chatId, id]) for (const each of shown) expect(each).not.toContain(mark);
  expect(said).not.toHaveBeenCalled();
});

it('shows nothing of a stream in the log, metrics or traces, also when it is refused', async () => {
  let isAllowed = true;
  await using linq = await startUpstream((response, request, id) => {
    if (!isAllowed) return void send(403, JSON.stringify({ errors: [{ detail }] }))(response);
    if (request.url?.includes('chat_messages')) send(200, message(id))(response);
    else send(200, JSON.stringify({ data: { id, display_name: text } }))(response);
  });
  await using gateway = await startTestGateway({
    LINQ_API_URL: linq.origin,
    LINQ_WEBHOOK_SECRETS: secret,
    LOG_LEVEL: 'trace',
  });
  const [chatId, id] = ['471147114711', '815815815815'];
  const query = `subscription ($chatIds: [ID!]!) { chatMessageEvents(chatIds: $chatIds) { cursor message ${everything} } }`;
  await using stream = await openStream(gateway, {
    query,
    variables: { chatIds: [chatId] },
    headers: { 'x-linq-integration-token': callerToken },
  });
  await deliver(gateway, webhook({}, { chat_id: chatId, id, text }));
  expect(await stream.event()).toMatchObject({ message: { text } });
  isAllowed = false;
  await deliver(gateway, webhook({}, { chat_id: chatId, id, text }));
  await stream.ended();
  await gateway.metric('graphql_streams_total{outcome="refused"}', 1);
  const { body: metrics } = await gateway.send({ path: '/metrics' });
  const spans = exporter.getFinishedSpans();
  expect(spans.filter(({ name }) => name === 'subscription')).toHaveLength(1);
  expect(gateway.log.filter(({ msg }) => msg === 'stream')).toHaveLength(1);
  const sent = spans.map(({ name, attributes, events, status }) => ({ name, attributes, events, status }));
  const shown = [JSON.stringify(gateway.log), metrics, JSON.stringify(sent)];
  for (const mark of [...secrets(), chatId, id]) for (const each of shown) expect(each).not.toContain(mark);
  expect(said).not.toHaveBeenCalled();
});

it("quotes a caller's input only to that caller, and only if it is invalid", async () => {
  await using gateway = await startTestGateway({ LINQ_TIMEOUT_MS: '500', LOG_LEVEL: 'trace' });
  const read = (chatId: string, note: string) =>
    gateway.query(byId, { chatId, id: '224', note, token: note }, { 'x-request-timeout-ms': '200' });
  const [wrong, ...others] = await Promise.all([
    read(variable, 'first note'),
    read('500', 'second note'),
    read('600', 'third note'),
    read('504', 'fourth note'),
  ]);
  expect(wrong?.errors).toMatchObject([
    { message: expect.stringContaining(variable), extensions: { code: 'BAD_USER_INPUT' } },
  ]);
  expect(JSON.stringify(others)).not.toContain(variable);
  expect(others.every(({ errors }) => errors?.length === 1)).toBe(true);
  const written = JSON.stringify([wrong, others, gateway.log]);
  for (const note of ['first note', 'second note', 'third note', 'fourth note']) expect(written).not.toContain(note);
  expect(JSON.stringify(gateway.log)).not.toContain(variable);
});
