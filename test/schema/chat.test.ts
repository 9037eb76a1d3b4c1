import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { startUpstream } from '../support/upstream.ts';

const everyField = `id displayName service isGroup messageCount participants { id address service joinedAt }`;
const joinedAt = '2025-05-21T15:30:00.000-05:00';
const participant = (id: string, address: string) => ({ id, address, service: 'iMessage', joinedAt });

/** Each query is new, seen before and planned in turn. */
const turns = [1, 2, 3];

describe('against the sandbox', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  beforeEach(() => {
    gateway.calls.length = 0;
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  const paths = () => gateway.calls.splice(0).map(({ path }) => path);

  it.each(turns)('returns a chat with its participants, one of them an email address (%i)', async () => {
    expect(await gateway.query(`{ chat(id: 1) { ${everyField} } }`)).toEqual({
      data: {
        chat: {
          id: '1',
          displayName: 'Lunch on Thursday',
          service: 'iMessage',
          isGroup: true,
          messageCount: 10,
          participants: [
            participant('122', '+19998887777'),
            participant('123', '+15551234567'),
            participant('124', '+15559876543'),
            participant('125', 'participant@example.com'),
          ],
        },
      },
    });
    expect(paths()).toEqual(['/api/partner/v2/chats/1']);
  });

  it.each(turns)('returns null, without an error, for a chat that Linq does not know (%i)', async () => {
    expect(await gateway.query('{ chat(id: 77) { id } }')).toEqual({ data: { chat: null } });
  });

  it.each(turns)('refuses a malformed id, naming the argument, without a call (%i)', async () => {
    const { data, errors } = await gateway.query('{ chat(id: "../1") { id } chatsByIds(ids: [1, "x"]) { id } }');
    expect(data).toEqual({ chat: null, chatsByIds: [{ id: '1' }, null] });
    expect(errors).toMatchObject([
      { path: ['chat'], message: expect.stringMatching(/^id must be/), extensions: { code: 'BAD_USER_INPUT' } },
      { path: ['chatsByIds', 1], message: expect.stringMatching(/^ids\[1\] must be/) },
    ]);
    expect(paths()).toEqual(['/api/partner/v2/chats/1']);
  });

  it.each(turns)('returns chats in the order of the ids, each read once, each failing alone (%i)', async () => {
    const { data, errors } = await gateway.query('{ chatsByIds(ids: [2, 77, 1, 403, 2]) { id } }');
    expect(data).toEqual({ chatsByIds: [{ id: '2' }, null, { id: '1' }, null, { id: '2' }] });
    expect(errors).toMatchObject([
      {
        path: ['chatsByIds', 3],
        message: 'Linq does not let this token read the chat. Check the ids, or send another token.',
        extensions: { code: 'FORBIDDEN' },
      },
    ]);
    expect(paths().toSorted()).toEqual([
      '/api/partner/v2/chats/1',
      ...[2, 403, 77].map((id) => `/api/partner/v2/chats/${id}`),
    ]);
  });

  it.each(turns)('reads the chat of many messages once (%i)', async () => {
    const { data, errors } = await gateway.query(`{
      a: chatMessage(chatId: 1, id: 224) { id chat { id } sender { id address } }
      b: chatMessage(chatId: 1, id: 53077912) { sender { address } chat { displayName } }
      chat(id: 1) { id }
    }`);
    expect(errors).toBeUndefined();
    expect(data).toEqual({
      a: { id: '224', chat: { id: '1' }, sender: { id: '123', address: '+15551234567' } },
      b: { sender: { address: 'participant@example.com' }, chat: { displayName: 'Lunch on Thursday' } },
      chat: { id: '1' },
    });
    expect(paths().toSorted()).toEqual([
      '/api/partner/v2/chats/1',
      '/api/partner/v2/chats/1/chat_messages/224',
      '/api/partner/v2/chats/1/chat_messages/53077912',
    ]);
  });

  it.each(turns)('returns entities of both types (%i)', async () => {
    const r = [
      { __typename: 'Chat', id: '1' },
      { __typename: 'ChatMessage', chatId: 1, id: 224 },
      { __typename: 'Chat', id: 'x' },
      { __typename: 'Chat' },
    ];
    const { data, errors } = await gateway.query(
      'query ($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Chat { id displayName } ... on ChatMessage { id text } } }',
      { r },
    );
    expect(data._entities).toEqual([
      { __typename: 'Chat', id: '1', displayName: 'Lunch on Thursday' },
      { __typename: 'ChatMessage', id: '224', text: 'Hello, how are you?' },
      null,
      null,
    ]);
    expect(errors?.map(({ message }) => message)).toEqual([
      'representations[2].id must be a decimal integer from 1 to 9223372036854775807, got "x".',
      'representations[3].id is missing.',
    ]);
  });

  it.each([
    [401, 'UNAUTHENTICATED'],
    [403, 'FORBIDDEN'],
    [4290, 'UPSTREAM_RATE_LIMITED'],
    [500, 'UPSTREAM_UNAVAILABLE'],
    [600, 'UPSTREAM_BAD_RESPONSE'],
    [601, 'UPSTREAM_BAD_RESPONSE'],
  ])('has a chat %i that fails with %s', async (id, code) => {
    const { data, errors } = await gateway.query(`{ chat(id: ${id}) { id } found: chat(id: 1) { id } }`);
    expect(data).toEqual({ chat: null, found: { id: '1' } });
    expect(errors).toMatchObject([{ path: ['chat'], extensions: { code } }]);
  });

  it('keeps a chat readable whose fields differ from their documentation, and counts each difference by its route', async () => {
    const { data, errors } = await gateway.query(`{ chat(id: 602) { ${everyField} } }`);
    expect(errors).toBeUndefined();
    expect(data.chat).toEqual({
      id: '602',
      displayName: null,
      service: 'carrier pigeon',
      isGroup: null,
      messageCount: null,
      participants: [{ id: '123', address: null, service: null, joinedAt: null }],
    });
    await gateway.metric(
      'linq_drift_total{route="/api/partner/v2/chats/{chat_id}",path="data.display_name",kind="type"}',
      1,
    );
  });
});

it('fails only the fields of a message that read the chat when the chat cannot be read', async () => {
  await using upstream = await startUpstream((response, { url = '' }, id) => {
    if (url.includes('chat_messages')) response.end(`{"data":{"id":${id},"text":"found","chat_handle_id":1}}`);
    else response.writeHead(403).end();
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const query =
    '{ second: chatMessage(chatId: 1, id: 2) { sender { id } chat { id } } first: chatMessage(chatId: 1, id: 1) { chat { id } text } }';
  const { data, errors } = await gateway.query(query);
  expect(data).toEqual({ second: { sender: null, chat: null }, first: { chat: null, text: 'found' } });
  expect(errors?.map(({ path, extensions }) => [path?.join('.'), extensions['code']])).toEqual([
    ['second.sender', 'FORBIDDEN'],
    ['second.chat', 'FORBIDDEN'],
    ['first.chat', 'FORBIDDEN'],
  ]);
  expect(upstream.paths).toHaveLength(3);
});

it.each([
  ['by the handle', { chat_handle_id: 2, sent_from: '+1' }, '2'],
  ['by the address where the handle is none of the participants', { chat_handle_id: 9, sent_from: '+1' }, '1'],
  ['by the address where there is no handle', { chat_handle_id: null, sent_from: 'b@example.com' }, '2'],
  ['as null where it is none of them', { chat_handle_id: 9, sent_from: '+9' }, undefined],
  ['as null where the message names none', { chat_handle_id: null, sent_from: null }, undefined],
])('finds the sender %s', async (_how, fields, id) => {
  await using upstream = await startUpstream((response, { url = '' }) => {
    const data = url.includes('chat_messages')
      ? { id: 5, ...fields }
      : {
          id: 1,
          chat_handles: [
            { id: 1, phone_number: '+1' },
            { id: 2, phone_number: 'b@example.com' },
            { id: 3, phone_number: null },
          ],
        };
    response.end(JSON.stringify({ data }));
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const { data } = await gateway.query('{ chatMessage(chatId: 1, id: 5) { sender { id } } }');
  expect(data.chatMessage.sender?.id).toBe(id);
});
