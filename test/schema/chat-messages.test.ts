import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ListQuirks } from '../../src/sandbox/message-list.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { runs } from '../support/runs.ts';
import { Random, TestChat } from '../support/test-chat.ts';
import { startUpstream } from '../support/upstream.ts';

const page = 'nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';
const cursorOf = (text: string) => Buffer.from(text).toString('base64url');

describe('against the sandbox', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  beforeEach(() => {
    gateway.calls.length = 0;
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  it('returns the newest 25 messages, oldest first, with one call for the chat and one for the page', async () => {
    const query = `{ chat(id: 2) { id messages { nodes { id chat { id displayName } sender { id } } pageInfo { hasNextPage hasPreviousPage } } } }`;
    for (let turn = 0; turn < 3; turn++) {
      const { data, errors } = await gateway.query(query);
      expect(errors).toBeUndefined();
      const { nodes, pageInfo } = data.chat.messages;
      expect(nodes.map(({ id }: { id: string }) => Number(id))).toEqual(
        Array.from({ length: 25 }, (_, index) => 999_976 + index),
      );
      expect(nodes[0]).toEqual({
        id: '999976',
        chat: { id: '2', displayName: 'One million messages' },
        sender: { id: '1026' },
      });
      expect(pageInfo).toEqual({ hasNextPage: false, hasPreviousPage: true });
      expect(gateway.calls.splice(0).map(({ path }) => path)).toEqual([
        '/api/partner/v2/chats/2',
        '/api/partner/v2/chats/2/chat_messages?sort=desc&page=1&per_page=27',
      ]);
    }
  });

  it('pages back to the beginning and forward to the end, each message once', async () => {
    const walk = async (size: string, cursor: string, next: string, has: string) => {
      const ids: string[][] = [];
      let at: string | null = null;
      do {
        const query: string = `query ($at: String) { chat(id: 3) { messages(${size}: 7, ${cursor}: $at) { ${page} edges { cursor node { id } } } } }`;
        const { data, errors } = await gateway.query(query, { at });
        expect(errors).toBeUndefined();
        const { nodes, edges, pageInfo } = data.chat.messages;
        expect(edges.map(({ node }: { node: object }) => node)).toEqual(nodes);
        expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual([edges[0].cursor, edges.at(-1).cursor]);
        ids.push(nodes.map(({ id }: { id: string }) => id));
        at = pageInfo[has] ? pageInfo[next] : null;
      } while (at !== null);
      return ids;
    };
    const back = await walk('last', 'before', 'startCursor', 'hasPreviousPage');
    const forth = await walk('first', 'after', 'endCursor', 'hasNextPage');
    const all = Array.from({ length: 40 }, (_, index) => String(60_000_000 + index * 1_237));
    expect(back.map(({ length }) => length)).toEqual([7, 7, 7, 7, 7, 5]);
    expect(back.toReversed().flat()).toEqual(all);
    expect(forth.flat()).toEqual(all);
    expect(gateway.calls).toHaveLength(24);
  });

  it('orders messages of one millisecond by id as a number', async () => {
    const { data } = await gateway.query('{ chat(id: 1) { messages(first: 100) { nodes { id } } } }');
    expect(data.chat.messages.nodes.map(({ id }: { id: string }) => id)).toEqual(
      '224 226 227 228 229 230 53077912 3000000000 9007199254740993 67890'.split(' '),
    );
  });

  it('narrows to a range of times, the first inclusive, the second exclusive', async () => {
    const query = (args: string) => `{ chat(id: 1) { messages(${args}) { nodes { id } } } }`;
    const at = '2025-05-21T15:33:10.500-05:00';
    const ids = async (args: string) => {
      const { data } = await gateway.query(query(args));
      return data.chat.messages.nodes.map(({ id }: { id: string }) => id);
    };
    expect(await ids(`sentBefore: "${at}"`)).toEqual(['224']);
    expect(await ids(`sentSince: "${at}", first: 2`)).toEqual(['226', '227']);
    expect(await ids(`sentSince: "2025-05-21T20:33:10.5001Z"`)).toEqual(['67890']);
    expect(await ids(`sentSince: "${at}", sentBefore: "${at}"`)).toEqual([]);
  });

  it.each([
    ['first: 0', 'first must be a whole number from 1 to 100, got 0.'],
    ['first: 101', 'first must be a whole number from 1 to 100, got 101.'],
    ['last: -1', 'last must be a whole number from 1 to 100, got -1.'],
    ['first: 1, last: 1', 'first and last cannot be combined: give one of them.'],
    ['after: ""', /^after must be a cursor of chat 1/],
    ['after: "1"', /^after must be a cursor of chat 1/],
    [`before: "${cursorOf('1:2:1747859400123:224')}"`, /^before must be a cursor of chat 1/],
    [`before: "${cursorOf('2:1:1747859400123:224')}"`, /^before must be a cursor of chat 1/],
    [`before: "${cursorOf('1:1:1747859400123:0')}"`, /^before must be a cursor of chat 1/],
    [`before: "${cursorOf('1:1:999999999999999:1')}"`, /^before must be a cursor of chat 1/],
    [`before: "${cursorOf('1:1:1747859400123:224')}=="`, /^before must be a cursor of chat 1/],
    [`after: "${cursorOf('1:1:01747859400123:224')}"`, /^after must be a cursor of chat 1/],
    ['sentSince: "yesterday"', /^sentSince must be an RFC 3339 date-time/],
    ['sentBefore: "2025-02-30T00:00:00Z"', /^sentBefore must be an RFC 3339 date-time/],
  ])('refuses %s, naming the argument, without a call of the list', async (args, message) => {
    const { data, errors } = await gateway.query(`{ chat(id: 1) { id messages(${args}) { nodes { id } } } }`);
    expect(data).toEqual({ chat: { id: '1', messages: null } });
    expect(errors).toMatchObject([
      {
        path: ['chat', 'messages'],
        message: typeof message === 'string' ? message : expect.stringMatching(message),
        extensions: { code: 'BAD_USER_INPUT', retryable: false },
      },
    ]);
    expect(gateway.calls.map(({ path }) => path)).toEqual(['/api/partner/v2/chats/1']);
  });

  it('treats null as an argument that is not given', async () => {
    const nothing = 'first: null, after: null, last: null, before: null, sentSince: null, sentBefore: null';
    const { data, errors } = await gateway.query(`{ chat(id: 1) { messages(${nothing}) { nodes { id } } } }`);
    expect(errors).toBeUndefined();
    expect(data.chat.messages.nodes).toHaveLength(10);
  });

  it('accepts a cursor whose message does not exist', async () => {
    const before = cursorOf('1:1:1747859590500:228');
    const { data } = await gateway.query(
      `{ chat(id: 1) { messages(before: "${before.replace(/=+$/, '')}") { nodes { id } } } }`,
    );
    expect(data.chat.messages.nodes).toMatchObject([{ id: '224' }, { id: '226' }, { id: '227' }]);
  });
});

const chatBody = '{"data":{"id":1,"chat_handles":[]}}';

/** Linq with this response to the list of the messages of chat 1. */
function startLinq(respond: Parameters<typeof startUpstream>[0]) {
  return startUpstream((response, request, id) => {
    if (request.url?.includes('chat_messages')) respond(response, request, id);
    else response.end(chatBody);
  });
}

it('returns null without an error when Linq does not know the list', async () => {
  await using upstream = await startLinq((response) => response.writeHead(404).end());
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  expect(await gateway.query('{ chat(id: 1) { id messages { nodes { id } } } }')).toEqual({
    data: { chat: { id: '1', messages: null } },
  });
});

it.each([
  [403, 'FORBIDDEN', 'Linq does not let this token read the page of messages. Check the ids, or send another token.'],
  [500, 'UPSTREAM_UNAVAILABLE', 'Linq is not available at the moment. Retry later.'],
])('fails alone with status %i of the list', async (status, code, message) => {
  await using upstream = await startLinq((response) => response.writeHead(status).end());
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const { data, errors } = await gateway.query('{ chat(id: 1) { id messages { nodes { id } } } }');
  expect(data).toEqual({ chat: { id: '1', messages: null } });
  expect(errors).toMatchObject([{ path: ['chat', 'messages'], message, extensions: { code } }]);
});

it.each(['sort', 'before', 'page'] as const)('fails and counts a drift when Linq ignores %s', async (ignored) => {
  const chat = new TestChat(new Random(1), 0);
  for (let minute = 0; minute < 50; minute++) chat.arriveTogether(1);
  chat.arriveTogether(300);
  const timelines = { 1: chat };
  await using gateway = await startTestGateway({}, { timelines, quirks: { ignored, meta: 'none' } });
  const cursor = chat.positions()[10];
  const before = ignored === 'before' ? `, before: "${cursorOf(`1:1:${cursor?.ms}:${cursor?.id}`)}"` : '';
  const { data, errors } = await gateway.query(`{ chat(id: 1) { messages(last: 50${before}) { nodes { id } } } }`);
  expect(data).toEqual({ chat: { messages: null } });
  expect(errors).toMatchObject([
    {
      message: 'Linq returned a response that is not the requested page of messages. Report it with the requestId.',
      extensions: { code: 'UPSTREAM_BAD_RESPONSE' },
    },
  ]);
  const route = '/api/partner/v2/chats/{chat_id}/chat_messages';
  await gateway.metric(`linq_drift_total{route="${route}",path="${ignored}",kind="ignored"}`, 1);
});

it('omits rows without a usable id or time, and counts each', async () => {
  await using upstream = await startLinq((response) =>
    response.end(
      `{"data":[{"id":225,"sent_at":null},{"id":null,"sent_at":"2025-05-21T15:30:00.123-05:00"},7,
        {"id":"224","text":7,"sent_at":"2025-05-21T15:30:00.123-05:00"},{"id":226,"sent_at":"yesterday"}],"meta":{}}`,
    ),
  );
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const { data, errors } = await gateway.query('{ chat(id: 1) { messages { nodes { id text sentAt } } } }');
  expect(errors).toBeUndefined();
  expect(data.chat.messages.nodes).toEqual([{ id: '224', text: null, sentAt: '2025-05-21T15:30:00.123-05:00' }]);
  const series = (path: string, kind: string) =>
    `linq_drift_total{route="/api/partner/v2/chats/{chat_id}/chat_messages",path="${path}",kind="${kind}"}`;
  await gateway.metric(series('data[].sent_at', 'missing'), 1);
  await gateway.metric(series('data[].sent_at', 'format'), 1);
  await gateway.metric(series('data[].id', 'missing'), 1);
  await gateway.metric(series('data[]', 'type'), 1);
  await gateway.metric(series('meta.total_count', 'missing'), 1);
});

it('caches the messages of a page, and not the page', async () => {
  await using gateway = await startTestGateway({ LINQ_CACHE_TTL_MS: '60000' });
  const query = '{ chat(id: 3) { messages(last: 2) { nodes { chatId id text } } } }';
  const [first] = (await gateway.query(query)).data.chat.messages.nodes;
  const { data } = await gateway.query(`{ chatMessage(chatId: 3, id: ${first.id}) { chatId id text } }`);
  expect(data.chatMessage).toEqual(first);
  await gateway.query(query);
  expect(gateway.calls.map(({ path }) => path.replace(/\?.*/, ''))).toEqual([
    '/api/partner/v2/chats/3',
    '/api/partner/v2/chats/3/chat_messages',
    '/api/partner/v2/chats/3/chat_messages',
  ]);
});

it('gives no page to another token', async () => {
  await using gateway = await startTestGateway(
    { LINQ_CACHE_TTL_MS: '60000' },
    { signature: (token) => ` for ${token}` },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 2, maxLength: 8 }), async (tokens) => {
      const read = async (token: string) => {
        const query = '{ chat(id: 2) { displayName messages(last: 3) { nodes { text } } } }';
        const { data } = await gateway.query(query, {}, { 'x-linq-integration-token': token });
        const texts = [data.chat.displayName, ...data.chat.messages.nodes.map(({ text }: { text: string }) => text)];
        for (const text of texts) expect(text.endsWith(` for ${token}`)).toBe(true);
      };
      await Promise.all(tokens.map(read));
    }),
    { numRuns: runs(10) },
  );
});

it('walks back through random chats over real connections', { timeout: runs(60_000) }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.constantFrom(2, 25, 100), async (seed, size) => {
      const random = new Random(seed);
      const chat = new TestChat(random, 20 + random.below(200));
      const quirks: ListQuirks = {
        beforeIsInclusive: random.isTrue(),
        afterIsInclusive: random.isTrue(),
        meta: random.of(['exact', 'unfiltered', 'none']),
      };
      await using gateway = await startTestGateway({}, { timelines: { 1: chat }, quirks });
      let ids: string[] = [];
      let before: string | null = null;
      for (let pages = 0; pages < 10; pages++) {
        const query: string = `query ($before: String) { chat(id: 1) { messages(last: ${size}, before: $before) { ${page} } } }`;
        const { data } = await gateway.query(query, { before });
        const { nodes, pageInfo } = data.chat.messages;
        ids = [...nodes.map(({ id }: { id: string }) => id), ...ids];
        before = pageInfo.startCursor;
        if (!pageInfo.hasPreviousPage) break;
      }
      const all = chat.positions().map(({ id }) => id);
      expect(ids).toEqual(all.slice(-ids.length));
      if (ids.length < all.length) expect(ids).toHaveLength(10 * size);
    }),
    { numRuns: runs(10) },
  );
});

it('lists the messages of a sandbox chat as they are read one by one', async () => {
  await using gateway = await startTestGateway();
  const { data } = await gateway.query(
    '{ chat(id: 1) { messages(first: 100) { nodes { id text sentAt sentFrom reactions { id } attachments { id } } } } }',
  );
  for (const node of data.chat.messages.nodes) {
    const one = await gateway.query(
      `{ chatMessage(chatId: 1, id: "${node.id}") { id text sentAt sentFrom reactions { id } attachments { id } } }`,
    );
    expect(one.data.chatMessage).toEqual(node);
  }
});

describe('the cost of an operation, known before its first call,', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  beforeEach(() => {
    gateway.calls.length = 0;
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  const ids = (count: number) => `[${Array.from({ length: count }, (_, index) => 10_000 + index).join()}]`;

  it.each([
    ['50 chats with a page each', `{ chatsByIds(ids: ${ids(50)}) { messages(last: 19) { nodes { id } } } }`],
    ['33 chats with a page of 99', `{ chatsByIds(ids: ${ids(33)}) { messages(last: 99) { pageInfo { endCursor } } } }`],
    [
      'one chat that many fields read',
      `{ chatMessagesByKeys(keys: [${Array.from({ length: 99 }, (_, index) => `{chatId: 2, id: ${index + 1}}`).join()}]) { chat { id } sender { id } } }`,
    ],
    [
      'one page that two fields read',
      `{ a: chat(id: 10) { messages(last: 99) { nodes { id } } } chatsByIds(ids: [10]) { messages(last: 99) { nodes { id } } } }`,
    ],
    [
      'pages that are not included',
      `query ($no: Boolean = false) { chatsByIds(ids: ${ids(90)}) { ...F @include(if: $no) ... @skip(if: true) { messages { nodes { id } } } } } fragment F on Chat { messages { nodes { id } } }`,
    ],
    [
      'a malformed page, which fails by itself',
      `{ chatsByIds(ids: ${ids(60)}) { messages(last: 101) { nodes { id } } } }`,
    ],
  ])('lets through %s', async (_what, query) => {
    const { data } = await gateway.query(query);
    expect(data).toBeDefined();
  });

  const representations = Array.from({ length: 51 }, (_, index) => `{ __typename: "Chat", id: ${index + 1} }`).join();
  const onePage = 'messages(last: 1) { nodes { id } }';
  const fifty = `chatsByIds(ids: ${ids(50)})`;

  it.each([
    ['reads of chats and their pages', 102, `{ chatsByIds(ids: ${ids(51)}) { ${onePage} } }`],
    ['reads of long pages', 150, `{ ${fifty} { messages(last: 99) { pageInfo { endCursor } } } }`],
    ['reads of entities', 102, `{ _entities(representations: [${representations}]) { ... on Chat { ${onePage} } } }`],
    [
      'fields that are read',
      2_050,
      `{ ${fifty} { messages(last: 10) { nodes { ${Array.from({ length: 4 }, (_, index) => `a${index}: chat { id }`).join(' ')} } } } }`,
    ],
    ['entries', 2_550, `{ ${fifty} { messages(last: 50) { nodes { id } } } }`],
    [
      'entries by a variable',
      2_550,
      `query ($n: Int = 50) { ${fifty} { messages(last: $n) { edges { node { id } } } } }`,
    ],
    [
      'entries of pages in pages',
      2_550,
      '{ chatMessage(chatId: 9, id: 9) { chat { messages(last: 50) { nodes { chat { messages(last: 50) { nodes { id } } } } } } } }',
    ],
  ])('refuses too many %s', async (what, found, query) => {
    const over = what.startsWith('reads')
      ? 'distinct reads; the limit is 100 (MAX_READS_PER_OPERATION)'
      : what.startsWith('fields')
        ? 'fields that are read; the limit is 2000 (20 times MAX_READS_PER_OPERATION)'
        : 'entries of lists; the limit is 1000 (ten times MAX_READS_PER_OPERATION)';
    for (let turn = 0; turn < 3; turn++) {
      const { data, errors } = await gateway.query(query);
      expect(data).toBeUndefined();
      expect(errors).toMatchObject([
        {
          message: `The operation has ${found} ${over}. Ask for less at once.`,
          extensions: { code: 'OPERATION_TOO_COSTLY' },
        },
      ]);
    }
    expect(gateway.calls).toEqual([]);
  });

  it('is 20 reads and 260 entries for the newest 25 messages of 10 chats', async () => {
    const query = `{ chatsByIds(ids: ${ids(10)}) { messages(last: 25) { nodes { id chat { id } } } } }`;
    await using exact = await startTestGateway({ MAX_READS_PER_OPERATION: '26' });
    await using fewer = await startTestGateway({ MAX_READS_PER_OPERATION: '25' });
    await using fewest = await startTestGateway({ MAX_MESSAGES_PER_OPERATION: '19' });
    expect((await exact.query(query)).errors).toBeUndefined();
    expect((await fewer.query(query)).errors?.[0]?.message).toContain('260 entries of lists; the limit is 250');
    const few = `{ chatsByIds(ids: ${ids(10)}) { messages(last: 1) { nodes { id } } } }`;
    expect((await fewest.query(few)).errors?.[0]?.message).toContain('20 distinct reads; the limit is 19');
  });
});
