import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { runs } from '../support/runs.ts';
import { startUpstream, startUpstreamWith } from '../support/upstream.ts';

const everyField = `chatId id text sentAt deliveredAt deliveryStatus editedAt isRead sentFrom chatHandleId
  attachments { id url filename mimeType fileSize }
  reactions { id chatMessageId reaction isFromMe fromPhone sentAt createdAt updatedAt }`;

const documentedBody = readFileSync(new URL('../fixtures/chat-message.documented.json', import.meta.url), 'utf8');
const documented = JSON.parse(documentedBody).data;

/** The documented example as a client of the graph reads it. */
const documentedMessage = {
  chatId: '1',
  id: '224',
  text: documented.text,
  sentAt: documented.sent_at,
  deliveredAt: documented.delivered_at,
  deliveryStatus: documented.delivery_status,
  editedAt: documented.edited_at,
  isRead: documented.is_read,
  sentFrom: documented.sent_from,
  chatHandleId: '123',
  attachments: [
    {
      id: documented.attachments[0].id,
      url: documented.attachments[0].url,
      filename: documented.attachments[0].filename,
      mimeType: documented.attachments[0].mime_type,
      fileSize: documented.attachments[0].file_size,
    },
  ],
  reactions: [
    {
      id: '456',
      chatMessageId: '224',
      reaction: documented.reactions[0].reaction,
      isFromMe: documented.reactions[0].is_from_me,
      fromPhone: documented.reactions[0].from_phone,
      sentAt: documented.reactions[0].sent_at,
      createdAt: documented.reactions[0].created_at,
      updatedAt: documented.reactions[0].updated_at,
    },
  ],
};

describe('against the sandbox', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  beforeEach(() => {
    gateway.calls.length = 0;
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  it("returns the example of Linq's documentation, field by field", async () => {
    const answer = await gateway.query(`{ chatMessage(chatId: 1, id: 224) { ${everyField} } }`);
    expect(answer).toEqual({ data: { chatMessage: documentedMessage } });
  });

  it('sends Linq the documented path and header', async () => {
    await gateway.query('{ chatMessage(chatId: 1, id: 224) { id } }');
    const [{ method, path, headers } = {}] = gateway.calls;
    expect({ method, path }).toEqual({ method: 'GET', path: '/api/partner/v2/chats/1/chat_messages/224' });
    const { host: _host, connection: _connection, ...others } = headers ?? {};
    expect(others).toEqual({ 'x-linq-integration-token': 'the-gateways-own' });
  });

  it('reads each distinct message of an operation once', async () => {
    const answer = await gateway.query(`{
      a: chatMessage(chatId: 1, id: 224) { id }
      b: chatMessage(chatId: "1", id: "224") { text }
      c: chatMessage(chatId: 1, id: 224) { sentFrom }
      d: chatMessage(chatId: 1, id: 227) { id }
      e: chatMessage(chatId: 2, id: 224) { id }
      f: chatMessagesByKeys(keys: [{ chatId: 1, id: 227 }, { chatId: 1, id: 224 }]) { id }
    }`);
    expect(answer.errors).toBeUndefined();
    expect(answer.data.f).toEqual([{ id: '227' }, { id: '224' }]);
    expect(gateway.calls.map(({ path }) => path).sort()).toEqual([
      '/api/partner/v2/chats/1/chat_messages/224',
      '/api/partner/v2/chats/1/chat_messages/227',
      '/api/partner/v2/chats/2/chat_messages/224',
    ]);
  });

  it('reads a message again in the next request', async () => {
    await gateway.query('{ chatMessage(chatId: 1, id: 224) { id } }');
    await gateway.query('{ chatMessage(chatId: 1, id: 224) { id } }');
    expect(gateway.calls).toHaveLength(2);
  });

  it('returns null, without an error, for a message that Linq does not know', async () => {
    const answer = await gateway.query(
      '{ a: chatMessage(chatId: 1, id: 5) { id } b: chatMessage(chatId: 77, id: 224) { id } }',
    );
    expect(answer).toEqual({ data: { a: null, b: null } });
  });

  it('returns messages in the order of the keys, null for missing ones, and fails only a bad or failing key', async () => {
    const answer = await gateway.query(`{
      chatMessagesByKeys(keys: [
        { chatId: 1, id: 227 }, { chatId: 1, id: 5 }, { chatId: "../..", id: 1 }, { chatId: 403, id: 1 }, { chatId: 1, id: 227 }
      ]) { id }
    }`);
    expect(answer.data.chatMessagesByKeys).toEqual([{ id: '227' }, null, null, null, { id: '227' }]);
    expect(answer.errors?.map(({ path, extensions }) => [path, extensions['code']])).toEqual([
      [['chatMessagesByKeys', 2], 'BAD_USER_INPUT'],
      [['chatMessagesByKeys', 3], 'FORBIDDEN'],
    ]);
    expect(answer.errors?.[0]?.message).toContain('keys[2].chatId');
    expect(gateway.calls).toHaveLength(3);
  });

  it('returns no messages for no keys', async () => {
    expect(await gateway.query('{ chatMessagesByKeys(keys: []) { id } }')).toEqual({
      data: { chatMessagesByKeys: [] },
    });
    expect(gateway.calls).toEqual([]);
  });

  it.each([
    ['text null', 226, { text: null, attachments: [{ fileSize: 102400 }], reactions: [] }],
    ['text empty', 229, { text: '', attachments: [{ fileSize: 102400 }], reactions: [] }],
    ['text and reactions absent', 230, { text: null, attachments: [{ fileSize: 102400 }], reactions: [] }],
  ])('reads a message of attachments alone: %s', async (_what, id, expected) => {
    const answer = await gateway.query(
      `{ chatMessage(chatId: 1, id: ${id}) { text attachments { fileSize } reactions { id } } }`,
    );
    expect(answer).toEqual({ data: { chatMessage: expected } });
  });

  it.each(['3000000000', '9007199254740993'])('returns id %s without losing digits', async (id) => {
    for (const value of [id, `"${id}"`]) {
      const answer = await gateway.query(`{ chatMessage(chatId: 1, id: ${value}) { id } }`);
      expect(answer).toEqual({ data: { chatMessage: { id } } });
    }
  });

  it('takes an id as a JSON integer', async () => {
    const answer = await gateway.query('query ($id: ID!) { chatMessage(chatId: 1, id: $id) { id } }', { id: 224 });
    expect(answer).toEqual({ data: { chatMessage: { id: '224' } } });
  });

  it.each([
    '9007199254740993',
    '9.007199254740993e15',
    '9007199254740.993e3',
    '9007199254740990.6',
    '9007199254740991.4',
    '1e18',
  ])('refuses the JSON number %s, which has lost digits, instead of reading another message', async (number) => {
    const response = await fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"query":"query ($id: ID!) { chatMessage(chatId: 1, id: $id) { id } }","variables":{"id":${number}}}`,
    });
    const answer = await response.json();
    expect(answer).toMatchObject({
      data: { chatMessage: null },
      errors: [{ path: ['chatMessage'], extensions: { code: 'BAD_USER_INPUT' } }],
    });
    expect(answer.errors[0].message).toContain('send it as a string');
    expect(gateway.calls).toEqual([]);
  });

  it.each([
    '0',
    '-1',
    '007',
    '1.5',
    '1e3',
    '9223372036854775808',
    '10000000000000000000',
    '',
    ' 1',
    '1\n',
    '../1',
    '1%2F2',
    '1?x=1',
    '１',
    'abc',
  ])('refuses %j as an id, names the argument, and sends no request to Linq', async (id) => {
    const answer = await gateway.query(
      'query ($id: ID!) { a: chatMessage(chatId: 1, id: $id) { id } b: chatMessage(chatId: $id, id: 1) { id } }',
      { id },
    );
    expect(answer.data).toEqual({ a: null, b: null });
    expect(answer.errors).toMatchObject([
      { path: ['a'], extensions: { code: 'BAD_USER_INPUT', retryable: false } },
      { path: ['b'], extensions: { code: 'BAD_USER_INPUT', retryable: false } },
    ]);
    expect(answer.errors?.[0]?.message).toMatch(/^id must be a decimal integer/);
    expect(answer.errors?.[1]?.message).toMatch(/^chatId must be a decimal integer/);
    expect(gateway.calls).toEqual([]);
  });
});

it('requests exactly the given id from Linq, or nothing', async () => {
  await using upstream = await startUpstreamWith((id) => `{"data":{"id":${id}}}`);
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const anyId = fc.oneof(
    fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
    fc.string(),
    fc.string({ unit: fc.constantFrom('1', '0', '/', '.', '%', '?', '#', '\\', ' ') }),
  );
  await fc.assert(
    fc.asyncProperty(anyId, anyId, async (chatId, id) => {
      upstream.paths.length = 0;
      const answer = await gateway.query(
        'query ($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { chatId id } }',
        { chatId, id },
      );
      const valid = [chatId, id].every((text) => /^[1-9]\d*$/.test(text) && BigInt(text) < 2n ** 63n);
      if (valid) {
        expect(answer).toEqual({ data: { chatMessage: { chatId, id } } });
        expect(upstream.paths).toEqual([`/api/partner/v2/chats/${chatId}/chat_messages/${id}`]);
      } else {
        expect(answer.errors).toMatchObject([{ path: ['chatMessage'], extensions: { code: 'BAD_USER_INPUT' } }]);
        expect(upstream.paths).toEqual([]);
      }
    }),
    { numRuns: runs(60) },
  );
});

it('works the same in front of any HTTP server that follows the documentation', async () => {
  await using upstream = await startUpstreamWith(documentedBody);
  await using gateway = await startTestGateway({ LINQ_API_URL: `${upstream.origin}/` });
  const answer = await gateway.query(`{ chatMessage(chatId: 1, id: 224) { ${everyField} } }`);
  expect(answer).toEqual({ data: { chatMessage: documentedMessage } });
});

it('reads all messages of an operation in parallel', async () => {
  const waiting: (() => void)[] = [];
  await using upstream = await startUpstream((response, _request, id) => {
    waiting.push(() => response.end(`{"data":{"id":${id}}}`));
    if (waiting.length === 3) for (const answer of waiting) answer(); // one after the other would wait for ever
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const answer = await gateway.query(
    '{ a: chatMessage(chatId: 1, id: 1) { id } b: chatMessage(chatId: 1, id: 2) { id } c: chatMessage(chatId: 1, id: 3) { id } }',
  );
  expect(answer).toEqual({ data: { a: { id: '1' }, b: { id: '2' }, c: { id: '3' } } });
});
