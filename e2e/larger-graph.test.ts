import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openStream } from '../test/support/streams.ts';
import { type Linq, startLinq } from './support/linq.ts';
import { listen } from './support/listen.ts';
import { exampleScript, freePort, type Program, startGateway, startProgram } from './support/programs.ts';
import { type Recorder, startRecorder } from './support/recorder.ts';
import { deliver, openStreams, secret } from './support/webhooks.ts';

const credential = 'Bearer key-of-the-graph';

let linq: Linq;
let gateway: Program;
/** In front of the gateway: what the larger graph asks of it. */
let messages: Recorder;
/** In front of the tickets, likewise. */
let tickets: Recorder;
let ticketsServer: Program;
let folder: string;
/** Where the examples find each other. */
let env: Record<string, string>;
/** What composition had to say beside the supergraph. */
let complaints: string;

beforeAll(async () => {
  linq = await startLinq();
  gateway = await startMessages();
  messages = await startRecorder(gateway.url);
  ticketsServer = await startExample('tickets', /tickets at (\S+)/);
  tickets = await startRecorder(ticketsServer.url);
  folder = await mkdtemp(join(tmpdir(), 'supergraph-'));
  env = {
    MESSAGES_URL: messages.url,
    MESSAGES_AUTHORIZATION: credential,
    TICKETS_URL: tickets.url,
    SUPERGRAPH: join(folder, 'supergraph.graphql'),
  };
  complaints = (await compose(env)).stderr;
});

afterAll(async () => {
  for (const one of [tickets, ticketsServer, messages, gateway, linq]) await one?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function startMessages(port = '0'): Promise<Program> {
  return startGateway({
    LINQ_API_URL: linq.origin,
    GATEWAY_API_KEYS: 'key-of-the-graph',
    LINQ_WEBHOOK_SECRETS: secret,
    PORT: port,
  });
}

it('composes with another subgraph without errors and without hints', () => {
  expect(complaints).toBe('');
});

it.each(['messages', 'tickets'])(
  'keeps the old supergraph when the %s cannot be read, and reports this',
  async (name) => {
    const before = await readFile(env['SUPERGRAPH'] ?? '', 'utf8');
    expect(before).toContain('type ChatMessage');
    await using silent = await listen((_request, response) => void response.writeHead(502).end('<h1>Bad gateway</h1>'));
    for (const [url, why] of [
      [`http://127.0.0.1:${await freePort()}/graphql`, 'ECONNREFUSED'],
      [`${silent.origin}/graphql`, 'HTTP 502 without a schema'],
    ] as const) {
      const failure = await compose({ ...env, [`${name.toUpperCase()}_URL`]: url }).catch((error) => error);
      expect(failure).toMatchObject({ code: 1, stdout: '', stderr: `No schema of the ${name} at ${url}: ${why}\n` });
    }
    expect(await readFile(env['SUPERGRAPH'] ?? '', 'utf8')).toBe(before);
  },
);

it('keeps the old supergraph when another subgraph has a type with the name of one of ours, and reports this', async () => {
  const before = await readFile(env['SUPERGRAPH'] ?? '', 'utf8');
  const sdl = 'type Query { file: Attachment } type Attachment { id: ID! }';
  const link = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3")';
  for (const [text, field] of [
    [`${link} ${sdl}`, '"Attachment.id"'], // not shareable
    [sdl, '"Attachment.url"'], // of Federation 1, where all is shareable: it returns an attachment without the other fields
  ] as const) {
    const data = { _service: { sdl: text } };
    await using other = await listen((_request, response) => response.end(JSON.stringify({ data })));
    const failure = await compose({ ...env, TICKETS_URL: other.origin }).catch((error) => error);
    expect(failure).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(field) });
  }
  expect(await readFile(env['SUPERGRAPH'] ?? '', 'utf8')).toBe(before);
});

const returnsChats = 'type Query { ticket: Ticket } type Ticket { id: ID!';
const referencedChat = 'type Chat @key(fields: "id", resolvable: false) { id: ID!';
const referenced = 'type ChatMessage @key(fields: "chatId id", resolvable: false) { chatId: ID! id: ID!';
const returnsMessages = 'type Query { ticket: Ticket } type Ticket { id: ID!';

it.each([
  [
    'provides fields of a message',
    `${returnsMessages} message: ChatMessage @provides(fields: "text attachments { filename }") }
     ${referenced} text: String @external attachments: [Attachment!]! @external }
     type Attachment @key(fields: "id", resolvable: false) { id: ID! filename: String @external }`,
  ],
  ['shares the text of a message', `${returnsMessages} message: ChatMessage } ${referenced} text: String @shareable }`],
  [
    'provides fields of a chat',
    `${returnsChats} chat: Chat @provides(fields: "displayName participants { address }") }
     ${referencedChat} displayName: String @external participants: [ChatParticipant!]! @external }
     type ChatParticipant @key(fields: "id", resolvable: false) { id: ID! address: String @external }`,
  ],
  ['shares the name of a chat', `${returnsChats} chat: Chat } ${referencedChat} displayName: String @shareable }`],
  [
    'adds fields to chats and their participants',
    `type Query { scans: Int }
     type Chat @key(fields: "id") { id: ID! ticketCount: Int }
     type ChatParticipant @key(fields: "id") { id: ID! customerName: String }`,
  ],
  [
    'has pages of its own',
    `type Query { tickets(first: Int, after: String): TicketConnection }
     type TicketConnection { nodes: [Ticket!]! pageInfo: PageInfo! } type Ticket { id: ID! }
     type PageInfo @shareable { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }`,
  ],
  [
    'adds fields to attachments and reactions',
    `type Query { scans: Int }
     type Attachment @key(fields: "id") { id: ID! isScanned: Boolean }
     type Reaction @key(fields: "id") { id: ID! emoji: String }`,
  ],
  [
    'stubs attachments and reactions',
    `type Query { scans: Int }
     type Attachment @key(fields: "id", resolvable: false) { id: ID! }
     type Reaction @key(fields: "id", resolvable: false) { id: ID! }`,
  ],
  [
    'lays @tag over fields and types',
    `type Query { policies: Int } ${referenced} text: String @shareable @tag(name: "personal") }
     type Attachment @key(fields: "id", resolvable: false) @tag(name: "files") { id: ID! url: String @shareable @tag(name: "secret") }`,
  ],
  [
    'lays @inaccessible over fields and types',
    `type Query { policies: Int } ${referenced} sentFrom: String @shareable @inaccessible reactions: [Reaction!]! @shareable @inaccessible }
     type Reaction @key(fields: "id", resolvable: false) @inaccessible { id: ID! }`,
  ],
])('composes without errors and without hints with a subgraph that %s', async (_what, types) => {
  const names = ['@key', '@shareable', '@external', '@provides', '@tag', '@inaccessible'];
  const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ${JSON.stringify(names)})`;
  const data = { _service: { sdl: `${link} ${types}` } };
  await using other = await listen((_request, response) => response.end(JSON.stringify({ data })));
  const SUPERGRAPH = join(folder, 'with-another.graphql');
  expect((await compose({ ...env, TICKETS_URL: other.origin, SUPERGRAPH })).stderr).toBe('');
});

/** `npm run compose`, in the folder of the examples. */
function compose(env: Record<string, string>) {
  const { command, args, ...options } = exampleScript('compose');
  return promisify(execFile)(command, args, { ...options, env: { ...options.env, ...env } });
}

/** `npm run` of another script there, on a free port. */
function startExample(name: string, ready: RegExp, env: Record<string, string> = {}): Promise<Program> {
  const script = exampleScript(name);
  return startProgram({ ...script, env: { ...script.env, ...env }, ready });
}

async function startHive(): Promise<Program> {
  const port = await freePort(); // PORT=0 is 4000 to it
  const program = await startExample('hive-gateway', /Listening on (http:\S+)/, { ...env, PORT: String(port) });
  return { ...program, url: `${program.url}/graphql` };
}

const engines: [name: string, start: () => Promise<Program>][] = [
  ['@graphql-tools/stitch', () => startExample('stitching', /graph at (\S+)/, env)],
  ['@apollo/gateway', () => startExample('apollo-gateway', /graph at (\S+)/, env)],
  ['Hive Gateway', startHive],
];

it('merges renamed messages and chats in a stitched graph that has its own ChatMessage, Chat and @key', async () => {
  await using graph = await startExample('stitching-renamed', /graph at (\S+)/, env);
  const query = `{
    tickets { message { __typename id text reactions { reaction } } }
    strayTickets { message { text } }
    chats: tickets { chat { __typename id displayName participants { address } } }
    supportChat { __typename words }
    supportChats { __typename topic }
    chatMessage(chatId: 2, id: 7) { __typename text chat { __typename displayName } }
  }`;
  const response = await fetch(graph.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: credential, 'x-linq-integration-token': 'mine' },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = await response.json();
  expect(data.tickets[49].message).toEqual({
    __typename: 'LinqMessage',
    id: '10',
    text: 'Message 10',
    reactions: [{ reaction: 'love' }],
  });
  expect(data.strayTickets).toEqual(['Message 1', null, null].map((text) => ({ message: { text } })));
  expect(errors).toMatchObject([{ path: ['strayTickets', 2, 'message', 'text'] }]);
  expect(data.supportChat).toEqual([{ __typename: 'ChatMessage', words: 'A message of another kind.' }]);
  expect(data.chats[49].chat).toEqual({
    __typename: 'LinqChat',
    id: '10',
    displayName: 'Chat 10',
    participants: [{ address: '+15551234567' }, { address: '+15559876543' }],
  });
  expect(data.supportChats).toEqual([{ __typename: 'Chat', topic: 'A chat of another kind.' }]);
  expect(data.chatMessage).toEqual({
    __typename: 'LinqMessage',
    text: 'Message 7',
    chat: { __typename: 'LinqChat', displayName: 'Chat 2' },
  });
});

describe.each(engines)('through %s', (name, start) => {
  let graph: Program;

  beforeAll(async () => {
    graph = await start();
  });
  afterAll(() => graph?.[Symbol.asyncDispose]());
  beforeEach(() => {
    linq.calls.length = 0;
    linq.tellsTokens = false;
    messages.requests.length = 0;
    tickets.requests.length = 0;
  });

  async function ask(query: string, headers: Record<string, string> = {}) {
    const response = await fetch(graph.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        authorization: credential,
        'x-linq-integration-token': 'token-of-the-caller',
        cookie: 'session=of-the-graph',
        ...headers,
      },
      body: JSON.stringify({ query }),
    });
    return response.json();
  }

  it('reads 20 messages for 50 tickets with 20 calls to Linq, and gives each ticket its own message', async () => {
    const { data, errors } = await ask('{ tickets { id message { chatId id text reactions { reaction } } } }');
    expect(errors).toBeUndefined();
    expect(data.tickets).toEqual(
      Array.from({ length: 50 }, (_, index) => {
        const id = String((index % 20) + 1);
        const message = { chatId: '2', id, text: `Message ${id}`, reactions: [{ reaction: 'love' }] };
        return { id: String(index + 1), message };
      }),
    );
    expect(messages.requests.length).toBeLessThanOrEqual(2);
    const keys = messages.requests.map(({ body }) => body.match(/"chatId":/g)?.length);
    expect(keys).toEqual([name === '@apollo/gateway' ? 50 : 20]); // entries of lists, of which the gateway takes 1,000
    expect(linq.calls.map(({ key }) => key).sort()).toEqual(
      Array.from({ length: 20 }, (_, index) => `2/${index + 1}`).sort(),
    );
  });

  it('reads 20 chats for 50 tickets with one request and 20 calls to Linq, and gives each ticket its own chat', async () => {
    const { data, errors } = await ask('{ tickets { id chat { id displayName participants { address } } } }');
    expect(errors).toBeUndefined();
    expect(data.tickets).toEqual(
      Array.from({ length: 50 }, (_, index) => {
        const id = String((index % 20) + 1);
        const participants = [{ address: '+15551234567' }, { address: '+15559876543' }];
        return { id: String(index + 1), chat: { id, displayName: `Chat ${id}`, participants } };
      }),
    );
    expect(messages.requests).toHaveLength(1);
    expect(linq.calls.map(({ key }) => key).toSorted()).toEqual(
      Array.from({ length: 20 }, (_, index) => String(index + 1)).toSorted(),
    );
  });

  it('reads the chat of each message with the message', async () => {
    const { data, errors } = await ask('{ tickets { message { text chat { displayName } sender { address } } } }');
    expect(errors).toBeUndefined();
    expect(data.tickets[49].message).toEqual({
      text: 'Message 10',
      chat: { displayName: 'Chat 2' },
      sender: { address: '+15551234567' },
    });
    expect(linq.calls.map(({ key }) => key).toSorted()).toEqual(
      ['2', ...Array.from({ length: 20 }, (_, index) => `2/${index + 1}`)].toSorted(),
    );
  });

  it('affects no other chats when one is missing and one fails', async () => {
    const { data, errors } = await ask('{ strayTickets { id chat { id displayName isGroup } } }');
    expect(data.strayTickets).toEqual([
      { id: 'stray-2', chat: { id: '2', displayName: 'Chat 2', isGroup: false } },
      { id: 'stray-404', chat: { id: '404', displayName: null, isGroup: null } },
      { id: 'stray-500', chat: { id: '500', displayName: null, isGroup: null } },
    ]);
    for (const { path, extensions } of errors) {
      expect(path.slice(0, 3)).toEqual(['strayTickets', 2, 'chat']);
      expect(extensions).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
    }
  });

  it('sends one request for each place of an operation that selects messages', async () => {
    const { data, errors } = await ask(`{
      one: tickets { message { text } }
      two: tickets { message { isRead } }
      chatMessage(chatId: 2, id: 1) { text }
    }`);
    expect(errors).toBeUndefined();
    expect(data.one[19].message).toEqual({ text: 'Message 20' });
    expect(data.two[49].message).toEqual({ isRead: false });
    expect(data.chatMessage).toEqual({ text: 'Message 1' });
    // With `batch`, stitching merges the messages of all tickets; the one that no ticket leads to need not wait for the tickets.
    expect(messages.requests.length).toBeLessThanOrEqual(name === '@graphql-tools/stitch' ? 2 : 3);
    expect(new Set(linq.calls.map(({ key }) => key)).size).toBe(20);
  });

  it('affects no other messages when one is missing and one fails', async () => {
    const { data, errors } = await ask('{ strayTickets { id message { id text isRead } } }');
    expect(data.strayTickets).toEqual([
      { id: 'stray-2', message: { id: '1', text: 'Message 1', isRead: false } },
      { id: 'stray-404', message: { id: '1', text: null, isRead: null } },
      { id: 'stray-500', message: { id: '1', text: null, isRead: null } },
    ]);
    expect(errors).toHaveLength(name === '@apollo/gateway' ? 1 : 2); // for the message; for each of its two fields
    for (const { path, extensions } of errors) {
      expect(path.slice(0, 3)).toEqual(['strayTickets', 2, 'message']);
      expect(extensions).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true, upstream: { status: 500 } });
      expect(extensions.requestId).toMatch(/^[\w-]{36}$/);
    }
  });

  it('makes a missing message null when a non-null field of it is selected', async () => {
    const { data, errors } = await ask('{ strayTickets { message { text attachments { filename } } } }');
    expect(data.strayTickets).toEqual([
      { message: { text: 'Message 1', attachments: [{ filename: 'document.pdf' }] } },
      { message: null },
      { message: null },
    ]);
    const aboutMissing = errors.filter(({ path }: { path: unknown[] }) => path[1] === 1);
    expect(aboutMissing.length > 0).toBe(name !== '@apollo/gateway');
  });

  it('passes on an error of a field of Query with its path', async () => {
    const { data, errors } = await ask(
      '{ bad: chatMessage(chatId: 500, id: 1) { text } chatMessage(chatId: 2, id: 7) { text } }',
    );
    expect(data).toEqual({ bad: null, chatMessage: { text: 'Message 7' } });
    expect(errors).toMatchObject([{ path: ['bad'], extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
  });

  it("forwards the caller's credential and Linq token to the subgraph of messages only", async () => {
    await ask('{ tickets { message { text } } }');
    for (const { headers } of messages.requests) {
      expect(headers).toMatchObject({
        authorization: credential,
        'x-linq-integration-token': 'token-of-the-caller',
      });
      expect(headers).not.toHaveProperty('cookie');
    }
    expect(tickets.requests.length).toBeGreaterThan(0);
    for (const { headers } of tickets.requests) {
      expect(headers).not.toHaveProperty('authorization');
      expect(headers).not.toHaveProperty('x-linq-integration-token');
    }
    expect(new Set(linq.calls.map(({ token }) => token))).toEqual(new Set(['token-of-the-caller']));
  });

  it('gives each of 20 simultaneous callers only what its own Linq token reads', async () => {
    linq.tellsTokens = true;
    const callers = Array.from({ length: 20 }, (_, index) => `token-${index}`);
    const answers = await Promise.all(
      callers.map((token) => ask('{ tickets { message { text } } }', { 'x-linq-integration-token': token })),
    );
    const texts = answers.map(({ data }) =>
      data.tickets.map(({ message }: { message: { text: string } }) => message.text),
    );
    expect(texts).toEqual(callers.map((token) => Array(50).fill(token)));
    expect(linq.calls.map(({ token }) => token).toSorted()).toEqual(
      callers.flatMap((token) => Array(20).fill(token)).toSorted(),
    );
  });

  it('sends the subgraph of tickets one request for their fields of 20 messages', async () => {
    const keys = Array.from({ length: 20 }, (_, index) => `{ chatId: 2, id: ${index + 1} }`);
    const { data, errors } = await ask(`{ chatMessagesByKeys(keys: [${keys}]) { id text tickets { id } } }`);
    expect(errors).toBeUndefined();
    expect(data.chatMessagesByKeys[6]).toEqual({ id: '7', text: 'Message 7', tickets: ids('7', '27', '47') });
    expect(tickets.requests.map(({ body }) => representationsIn(body).length)).toEqual([20]);
  });

  const ids = (...all: string[]) => all.map((id) => ({ id }));
  const representationsIn = (body = '{}'): object[] => Object.values<object[]>(JSON.parse(body).variables ?? {}).flat();

  describe.runIf(name !== '@apollo/gateway')('a live message', () => {
    const query = `subscription ($chatIds: [ID!]!, $after: String) {
      chatMessageEvents(chatIds: $chatIds, after: $after) { cursor kind message { id text isRead tickets { id } } }
    }`;
    const follow = (variables: object = { chatIds: ['2'] }, headers: Record<string, string> = {}) =>
      openStream(graph, {
        query,
        variables,
        headers: { authorization: credential, 'x-linq-integration-token': 'token-of-the-caller', ...headers },
      });
    /** A stream that has reached the gateway. */
    const followNow = async () => {
      const stream = await follow();
      await openStreams(gateway.url, 1);
      return stream;
    };

    it('arrives with the fields of the tickets, which are requested once, by its key', async () => {
      await using stream = await followNow();
      for (const id of ['7', '100']) {
        messages.requests.length = 0;
        tickets.requests.length = 0;
        await deliver(gateway.url, '2', id);
        expect(await stream.part()).toMatchObject({
          json: {
            data: {
              chatMessageEvents: {
                kind: 'MESSAGE_RECEIVED',
                message: { id, text: `Message ${id}`, tickets: id === '7' ? ids('7', '27', '47') : [] },
              },
            },
          },
        });
        expect(tickets.requests.map(({ body }) => representationsIn(body))).toEqual([
          [{ __typename: 'ChatMessage', chatId: '2', id }],
        ]);
        expect(messages.requests).toEqual([]);
      }
    });

    it("is read with the caller's Linq token, which is not sent to the tickets", async () => {
      await using stream = await followNow();
      await deliver(gateway.url, '2', '8');
      await stream.part();
      const [{ headers } = { headers: {} }, ...others] = messages.requests;
      expect(headers).toMatchObject({ authorization: credential, 'x-linq-integration-token': 'token-of-the-caller' });
      expect(others).toEqual([]);
      for (const request of tickets.requests) {
        expect(request.headers).not.toHaveProperty('authorization');
        expect(request.headers).not.toHaveProperty('x-linq-integration-token');
      }
      expect(linq.calls).toEqual(['2', '2/8'].map((key) => ({ key, token: 'token-of-the-caller' })));
    });

    it('arrives without the tickets and with an error while they cannot be reached, and the next one with them', async () => {
      await using stream = await followNow();
      const port = Number(new URL(tickets.url).port);
      await tickets[Symbol.asyncDispose]();
      await deliver(gateway.url, '2', '7');
      const { json } = (await stream.part()) ?? {};
      tickets = await startRecorder(ticketsServer.url, port);
      expect(json.data.chatMessageEvents.message).toEqual({ id: '7', text: 'Message 7', isRead: false, tickets: null });
      expect(json.errors).toMatchObject([
        { message: 'Unexpected error.', path: ['chatMessageEvents', 'message', 'tickets'] },
      ]);
      expect(JSON.stringify(json.errors)).not.toMatch(internal());
      await deliver(gateway.url, '2', '8');
      expect((await stream.event()).message.tickets).toEqual(ids('8', '28', '48'));
    });

    it('has an error if it cannot be read, and the next one arrives', async () => {
      await using stream = await followNow();
      await deliver(gateway.url, '2', '5000000');
      const { json } = (await stream.part()) ?? {};
      expect(json.data.chatMessageEvents).toMatchObject({ kind: 'MESSAGE_RECEIVED', message: null });
      expect(json.errors).toMatchObject([
        { path: ['chatMessageEvents', 'message'], extensions: { code: 'UPSTREAM_UNAVAILABLE' } },
      ]);
      await deliver(gateway.url, '2', '9');
      expect((await stream.event()).message.tickets).toEqual(ids('9', '29', '49'));
    });

    it('arrives complete, whatever its length and script', async () => {
      linq.texts.set('2/99', '漢字 🙂 é '.repeat(10_000));
      await using stream = await followNow();
      await deliver(gateway.url, '2', '99');
      expect((await stream.event()).message.text === linq.texts.get('2/99')).toBe(true);
    });

    it.each([
      ['of a chat that the caller may not read', { chatIds: ['403'] }, {}, 'FORBIDDEN'],
      ['without the credential', { chatIds: ['2'] }, { authorization: 'Bearer another' }, 'UNAUTHENTICATED'],
      ['after what is no cursor', { chatIds: ['2'], after: 'yesterday' }, {}, 'BAD_USER_INPUT'],
    ])('is refused %s, with the code, and the stream ends', async (_what, variables, headers, code) => {
      await using stream = await follow(variables, headers);
      expect(await stream.event()).toMatchObject({ errors: [{ extensions: { code, retryable: false } }] });
      await stream.ended();
    });

    it('is not sent to a client that has disconnected', async () => {
      const stream = await followNow();
      await deliver(gateway.url, '2', '7');
      expect((await stream.event()).message.id).toBe('7');
      stream.close();
      await openStreams(gateway.url, 0);
    });

    it('arrives late if a client missed it and continues after the last one', async () => {
      const stream = await followNow();
      await deliver(gateway.url, '2', '7');
      const { cursor } = await stream.event();
      stream.close();
      await openStreams(gateway.url, 0);
      await deliver(gateway.url, '2', '8');
      await using again = await follow({ chatIds: ['2'], after: cursor });
      await deliver(gateway.url, '2', '9');
      for (const id of ['8', '9']) expect((await again.event()).message.id).toBe(id);
    });

    it('is followed by an error and the end of the stream when the connection to the gateway is lost', async () => {
      await using stream = await followNow();
      const port = Number(new URL(messages.url).port);
      await messages[Symbol.asyncDispose]();
      const { errors } = await stream.event();
      messages = await startRecorder(gateway.url, port);
      expect(errors).toMatchObject([{ message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }]);
      await stream.ended();
      await openStreams(gateway.url, 0);
    });

    it('is followed by the end of the stream when the gateway stops, and by a gap for clients that continue afterwards', async () => {
      await using stream = await followNow();
      await deliver(gateway.url, '2', '7');
      const { cursor } = await stream.event();
      await gateway[Symbol.asyncDispose]();
      expect(await stream.part()).toMatchObject({ fields: { event: 'complete' } });
      gateway = await startMessages(new URL(gateway.url).port);
      await using again = await follow({ chatIds: ['2'], after: cursor });
      expect(await again.event()).toMatchObject({ kind: 'GAP', message: null });
      await deliver(gateway.url, '2', '8');
      expect((await again.event()).message.id).toBe('8');
    });
  });

  it.runIf(name === '@apollo/gateway')('refuses subscriptions, and sends none on', async () => {
    const errors = [{ message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }];
    expect(await ask('subscription { chatMessageEvents(chatIds: [2]) { kind } }')).toEqual({ errors });
    expect(messages.requests).toEqual([]);
  });

  const many = Array.from(
    { length: 101 },
    (_, index) => `m${index}: chatMessage(chatId: 2, id: ${index + 1}) { text }`,
  );
  const refused: [what: string, query: string, headers: Record<string, string>, code: string][] = [
    [
      'without its credential',
      '{ tickets { id message { text } } chatMessage(chatId: 2, id: 1) { text } }',
      { authorization: 'Bearer another' },
      'UNAUTHENTICATED',
    ],
    ['that wants too many messages', `{ ${many} }`, {}, 'OPERATION_TOO_COSTLY'],
    ['that is too long', `{ chatMessage(chatId: 2, id: "${'1'.repeat(110_000)}") { text } }`, {}, 'BAD_REQUEST'],
  ];

  it.each(refused)('passes on the refusal of a request %s', async (_what, query, headers, code) => {
    const { data, errors } = await ask(query, headers);
    expect(JSON.stringify(data)).not.toMatch(/Message \d/);
    expect(errors.length).toBeGreaterThan(0);
    for (const { message, path, extensions } of errors) {
      expect(message).toMatch(/credential|101 distinct reads|body/);
      expect(extensions).toMatchObject({ code, retryable: false, requestId: expect.stringMatching(/^[\w-]{36}$/) });
      expect(path === undefined).toBe(name === '@apollo/gateway');
    }
    expect(JSON.stringify(errors)).not.toMatch(internal());
  });

  it('reveals nothing about its subgraphs to clients when the messages cannot be reached', async () => {
    const port = Number(new URL(messages.url).port);
    await messages[Symbol.asyncDispose]();
    const { data, errors } = await ask('{ tickets { id message { text } } chatMessage(chatId: 2, id: 1) { text } }');
    messages = await startRecorder(gateway.url, port);
    expect(data).toMatchObject({ tickets: { 49: { id: '50', message: { text: null } } }, chatMessage: null });
    for (const { message, extensions } of errors) {
      expect(message).toBe('Unexpected error.');
      expect(extensions).toEqual({ code: 'INTERNAL_SERVER_ERROR' });
    }
    expect(JSON.stringify(errors)).not.toMatch(internal());
    expect(await ask('{ chatMessage(chatId: 2, id: 1) { text } }')).toEqual({
      data: { chatMessage: { text: 'Message 1' } },
    });
  });

  /** Where the gateway is, and what it was asked. */
  const internal = () =>
    new RegExp(`${new URL(messages.url).host}|127\\.0|ECONN|_entities|ByKeys|__typename|of-the-graph`);
});
