import { expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { startUpstream } from '../support/upstream.ts';

const times = (count: number, make: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => make(i)).join(' ');

/** Stands in for Linq: every message has this text, and this many attachments. */
async function startLong(text: string, attachments = 0) {
  return startUpstream((response, _request, id) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
    const files = Array.from({ length: attachments }, (_, index) => ({
      id: `abc12345-1234-5678-9abc-${String(index).padStart(12, '0')}`,
      filename: 'f',
    }));
    response.end(JSON.stringify({ data: { id: Number(id), text, attachments: files, reactions: [] } }));
  });
}

const post = (gateway: TestGateway, query: string, headers: Record<string, string> = {}, variables: object = {}) =>
  gateway.send({
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': 'abc', ...headers },
    body: JSON.stringify({ query, variables }),
  });

/** Sent for the first time an operation is interpreted, later it runs on the fast path. */
const runs = ['when it is new', 'when it was seen before', 'when it was seen often'];

const key = { chatId: '2', id: '5' };
const variables = {
  keys: Array.from({ length: 1_000 }, () => key),
  entities: Array.from({ length: 1_000 }, () => ({ __typename: 'ChatMessage', ...key })),
};
const aliases = (count: number, field: string) => times(count, (index) => `a${index}: ${field}`);

it.each([
  [
    'a thousand equal keys',
    `query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { ${aliases(199, 'text')} } }`,
  ],
  [
    'a thousand equal entities',
    `query ($entities: [_Any!]!) { _entities(representations: $entities) { ... on ChatMessage { ${aliases(199, 'text')} } } }`,
  ],
  ['two hundred aliases of the message', `{ ${aliases(200, 'chatMessage(chatId: 2, id: 5) { text }')} }`],
  ['two hundred aliases of the text', `{ chatMessage(chatId: 2, id: 5) { ${aliases(200, 'text')} } }`],
  [
    'a hundred messages, each with a directive that keeps it from the fast path',
    `{ ${times(50, (index) => `m${index}: chatMessage(chatId: 2, id: ${index + 1}) @include(if: true) { ${aliases(2, 'text')} }`)} }`,
  ],
  [
    'a name of 60,000 characters in each attachment',
    `{ chatMessage(chatId: 2, id: 5) { attachments { ${'a'.repeat(60_000)}: id } } }`,
  ],
])('refuses a response larger than MAX_RESPONSE_BYTES: %s', async (_what, query) => {
  await using linq = await startLong('x'.repeat(40_000), 100);
  await using gateway = await startTestGateway({ LINQ_API_URL: linq.origin, MAX_RESPONSE_BYTES: '2000000' });
  for (const [accept, status] of [
    ['application/json', 200],
    ['application/graphql-response+json', 400],
  ] as const) {
    for (const run of runs) {
      const response = await post(gateway, query, { accept }, query.startsWith('query') ? variables : {});
      expect(JSON.parse(response.body), run).toEqual({
        errors: [
          {
            message: 'The response has more than 2000000 bytes (MAX_RESPONSE_BYTES). Ask for less at once.',
            extensions: { code: 'OPERATION_TOO_COSTLY', retryable: false, requestId: 'abc' },
          },
        ],
      });
      expect(response.status, run).toBe(status);
      expect(response.headers['content-type'], run).toContain(accept);
    }
  }
});

it.each([
  ['ASCII', 'x'],
  ['three bytes for each character', '€'],
  ['characters that JSON escapes', '\u0001'],
  ['characters beyond the first plane', '😀'],
])('counts the bytes of a response exactly, with texts of %s', async (_what, character) => {
  const text = character.repeat(1_000);
  await using linq = await startLong(text);
  const query =
    '{ a: chatMessage(chatId: 2, id: 5) { text } list: chatMessagesByKeys(keys: [{ chatId: 2, id: 5 }, { chatId: 2, id: 5 }]) { b: text } }';
  const expected = JSON.stringify({ data: { a: { text }, list: [{ b: text }, { b: text }] } });
  const bytes = Buffer.byteLength(expected);
  await using exact = await startTestGateway({ LINQ_API_URL: linq.origin, MAX_RESPONSE_BYTES: `${bytes}` });
  await using less = await startTestGateway({ LINQ_API_URL: linq.origin, MAX_RESPONSE_BYTES: `${bytes - 1}` });
  for (const run of runs) {
    expect((await post(exact, query)).body, run).toBe(expected);
    expect((await post(less, query)).body, run).toContain('OPERATION_TOO_COSTLY');
  }
});

it('sends a response whole that takes several turns to write', async () => {
  const text = 'x'.repeat(3_000) + '€'.repeat(1_000);
  await using linq = await startLong(text);
  await using gateway = await startTestGateway({ LINQ_API_URL: linq.origin });
  const keys = times(40, (index) => `{ chatId: 2, id: ${(index % 30) + 1} }`);
  const fields = `${aliases(30, 'text')} chat { id } ${times(3, (index) => `c${index}: text`)}`;
  const query = `{ list: chatMessagesByKeys(keys: [${keys}]) { ${fields} } last: chatMessage(chatId: 2, id: 404) { id } }`;
  const [interpreted, ...others] = [await post(gateway, query), await post(gateway, query), await post(gateway, query)];
  const { data } = JSON.parse(interpreted?.body ?? '');
  expect(data.list).toHaveLength(40);
  expect(data.list[39]).toMatchObject({ a0: text, a29: text, chat: { id: '2' }, c2: text });
  expect(data.last).toEqual({ id: '404' });
  for (const { body, headers } of others) {
    expect(body === interpreted?.body).toBe(true);
    expect(headers['content-length']).toBe(`${Buffer.byteLength(body)}`);
  }
});

it('counts the errors of a response too', async () => {
  await using gateway = await startTestGateway();
  const query = '{ good: chatMessage(chatId: 2, id: 5) { id } bad: chatMessage(chatId: 403, id: 5) { id } }';
  const bytes = Buffer.byteLength((await post(gateway, query)).body);
  await using exact = await startTestGateway({ MAX_RESPONSE_BYTES: `${bytes}` });
  await using less = await startTestGateway({ MAX_RESPONSE_BYTES: `${bytes - 1}` });
  for (const run of runs) {
    expect((await post(exact, query)).body, run).toContain('FORBIDDEN');
    expect(JSON.parse((await post(less, query)).body).errors[0].extensions.code, run).toBe('OPERATION_TOO_COSTLY');
  }
});

it('counts the bytes before compression', async () => {
  await using linq = await startLong('x'.repeat(40_000));
  await using gateway = await startTestGateway({ LINQ_API_URL: linq.origin, MAX_RESPONSE_BYTES: '100000' });
  const query = `{ chatMessage(chatId: 2, id: 5) { ${aliases(3, 'text')} } }`;
  for (const run of runs) {
    const { body } = await post(gateway, query, { 'accept-encoding': 'gzip' });
    expect(body, run).toContain('OPERATION_TOO_COSTLY');
  }
});

it('repeats a failed entry of a list at each of its places, and an equal one with all fields below it', async () => {
  await using gateway = await startTestGateway();
  const query = `{ chatMessagesByKeys(keys: [{ chatId: 2, id: 5 }, { chatId: 403, id: 1 }, { chatId: 2, id: 5 }, { chatId: 2, id: 0 },
    { chatId: 404, id: 1 }, { chatId: 403, id: 1 }, { chatId: 404, id: 1 }, { chatId: 2, id: 5 }]) { id reactions { id } } }`;
  const interpreted = await post(gateway, query);
  const { data, errors } = JSON.parse(interpreted.body);
  const [message] = data.chatMessagesByKeys;
  expect(message.id).toBe('5');
  expect(data.chatMessagesByKeys).toEqual([message, null, message, null, null, null, null, message]);
  expect(errors.map(({ path }: { path: unknown }) => path)).toEqual(
    [1, 3, 5].map((index) => ['chatMessagesByKeys', index]),
  );
  for (const run of runs.slice(1)) {
    expect((await post(gateway, query, {})).body, run).toBe(interpreted.body);
  }
});
