import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Linq, startLinq } from './support/linq.ts';
import { freePort, type Program, root, startGateway, startProgram } from './support/programs.ts';
import { type Recorder, startRecorder } from './support/recorder.ts';

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
  gateway = await startGateway({ LINQ_API_URL: linq.origin, GATEWAY_API_KEYS: 'key-of-the-graph' });
  messages = await startRecorder(gateway.url);
  ticketsServer = await startProgram({ args: ['examples/tickets/subgraph.ts'], ready: /tickets at (\S+)/ });
  tickets = await startRecorder(ticketsServer.url);
  folder = await mkdtemp(join(tmpdir(), 'supergraph-'));
  env = {
    MESSAGES_URL: messages.url,
    MESSAGES_AUTHORIZATION: credential,
    TICKETS_URL: tickets.url,
    SUPERGRAPH: join(folder, 'supergraph.graphql'),
  };
  const composition = await promisify(execFile)(process.execPath, ['examples/apollo-gateway/compose.ts'], {
    cwd: root,
    env,
  });
  complaints = composition.stderr;
  await writeFile(join(folder, 'supergraph.graphql'), composition.stdout);
});

afterAll(async () => {
  for (const one of [tickets, ticketsServer, messages, gateway, linq]) await one?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

it('composes with another subgraph without errors and without hints', () => {
  expect(complaints).toBe('');
});

const engines: [name: string, start: () => Promise<Program>][] = [
  [
    '@graphql-tools/stitch',
    () => startProgram({ args: ['examples/stitching/gateway.ts'], env, ready: /graph at (\S+)/ }),
  ],
  [
    '@apollo/gateway',
    () => startProgram({ args: ['examples/apollo-gateway/gateway.ts'], env, ready: /graph at (\S+)/ }),
  ],
  [
    'Hive Gateway',
    async () => {
      const port = await freePort();
      const program = await startProgram({
        args: [
          'examples/node_modules/@graphql-hive/gateway/dist/bin.js',
          'supergraph',
          '--config-path',
          'examples/hive-gateway/gateway.config.ts',
        ],
        env: { ...env, PORT: String(port) },
        ready: /Listening on (http:\S+)/,
      });
      return { ...program, url: `${program.url}/graphql` };
    },
  ],
];

describe.each(engines)('through %s', (name, start) => {
  let graph: Program;

  beforeAll(async () => {
    graph = await start();
  });
  afterAll(() => graph?.[Symbol.asyncDispose]());
  beforeEach(() => {
    linq.calls.length = 0;
    messages.requests.length = 0;
    tickets.requests.length = 0;
  });

  async function ask(query: string) {
    const response = await fetch(graph.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        authorization: credential,
        'x-linq-integration-token': 'token-of-the-caller',
        cookie: 'session=of-the-graph',
      },
      body: JSON.stringify({ query }),
    });
    return response.json();
  }

  it('reads 20 messages for 50 tickets with 20 calls of Linq, for each ticket its own', async () => {
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
    expect(linq.calls.map(({ key }) => key).sort()).toEqual(
      Array.from({ length: 20 }, (_, index) => `2/${index + 1}`).sort(),
    );
  });

  it('asks once for each place of an operation that wants messages', async () => {
    const { data, errors } = await ask(`{
      one: tickets { message { text } }
      two: tickets { message { isRead } }
      chatMessage(chatId: 2, id: 1) { text }
    }`);
    expect(errors).toBeUndefined();
    expect(data.one[19].message).toEqual({ text: 'Message 20' });
    expect(data.two[49].message).toEqual({ isRead: false });
    expect(data.chatMessage).toEqual({ text: 'Message 1' });
    expect(messages.requests.length).toBeLessThanOrEqual(3);
    expect(new Set(linq.calls.map(({ key }) => key)).size).toBe(20);
  });

  it('lets a message that is missing and one that fails harm only themselves', async () => {
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

  it('makes a missing message null where a field of it is asked for that is never null', async () => {
    const { data, errors } = await ask('{ strayTickets { message { text attachments { filename } } } }');
    expect(data.strayTickets).toEqual([
      { message: { text: 'Message 1', attachments: [{ filename: 'document.pdf' }] } },
      { message: null },
      { message: null },
    ]);
    const aboutMissing = errors.filter(({ path }: { path: unknown[] }) => path[1] === 1);
    expect(aboutMissing.length > 0).toBe(name !== '@apollo/gateway');
  });

  it('hands an error of a field of Query on with its path', async () => {
    const { data, errors } = await ask(
      '{ bad: chatMessage(chatId: 500, id: 1) { text } chatMessage(chatId: 2, id: 7) { text } }',
    );
    expect(data).toEqual({ bad: null, chatMessage: { text: 'Message 7' } });
    expect(errors).toMatchObject([{ path: ['bad'], extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
  });

  it("forwards the caller's credential and its Linq token to the messages, and nothing of it to the tickets", async () => {
    await ask('{ tickets { message { text } } }');
    for (const { headers } of messages.requests) {
      expect(headers).toMatchObject({
        authorization: credential,
        'x-linq-integration-token': 'token-of-the-caller',
      });
      expect(headers).not.toHaveProperty('cookie');
    }
    for (const { headers } of tickets.requests) {
      expect(headers).not.toHaveProperty('authorization');
      expect(headers).not.toHaveProperty('x-linq-integration-token');
    }
    expect(new Set(linq.calls.map(({ token }) => token))).toEqual(new Set(['token-of-the-caller']));
  });
});
