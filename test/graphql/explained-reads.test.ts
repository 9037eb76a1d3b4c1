import { setImmediate } from 'node:timers/promises';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { startUpstreamWith } from '../support/upstream.ts';

const route = '/api/partner/v2/chats/{chat_id}/chat_messages/{id}';
const explain = { 'x-linq-explain': 'true' };
const byId = (chatId: number | string, id: number) => `{ chatMessage(chatId: ${chatId}, id: ${id}) { id } }`;

async function readsOf(gateway: TestGateway, query: string, headers: Record<string, string> = {}) {
  const { extensions } = (await gateway.query(query, undefined, { ...explain, ...headers })) as {
    extensions?: { linq: { reads: Record<string, unknown>[] } };
  };
  return extensions?.linq.reads;
}

/** A read of message 5 that found it with one call. */
const found = {
  route,
  id: '5',
  outcome: 'found',
  status: 200,
  attempts: 1,
  waitMs: expect.any(Number),
  durationMs: expect.any(Number),
  shared: false,
  cached: false,
};

it('reports each distinct read of an operation once, in the order of its fields', async () => {
  await using gateway = await startTestGateway();
  const query = `{
    a: chatMessage(chatId: 2, id: 5) { id }
    b: chatMessage(chatId: 2, id: 5) { text }
    list: chatMessagesByKeys(keys: [{ chatId: 2, id: 6 }, { chatId: 2, id: 5 }]) { id }
    none: chatMessage(chatId: 404, id: 5) { id }
  }`;
  expect(await readsOf(gateway, query)).toEqual([
    { ...found, chatId: '2' },
    { ...found, chatId: '2', id: '6' },
    { ...found, chatId: '404', outcome: 'missing', status: 404 },
  ]);
});

it('reports chats and pages of their messages, which have no id of a message', async () => {
  await using gateway = await startTestGateway();
  const query = '{ chat(id: 2) { displayName messages(first: 5) { nodes { id } } } none: chat(id: 404) { id } }';
  const chat = { ...found, route: '/api/partner/v2/chats/{chat_id}', chatId: '2', id: null };
  const page = { ...chat, route: '/api/partner/v2/chats/{chat_id}/chat_messages' };
  expect(await readsOf(gateway, query)).toEqual([
    chat,
    { ...chat, chatId: '404', outcome: 'missing', status: 404 },
    page,
  ]);
});

it('has an empty list for an operation that reads nothing', async () => {
  await using gateway = await startTestGateway();
  expect(await readsOf(gateway, '{ __typename }')).toEqual([]);
});

it('reports nothing unless the header is "true"', async () => {
  await using gateway = await startTestGateway();
  for (const value of ['', 'false', '1']) {
    const response = await gateway.query(byId(2, 5), undefined, { 'x-linq-explain': value });
    expect(Object.keys(response)).toEqual(['data']);
  }
});

it('reports nothing where introspection is off', async () => {
  await using gateway = await startTestGateway({ INTROSPECTION: 'false' });
  expect(Object.keys(await gateway.query(byId(2, 5), undefined, explain))).toEqual(['data']);
});

it('reports nothing for an operation that is refused', async () => {
  await using gateway = await startTestGateway({ MAX_READS_PER_OPERATION: '1' });
  const two = '{ a: chatMessage(chatId: 2, id: 5) { id } b: chatMessage(chatId: 2, id: 6) { id } }';
  for (const query of ['{', '{ nope }', two]) {
    expect(Object.keys(await gateway.query(query, undefined, explain))).toEqual(['errors']);
  }
  expect(gateway.calls).toEqual([]);
});

it('sends the same response for an operation that is new and one that was seen before', async () => {
  await using gateway = await startTestGateway();
  const query = '{ a: chatMessage(chatId: 2, id: 5) { id } b: chatMessage(chatId: 403, id: 5) { id } }';
  const send = async (headers: object) => {
    const { body } = await gateway.send({
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'r', ...headers },
      body: JSON.stringify({ query }),
    });
    return body.replaceAll(/"(waitMs|durationMs)":[\d.]+/g, '"$1":0');
  };
  const first = await send(explain);
  const plain = await send({});
  expect(await send(explain)).toBe(first);
  expect(await send(explain)).toBe(first);
  expect(first.startsWith(`${plain.slice(0, -1)},"extensions":{"linq":{"reads":[{"route":`)).toBe(true);
});

describe('the failing chats of the sandbox', () => {
  it.each([
    ['401', { outcome: 'unauthorized', status: 401 }],
    ['403', { outcome: 'forbidden', status: 403 }],
    ['429, which succeeds with its second attempt', { attempts: 2 }],
    ['502, which succeeds with its third attempt', { attempts: 3 }],
    ['500', { outcome: 'unavailable', status: 500, attempts: 3 }],
    ['599', { outcome: 'unavailable', status: 200, attempts: 3 }],
    ['600', { outcome: 'bad-response' }],
  ])('reports a read of chat %s', async (chat, expected) => {
    await using gateway = await startTestGateway();
    const chatId = chat.slice(0, 3);
    const reads = await readsOf(gateway, byId(chatId, 5));
    expect(reads).toEqual([{ ...found, chatId, ...expected }]);
  });

  it('reports how long a retry waited', async () => {
    await using gateway = await startTestGateway();
    const [read] = (await readsOf(gateway, byId(429, 5))) ?? [];
    expect(read?.['waitMs']).toBeGreaterThan(990); // Retry-After: 1
    expect(read?.['durationMs']).toBeGreaterThanOrEqual(Number(read?.['waitMs']));
  });

  it('reports a read that its deadline ends, with the time of the call that had no response', async () => {
    await using gateway = await startTestGateway();
    const [read] = (await readsOf(gateway, byId(504, 5), { 'x-request-timeout-ms': '300' })) ?? [];
    expect(read).toEqual({ ...found, chatId: '504', outcome: 'timeout', status: null });
    expect(read?.['durationMs']).toBeGreaterThan(290);
    expect(read?.['waitMs']).toBeLessThan(250);
  });

  it('reports a read that would have to wait for longer than its deadline', async () => {
    await using gateway = await startTestGateway();
    const reads = await readsOf(gateway, byId(4290, 5), { 'x-request-timeout-ms': '300' });
    expect(reads).toEqual([{ ...found, chatId: '4290', outcome: 'rate-limited', status: 429 }]);
  });
});

it('reports that a read joined one of another request', async () => {
  await using gateway = await startTestGateway();
  const first = readsOf(gateway, byId(504, 5), { 'x-request-timeout-ms': '900' });
  while (gateway.calls.length === 0) await setImmediate();
  const second = readsOf(gateway, byId(504, 5), { 'x-request-timeout-ms': '300' });
  const third = gateway.query(byId(504, 5), undefined, { 'x-request-timeout-ms': '300' });
  const timeout = { ...found, chatId: '504', outcome: 'timeout', status: null };
  expect(await second).toEqual([{ ...timeout, shared: true }]);
  expect(await first).toEqual([timeout]);
  expect(Object.keys(await third)).toEqual(['errors', 'data']);
  expect(gateway.calls).toHaveLength(1);
});

it('reports a read that another request without the header began', async () => {
  await using gateway = await startTestGateway();
  const first = gateway.query(byId(429, 5));
  while (gateway.calls.length === 0) await setImmediate();
  expect(await readsOf(gateway, byId(429, 5))).toEqual([{ ...found, chatId: '429', attempts: 2, shared: true }]);
  await first;
});

it('reports a read from the cache', async () => {
  await using gateway = await startTestGateway({ LINQ_CACHE_TTL_MS: '60000' });
  expect(await readsOf(gateway, byId(2, 5))).toEqual([{ ...found, chatId: '2' }]);
  const cached = { ...found, chatId: '2', status: null, attempts: 0, cached: true };
  expect(await readsOf(gateway, byId(2, 5))).toEqual([cached]);
  expect(await readsOf(gateway, byId(2, 5), { 'cache-control': 'no-cache' })).toEqual([{ ...found, chatId: '2' }]);
});

it('reports a read that sent no call', async () => {
  const none = { ...found, chatId: '2', status: null, attempts: 0 };
  await using tokenless = await startTestGateway({ LINQ_INTEGRATION_TOKEN: '' });
  expect(await readsOf(tokenless, byId(2, 5))).toEqual([{ ...none, outcome: 'no-token' }]);
  await using limited = await startTestGateway({ CALLER_READS_PER_SECOND: '1' });
  const two = '{ a: chatMessage(chatId: 2, id: 5) { id } b: chatMessage(chatId: 2, id: 6) { id } }';
  expect(await readsOf(limited, two, { 'x-request-timeout-ms': '300' })).toEqual([
    { ...found, chatId: '2' },
    { ...none, id: '6', outcome: 'caller-limited' },
  ]);
  expect([...tokenless.calls, ...limited.calls]).toHaveLength(1);
});

it('leaves out messages of chats that the caller may not read, since no read is made for them', async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' };
  await using issuer = await startUpstreamWith(JSON.stringify({ keys: [jwk] }));
  await using gateway = await startTestGateway({
    GATEWAY_JWKS_URL: `${issuer.origin}/keys`,
    GATEWAY_JWT_ISSUER: 'https://issuer.example',
    GATEWAY_JWT_AUDIENCE: 'gateway',
  });
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const jwt = await new SignJWT({ iss: 'https://issuer.example', aud: 'gateway', sub: 'a', exp, linq_chats: ['2'] })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .sign(privateKey);
  const query = '{ a: chatMessage(chatId: 2, id: 5) { id } b: chatMessage(chatId: 1, id: 224) { id } }';
  expect(await readsOf(gateway, query, { authorization: `Bearer ${jwt}` })).toEqual([{ ...found, chatId: '2' }]);
});
