import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApolloClient } from '../examples/clients/apollo-client.ts';
import type { GatewayOptions } from '../examples/clients/gateway.ts';
import { createRelayEnvironment } from '../examples/clients/relay.ts';
import { createUrqlClient } from '../examples/clients/urql.ts';
import { conversationQuery } from '../examples/gql-tada/conversation.ts';
import { graphql } from '../examples/gql-tada/graphql.ts';
import { introspection } from '../examples/gql-tada/graphql-env.ts';
import { fetchQuery } from '../examples/node_modules/relay-runtime/index.js';
import orThrow, { type messageOrThrowQuery } from '../examples/relay/__generated__/messageOrThrowQuery.graphql.ts';
import pair, { type messagePairQuery } from '../examples/relay/__generated__/messagePairQuery.graphql.ts';
import { apollo, type Client, graphqlRequest, plainFetch, relay, urql } from './support/clients.ts';
import { apolloConversation, relayConversation, urqlConversation } from './support/conversations.ts';
import { type Linq, startLinq } from './support/linq.ts';
import { type Program, root, startGateway } from './support/programs.ts';
import { type Recorder, startRecorder } from './support/recorder.ts';

const credential = 'Bearer key-of-the-page';

let linq: Linq;
let program: Program;
let gateway: Recorder;

beforeAll(async () => {
  linq = await startLinq();
  program = await startGateway({ LINQ_API_URL: linq.origin, GATEWAY_API_KEYS: 'key-of-the-page' });
  gateway = await startRecorder(program.url);
});
afterAll(async () => {
  for (const one of [gateway, program, linq]) await one?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  linq.calls.length = 0;
  linq.texts.clear();
  gateway.requests.length = 0;
});

/** With a Linq token of its own: a rate limit of Linq holds back whoever shares the token. */
function connect<T>(create: (options: GatewayOptions) => T, headers: Record<string, string> = {}): T {
  const token = { 'x-linq-integration-token': crypto.randomUUID() };
  return create({ url: gateway.url, headers: () => ({ authorization: credential, ...token, ...headers }) });
}

type Clients = [name: string, create: (options: GatewayOptions) => Client][];
const apolloAndUrql: Clients = [
  ['Apollo Client', apollo],
  ['urql', urql],
];
const caching: Clients = [...apolloAndUrql, ['Relay', relay]];
const plain: Clients = [
  ['graphql-request', graphqlRequest],
  ['fetch', plainFetch],
];

describe.each([...caching, ...plain])('%s', (_, create) => {
  it('reads a message with its attachments and reactions', async () => {
    const { data, errors } = await connect(create).message({ chatId: '1', id: '224' });
    expect(errors).toEqual([]);
    expect(data?.chatMessage).toMatchObject({
      chatId: '1',
      id: '224',
      text: 'Message 224',
      sentAt: '2025-05-21T15:30:00.123-05:00',
      attachments: [
        {
          id: 'abc12345-1234-5678-9abc-def012345678',
          url: 'https://storage.googleapis.com/linq-files/attachments/abc123.pdf',
          filename: 'document.pdf',
        },
      ],
      reactions: [{ id: '456', reaction: 'love', isFromMe: false, sentAt: '2025-05-21T15:30:00.000-05:00' }],
    });
  });

  it('shows null and no error for a message that does not exist', async () => {
    const outcome = await connect(create).message({ chatId: '404', id: '1' });
    expect(outcome).toMatchObject({ data: { chatMessage: null }, errors: [] });
  });

  it('shows the code where the whole operation is refused', async () => {
    const client = connect(create, { authorization: 'Bearer another-key' });
    const { errors } = await client.message({ chatId: '1', id: '224' });
    expect(errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
  });

  it('sends the current credential with each request', async () => {
    let key = 'expired-key';
    const client = create({ url: gateway.url, headers: () => ({ authorization: `Bearer ${key}` }) });
    const { errors } = await client.message({ chatId: '1', id: '224' });
    expect(errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
    key = 'key-of-the-page';
    await client.message({ chatId: '1', id: '224' });
    expect(gateway.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer expired-key', credential]);
  });

  it('retries after `retryAfterMs`', async () => {
    const client = connect(create, { 'x-request-timeout-ms': '900' }); // else the gateway itself waits
    const { data, errors } = await client.message({ chatId: '429', id: '1' });
    expect(errors).toEqual([]);
    expect(data?.chatMessage).toMatchObject({ text: 'Message 1' });
    const [first, second, ...others] = gateway.requests.map(({ at }) => at);
    expect(others).toEqual([]);
    expect(Number(second) - Number(first)).toBeGreaterThanOrEqual(1_000);
    expect(linq.calls).toHaveLength(2);
  });

  const impatient = { 'x-request-timeout-ms': '200' };
  it.each([
    ['never where that does not help', '403', {}, 1, { code: 'FORBIDDEN', retryable: false }],
    ['never where it would take too long', '4290', {}, 1, { code: 'UPSTREAM_RATE_LIMITED', retryable: true }],
    ['once where it may help', '504', impatient, 2, { code: 'UPSTREAM_TIMEOUT', retryable: true }],
  ])('retries %s, and shows the code', async (_when, chatId, headers, requests, extensions) => {
    const { data, errors } = await connect(create, headers).message({ chatId, id: '1' });
    expect(data?.chatMessage ?? null).toBeNull();
    expect(errors).toMatchObject([{ extensions }]);
    expect(gateway.requests).toHaveLength(requests);
  });
});

it.each([...apolloAndUrql, ...plain])(
  '%s keeps the other messages when one cannot be read, and shows its code',
  async (_, create) => {
    const keys = ['1', '403', '2'].map((chatId) => ({ chatId, id: '5' }));
    const { data, errors } = await connect(create).messages(keys);
    expect(data?.chatMessagesByKeys).toMatchObject([{ chatId: '1', text: 'Message 5' }, null, { chatId: '2' }]);
    expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', retryable: false } }]);
  },
);

describe('Relay', () => {
  it('keeps the other message when one cannot be read, and shows its code at a field with @catch', async () => {
    const keys = { chatId: '403', id: '5', otherChatId: '1', otherId: '5' };
    const environment = connect(createRelayEnvironment);
    const data = await fetchQuery<messagePairQuery>(environment, pair, keys).toPromise();
    expect(data?.chatMessage).toMatchObject({ ok: false, errors: [{ extensions: { code: 'FORBIDDEN' } }] });
    expect(data?.other).toMatchObject({ ok: true, value: { text: 'Message 5' } });
  });

  it('throws with @throwOnFieldError when a field could not be read', async () => {
    const environment = connect(createRelayEnvironment);
    const read = (chatId: string) =>
      fetchQuery<messageOrThrowQuery>(environment, orThrow, { chatId, id: '5' }).toPromise();
    await expect(read('403')).rejects.toThrow('Relay: Unexpected response payload');
    expect(await read('1')).toMatchObject({ chatMessage: { text: 'Message 5' } });
  });

  it('shows null without an error for the entry of a list that cannot be read', async () => {
    const { data } = await connect(relay).messages(['1', '403'].map((chatId) => ({ chatId, id: '5' })));
    expect(data?.chatMessagesByKeys).toMatchObject([{ text: 'Message 5' }, null]);
  });
});

describe.each(caching)('the cache of %s', (_, create) => {
  it('serves a repeated query without a request', async () => {
    const client = connect(create);
    const first = await client.message({ chatId: '1', id: '224' });
    expect(await client.message({ chatId: '1', id: '224' })).toEqual(first);
    expect(gateway.requests).toHaveLength(1);
  });

  it('keeps messages of two chats with the same id apart', async () => {
    const client = connect(create);
    const keys = ['1', '2'].map((chatId) => ({ chatId, id: '5' }));
    for (const { chatId } of keys) linq.texts.set(`${chatId}/5`, `Of chat ${chatId}`);
    for (const key of keys) await client.message(key);
    for (const key of keys) {
      const { data } = await client.message(key);
      expect(data?.chatMessage).toMatchObject({ ...key, text: `Of chat ${key.chatId}` });
    }
    expect(gateway.requests).toHaveLength(2);
  });

  it('keeps a message and a reaction with the same id apart', async () => {
    const client = connect(create);
    await client.message({ chatId: '1', id: '456' });
    const { data } = await client.message({ chatId: '1', id: '456' });
    expect(data?.chatMessage).toMatchObject({
      id: '456',
      sentAt: '2025-05-21T15:30:00.123-05:00',
      reactions: [{ id: '456', sentAt: '2025-05-21T15:30:00.000-05:00' }],
    });
  });

  it('has one entry for a message that two queries read, so that each shows what the other has read', async () => {
    const client = connect(create);
    const key = { chatId: '1', id: '5' };
    await client.message(key);
    await client.messages([{ chatId: '1', id: '4' }, key]);

    linq.texts.set('1/5', 'Edited');
    await client.message(key, true);
    expect(gateway.requests).toHaveLength(3);
    const list = await client.messages([{ chatId: '1', id: '4' }, key]);
    expect(list.data?.chatMessagesByKeys).toMatchObject([{ text: 'Message 4' }, { text: 'Edited' }]);
    expect(gateway.requests).toHaveLength(3);

    linq.texts.set('1/5', 'Edited again');
    await client.messages([{ chatId: '1', id: '4' }, key], true);
    const { data } = await client.message(key);
    expect(data?.chatMessage).toMatchObject({ text: 'Edited again' });
    expect(gateway.requests).toHaveLength(4);
  });

  it('never shows a message that could not be read as one that does not exist', async () => {
    const client = connect(create);
    await client.message({ chatId: '403', id: '1' });
    const { errors } = await client.message({ chatId: '403', id: '1' });
    expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  });
});

describe('a conversation in the sandbox', () => {
  let sandbox: Program;
  let recorder: Recorder;
  beforeAll(async () => {
    sandbox = await startGateway({}, 'sandbox');
    recorder = await startRecorder(sandbox.url);
  });
  beforeEach(() => {
    recorder.requests.length = 0;
  });
  afterAll(async () => {
    for (const one of [recorder, sandbox]) await one?.[Symbol.asyncDispose]();
  });

  describe.each([
    ['Apollo Client, with relayStylePagination', apolloConversation],
    ['urql, with relayPagination', urqlConversation],
    ['Relay, as usePaginationFragment does', relayConversation],
  ])('through %s', (_, open) => {
    it('is read page by page, oldest message first, each message once, with one request for each page', async () => {
      const conversation = open({ url: recorder.url }, '2');
      for (let pages = 1; pages <= 4; pages++) {
        expect(await conversation.older()).toEqual([]);
        const { ids, senders, ...rest } = conversation.shown();
        expect(rest).toEqual({ displayName: 'One million messages', hasOlder: true });
        const first = 1_000_001 - 25 * pages;
        expect(ids).toEqual(Array.from({ length: 25 * pages }, (_, index) => String(first + index)));
        expect(senders.every((address) => /^\+1555/.test(address ?? ''))).toBe(true);
        expect(recorder.requests).toHaveLength(pages);
      }
    });

    it('reports when it has no older messages', async () => {
      const conversation = open({ url: recorder.url }, '1');
      await conversation.older();
      const { ids, hasOlder } = conversation.shown();
      expect(ids).toHaveLength(10);
      expect(hasOlder).toBe(false);
    });

    it('keeps its pages when an older one cannot be read, shows the code, and continues from there', async () => {
      const conversation = open({ url: recorder.url }, '2');
      await conversation.older();
      const shown = conversation.shown();
      expect(await conversation.older('of no chat')).toMatchObject([
        { path: ['chat', 'messages'], extensions: { code: 'BAD_USER_INPUT' } },
      ]);
      expect(conversation.shown()).toEqual(shown);
      expect(await conversation.older()).toEqual([]);
      expect(conversation.shown().ids).toHaveLength(50);
    });
  });
});

it('Apollo Client never shows a page that could not be read as an empty one', async () => {
  const client = connect(createApolloClient);
  for (let requests = 1; requests <= 2; requests++) {
    const { data, error } = await client.query({ query: conversationQuery, variables: { chatId: '1' } });
    expect(data?.chat).toMatchObject({ displayName: 'Chat 1' });
    expect(data?.chat?.messages ?? null).toBeNull();
    expect(error).toMatchObject({ errors: [{ path: ['chat', 'messages'], extensions: { code: 'FORBIDDEN' } }] });
    expect(gateway.requests).toHaveLength(requests);
  }
});

const pairQuery = graphql(`query ($chatId: ID!, $id: ID!) {
  other: chatMessage(chatId: $chatId, id: $id) { chatId id text }
  good: chatMessage(chatId: "1", id: "224") { chatId id text }
}`);
const listQuery = graphql(`query ($keys: [ChatMessageKey!]!) {
  chatMessagesByKeys(keys: $keys) { chatId id text }
}`);
const oneQuery = graphql(
  'query ($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { chatId id text sentAt } }',
);
const textQuery = graphql(
  'query ($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { chatId id text } }',
);
const good = { chatId: '1', id: '224' };
const bad = { chatId: '403', id: '1' };
/** Larger than any answer that the gateway takes. */
const unreadable = 'x'.repeat(11 * 1_048_576);
const fresh = { requestPolicy: 'network-only' } as const;
const forbidden = (...path: (string | number)[]) => ({
  graphQLErrors: [{ path, extensions: { code: 'FORBIDDEN' } }],
});

describe('a mounted query of urql', () => {
  function connectUrql() {
    const client = connect((options) => createUrqlClient({ ...options, schema: introspection }));
    /** What a component that stays on the page was last shown. */
    const mount = (query: Parameters<typeof client.query>[0], variables: object = {}) => {
      const shown: { last?: { data?: unknown; error?: unknown; stale: boolean } } = {};
      client.query(query, variables).subscribe(({ data, error, stale }) => {
        shown.last = { data, error, stale };
      });
      return shown;
    };
    return { client, mount };
  }

  it('keeps its error when another query updates the rest of its data', async () => {
    const { client, mount } = connectUrql();
    const page = mount(pairQuery, bad);
    await expect.poll(() => page.last).toMatchObject({ data: { other: null }, error: forbidden('other') });
    linq.texts.set('1/224', 'Edited');
    await client.query(oneQuery, good, fresh).toPromise();
    await expect.poll(() => page.last).toMatchObject({ data: { good: { text: 'Edited' } } });
    expect(page.last).toMatchObject({ data: { other: null }, error: forbidden('other'), stale: false });
    expect(gateway.requests).toHaveLength(2);
  });

  it('keeps the error of an entry when another list updates the other entries', async () => {
    const { mount } = connectUrql();
    const first = mount(listQuery, { keys: [bad, good] });
    await expect.poll(() => first.last).toMatchObject({ error: forbidden('chatMessagesByKeys', 0) });
    linq.texts.set('1/224', 'Edited');
    const second = mount(listQuery, { keys: [good, { chatId: '1', id: '5' }, bad] });
    await expect.poll(() => second.last).toMatchObject({ error: forbidden('chatMessagesByKeys', 2) });
    await expect.poll(() => first.last).toMatchObject({ data: { chatMessagesByKeys: [null, { text: 'Edited' }] } });
    expect(first.last).toMatchObject({ error: forbidden('chatMessagesByKeys', 0), stale: false });
  });

  it('sends a request of its own when another query could not read the same data', async () => {
    const { client, mount } = connectUrql();
    const page = mount(pairQuery, { chatId: '1', id: '5' });
    await expect.poll(() => page.last).toMatchObject({ data: { good: { text: 'Message 224' } }, stale: false });
    linq.texts.set('1/224', unreadable);
    await client.query(oneQuery, good, fresh).toPromise();
    const error = { graphQLErrors: [{ extensions: { code: 'UPSTREAM_BAD_RESPONSE' } }] };
    await expect.poll(() => page.last).toMatchObject({ data: { other: { text: 'Message 5' }, good: null }, error });
    linq.texts.set('1/5', 'Edited');
    await client.query(oneQuery, { chatId: '1', id: '5' }, fresh).toPromise();
    await expect.poll(() => page.last).toMatchObject({ data: { other: { text: 'Edited' }, good: null }, error });
    expect(gateway.requests).toHaveLength(4);
  });

  it('drops its error once another query has read the same data', async () => {
    const { client, mount } = connectUrql();
    linq.texts.set('1/224', unreadable);
    const page = mount(textQuery, good);
    await expect.poll(() => page.last).toMatchObject({ error: expect.anything() });
    linq.texts.delete('1/224');
    await client.query(oneQuery, good, fresh).toPromise();
    await expect.poll(() => page.last).toMatchObject({ data: { chatMessage: { text: 'Message 224' } }, stale: false });
    expect(page.last?.error).toBeUndefined();
  });
});

describe('mounted queries of Apollo Client, each for one message,', () => {
  function connectApollo() {
    const client = connect(createApolloClient);
    const mount = (variables: typeof good) => {
      const shown: { last?: { data?: unknown; error?: unknown } } = {};
      client.watchQuery({ query: textQuery, variables }).subscribe(({ data, error }) => {
        shown.last = { data, error };
      });
      return shown;
    };
    return { client, mount };
  }

  it('are updated from the cache, and keep the error of a message that could not be read', async () => {
    const { client, mount } = connectApollo();
    const pages = { bad: mount(bad), good: mount(good) };
    const error = { errors: [{ extensions: { code: 'FORBIDDEN' } }] };
    await expect.poll(() => pages.bad.last).toMatchObject({ data: { chatMessage: null }, error });
    await expect.poll(() => pages.good.last).toMatchObject({ data: { chatMessage: { text: 'Message 224' } } });
    linq.texts.set('1/224', 'Edited');
    await client.query({ query: oneQuery, variables: good, fetchPolicy: 'network-only' });
    await expect.poll(() => pages.good.last).toMatchObject({ data: { chatMessage: { text: 'Edited' } } });
    expect(pages.bad.last).toMatchObject({ data: { chatMessage: null }, error });
  });

  it('drop the error once another query has read the message', async () => {
    const { client, mount } = connectApollo();
    linq.texts.set('1/224', unreadable);
    const page = mount(good);
    await expect.poll(() => page.last).toMatchObject({ data: { chatMessage: null }, error: expect.anything() });
    linq.texts.delete('1/224');
    await client.query({ query: oneQuery, variables: good, fetchPolicy: 'network-only' });
    await expect.poll(() => page.last).toMatchObject({ data: { chatMessage: { text: 'Message 224' } } });
    expect(page.last?.error).toBeUndefined();
  });
});

it('Apollo Client sends the headers of one operation beside those of all', async () => {
  const context = { headers: { 'x-request-timeout-ms': '2000' } };
  await connect(createApolloClient).query({ query: oneQuery, variables: good, context });
  expect(gateway.requests).toMatchObject([{ headers: { authorization: credential, 'x-request-timeout-ms': '2000' } }]);
});

describe('a message that is selected without its chatId', () => {
  const query = graphql('query ($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { id text } }');
  const keys = ['1', '2'].map((chatId) => ({ chatId, id: '5' }));

  it('makes Apollo Client report an error', async () => {
    const { error } = await connect(createApolloClient).query({ query, variables: { chatId: '1', id: '5' } });
    expect(error?.message).toContain("Missing field 'chatId' while extracting keyFields");
  });

  it('is kept apart by urql', async () => {
    const client = connect((options) => createUrqlClient({ ...options, schema: introspection }));
    for (const { chatId } of keys) linq.texts.set(`${chatId}/5`, `Of chat ${chatId}`);
    for (const key of [...keys, ...keys]) {
      const { data } = await client.query(query, key).toPromise();
      expect(data?.chatMessage).toMatchObject({ text: `Of chat ${key.chatId}` });
    }
    expect(gateway.requests).toHaveLength(2);
  });
});

describe('sends only the ids of its documents, as in the manifest that its tool writes:', () => {
  const apolloManifest = 'examples/persisted-query-manifest.json';
  const codegenManifest = 'examples/codegen/generated/persisted-documents.json';
  const loadManifest = async () => JSON.parse(readFileSync(`${root}/${apolloManifest}`, 'utf8'));
  it.each<[name: string, manifest: string, create: (options: GatewayOptions) => Client]>([
    ['Apollo Client, with its own tool', apolloManifest, (options) => apollo({ ...options, loadManifest })],
    ['urql, with graphql-codegen', codegenManifest, (options) => urql({ ...options, byId: true })],
    ['Relay', 'examples/relay/persisted-documents.json', (options) => relay({ ...options, byId: true })],
    ['fetch, with graphql-codegen', codegenManifest, (options) => plainFetch({ ...options, byId: true })],
  ])('%s', async (_, manifest, create) => {
    await using closed = await startGateway({ LINQ_API_URL: linq.origin, TRUSTED_DOCUMENTS: `${root}/${manifest}` });
    await using recorder = await startRecorder(closed.url);
    const client = create({ url: recorder.url, headers: () => ({ 'x-linq-integration-token': 'token-of-the-user' }) });
    const key = { chatId: '1', id: '5' };
    expect(await client.message(key)).toMatchObject({ data: { chatMessage: { text: 'Message 5' } }, errors: [] });
    expect(await client.messages([key])).toMatchObject({ data: { chatMessagesByKeys: [{ text: 'Message 5' }] } });
    expect(recorder.requests).toHaveLength(2);
    for (const { body } of recorder.requests) expect(body).not.toContain('chatMessage');
  });
});
