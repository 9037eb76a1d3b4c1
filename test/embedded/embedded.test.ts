import { once } from 'node:events';
import { inspect } from 'node:util';
import { stitchSchemas } from '@graphql-tools/stitch';
import { stitchingDirectives } from '@graphql-tools/stitching-directives';
import { buildSchema, type ExecutionResult, execute, graphql, parse, subscribe } from 'graphql';
import { describe, expect, it } from 'vitest';
import {
  type ContextFactory,
  type ContextFactoryOptions,
  type ContextOptions,
  createContextFactory,
  schema,
  subschema,
} from '../../src/embedded/index.ts';
import { internalError } from '../../src/errors/public-error.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { startTestGateway } from '../support/gateway.ts';
import { startUpstream } from '../support/upstream.ts';

const query = '{ chatMessage(chatId: 1, id: 224) { text } }';
const hello = { chatMessage: { text: 'Hello, how are you?' } };

interface InProcess extends AsyncDisposable, ContextFactory {
  /** The path and the token of each call to the sandbox. */
  readonly calls: string[];
  query(query: string, context?: ContextOptions): Promise<ExecutionResult>;
}

async function startInProcess(options: ContextFactoryOptions = {}): Promise<InProcess> {
  const calls: string[] = [];
  const sandbox = await startSandbox({
    onCall: ({ path, headers }) => calls.push(`${path} ${headers['x-linq-integration-token']}`),
  });
  const factory = createContextFactory({ origin: sandbox.origin, token: 'the-process', ...options });
  return {
    ...factory,
    calls,
    query: (source, context) => graphql({ schema, source, contextValue: factory.createContext(context) }),
    async [Symbol.asyncDispose]() {
      await factory.close();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

const call = (id: number, token = 'the-process', chat = 1) =>
  `/api/partner/v2/chats/${chat}/chat_messages/${id} ${token}`;

describe('the schema in an importing process', () => {
  it.each([
    ['a message', query],
    ...[401, 403, 404, 429, 4290, 500, 502, 504, 598, 599, 600, 601, 602, 603].map((chat) => [
      `a message of chat ${chat}`,
      `{ chatMessage(chatId: ${chat}, id: 1) { id text reactions { id } } }`,
    ]),
    ['a malformed id', '{ chatMessage(chatId: 1, id: "x") { id } }'],
    ['keys, some of them wrong', '{ chatMessagesByKeys(keys: [{ chatId: 1, id: 0 }, { chatId: 1, id: 224 }]) { id } }'],
    [
      'a key that cannot be read',
      '{ chatMessagesByKeys(keys: [{ chatId: 1, id: 224 }, { chatId: 403, id: 1 }]) { id } }',
    ],
    [
      'entities, some of them malformed',
      '{ _entities(representations: [1, {__typename: "ChatMessage", chatId: 1, id: 224}]) { __typename } }',
    ],
    ['both texts for larger graphs', '{ _sdl _service { sdl } }'],
  ])('returns what the gateway returns for %s', async (_what, query) => {
    const timeoutMs = /504|598/.test(query) ? 300 : 5_000;
    await using gateway = await startTestGateway();
    await using inProcess = await startInProcess();
    const [wanted, got] = await Promise.all([
      gateway.query(query, {}, { 'x-request-id': 'same', 'x-request-timeout-ms': String(timeoutMs) }),
      inProcess.query(query, { requestId: 'same', timeoutMs }),
    ]);
    for (const { extensions } of wanted.errors ?? []) {
      const { retryAfterMs } = extensions;
      if (retryAfterMs !== undefined) extensions['retryAfterMs'] = expect.closeTo(Number(retryAfterMs), -3);
    }
    expect(JSON.parse(JSON.stringify(got))).toEqual(wanted);
  });

  it('returns errors without a cause or any other detail of the connection to Linq', async () => {
    await using inProcess = await startInProcess({ origin: 'http://127.0.0.1:1' });
    const { errors } = await inProcess.query(query);
    expect(errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
    expect(inspect(errors, { depth: 20, showHidden: true })).not.toMatch(
      /ECONNREFUSED|127\.0\.0\.1|UpstreamError|the-process/,
    );
  });

  it('masks an internal error, and logs where it happened, with the request id', async () => {
    const lines: object[] = [];
    const log = { debug() {}, warn() {}, error: (fields: object) => lines.push(fields) };
    const bug = () => {
      throw new RangeError('+15551234567');
    };
    await using inProcess = await startInProcess({ log });
    const signal = { aborted: false, addEventListener: bug, removeEventListener() {} };
    const { errors } = await inProcess.query(query, { requestId: 'r-1', signal });
    expect(errors).toMatchObject([
      { message: internalError, extensions: { code: 'INTERNAL_SERVER_ERROR', retryable: false, requestId: 'r-1' } },
    ]);
    expect(lines).toEqual([
      {
        requestId: 'r-1',
        error: 'RangeError',
        frames: expect.arrayContaining([expect.stringContaining('embedded.test.ts')]),
      },
    ]);
    expect(inspect(errors, { depth: 20, showHidden: true })).not.toContain('1555');
  });

  it('reports what is missing when it is executed without a context, which introspection does not need', async () => {
    expect(await graphql({ schema, source: query, contextValue: { user: 1 } })).toMatchObject({
      data: { chatMessage: null },
      errors: [
        {
          message: 'The contextValue must hold what createContext of linq-graphql-gateway created.',
          extensions: { code: 'INTERNAL_SERVER_ERROR', retryable: false },
        },
      ],
    });
    const { data } = await graphql({ schema, source: '{ _sdl }' });
    expect(buildSchema(String(data?.['_sdl'])).getType('ChatMessage')).toBeDefined();
  });

  it('has a subscription whose error says where subscriptions are available', async () => {
    await using inProcess = await startInProcess();
    const document = parse('subscription { chatMessageEvents(chatIds: [1]) { kind } }');
    const result = await subscribe({
      schema,
      document,
      contextValue: inProcess.createContext({ requestId: 'r-1' }),
    });
    expect(result).toMatchObject({
      errors: [
        {
          message: expect.stringMatching(/the option webhooks of createGateway\.$/),
          extensions: { code: 'BAD_REQUEST', retryable: false, requestId: 'r-1' },
        },
      ],
    });
  });

  it('can be stitched by its own directives, with a context that is spread into a larger one', async () => {
    await using inProcess = await startInProcess();
    const ids = ['224', '226', '224', 'x'];
    const { stitchingDirectivesTransformer } = stitchingDirectives();
    const tickets = buildSchema(`
 type Query { tickets: [Ticket!]! }
 type Ticket { message: ChatMessage }
 type ChatMessage { chatId: ID! id: ID! }
`);
    const rootValue = { tickets: ids.map((id) => ({ message: { chatId: '1', id } })) };
    const stitched = stitchSchemas({
      subschemas: [
        { schema: subschema },
        {
          schema: tickets,
          merge: { ChatMessage: { selectionSet: '{ chatId id }' } },
          executor: ({ document }) => execute({ schema: tickets, document, rootValue }) as never,
        },
      ],
      subschemaConfigTransforms: [stitchingDirectivesTransformer],
    });
    expect(Object.keys(stitched.getTypeMap()).filter((name) => /^_[^_]/.test(name))).toEqual([]);
    expect(Object.keys(stitched.getQueryType()?.getFields() ?? {})).toEqual([
      'chat',
      'chatsByIds',
      'chatMessage',
      'chatMessagesByKeys',
      'tickets',
    ]);
    const contextValue = { user: 1, ...inProcess.createContext({ requestId: 'r-2' }) };
    const source = '{ tickets { message { text } } chatMessage(chatId: 1, id: 224) { text } }';
    const [first, second] = [{ message: hello.chatMessage }, { message: { text: null } }];
    expect(await graphql({ schema: stitched, source, contextValue })).toMatchObject({
      data: { ...hello, tickets: [first, second, first, second] },
      errors: [
        {
          path: ['tickets', 3, 'message', 'text'],
          extensions: { code: 'BAD_USER_INPUT', retryable: false, requestId: 'r-2' },
        },
      ],
    });
    expect(inProcess.calls.toSorted()).toEqual([call(224), call(226)]);
  });

  it('replaces the DateTime of other schemas when listed last, so that their Dates become ISO text', async () => {
    await using inProcess = await startInProcess();
    const tickets = buildSchema('scalar DateTime type Query { createdAt: DateTime, never: DateTime }');
    const executor = () => ({ data: { createdAt: new Date(0), never: null } }) as never;
    const stitched = stitchSchemas({ subschemas: [{ schema: tickets, executor }, { schema: subschema }] });
    const source = '{ createdAt never chatMessage(chatId: 1, id: 224) { sentAt } }';
    expect(await graphql({ schema: stitched, source, contextValue: inProcess.createContext() })).toEqual({
      data: {
        createdAt: '1970-01-01T00:00:00.000Z',
        never: null,
        chatMessage: { sentAt: '2025-05-21T15:30:00.123-05:00' },
      },
    });
  });
});

describe('a context', () => {
  it("reads with the caller's token where there is one, and with the factory's otherwise", async () => {
    await using inProcess = await startInProcess();
    for (const token of ['the caller "§', '', undefined, null])
      expect(await inProcess.query(query, { token })).toEqual({ data: hello });
    expect(inProcess.calls).toEqual([call(224, 'the caller "§'), call(224), call(224), call(224)]);
  });

  it('shares the call of an identical read only with the same token', async () => {
    await using inProcess = await startInProcess();
    await Promise.all(['a', 'b', 'a'].map((token) => inProcess.query(query, { token })));
    expect(inProcess.calls.toSorted()).toEqual([call(224, 'a'), call(224, 'b')]);
  });

  it('fails the read without a request to Linq when there is no token', async () => {
    await using inProcess = await startInProcess({ token: undefined });
    expect(await inProcess.query(query)).toMatchObject({
      data: { chatMessage: null },
      errors: [{ extensions: { code: 'UNAUTHENTICATED', requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) } }],
    });
    expect(inProcess.calls).toEqual([]);
  });

  it('returns null for every chat that is not listed, without a request to Linq', async () => {
    await using inProcess = await startInProcess();
    const source = '{ a: chatMessage(chatId: 1, id: 224) { id } b: chatMessage(chatId: 2, id: 7) { id } }';
    expect(await inProcess.query(source, { chats: ['2'] })).toEqual({ data: { a: null, b: { id: '7' } } });
    expect(await inProcess.query(source, { chats: [] })).toEqual({ data: { a: null, b: null } });
    expect(inProcess.calls).toEqual([call(7, 'the-process', 2)]);
  });

  it('reads a chat and its messages, with errors below the root as clients of the gateway see them', async () => {
    await using inProcess = await startInProcess();
    const source = `{
      chatMessage(chatId: 2, id: 7) { chat { id messages(last: 1) { nodes { id sender { id } } } } }
      chat(id: 3) { bad: messages(last: 0) { nodes { id } } }
      none: chatMessage(chatId: 1, id: 224) { chat { id } }
    }`;
    const { data, errors } = await inProcess.query(source, { chats: ['2', '3'] });
    expect(data).toEqual({
      chatMessage: { chat: { id: '2', messages: { nodes: [{ id: '1000000', sender: { id: '1000' } }] } } },
      chat: { bad: null },
      none: null,
    });
    expect(errors).toMatchObject([{ path: ['chat', 'bad'], extensions: { code: 'BAD_USER_INPUT', retryable: false } }]);
    expect(inProcess.calls.some((call) => call.includes('/chats/1'))).toBe(false);
  });

  it('cancels its reads when its signal fires', async () => {
    const asked = Promise.withResolvers<{ closed: Promise<unknown> }>();
    await using upstream = await startUpstream((response) => asked.resolve({ closed: once(response, 'close') }));
    await using inProcess = await startInProcess({ origin: upstream.origin });
    const caller = new AbortController();
    const answer = inProcess.query(query, { signal: caller.signal });
    const { closed } = await asked.promise;
    caller.abort();
    expect(await answer).toMatchObject({ errors: [{ extensions: { code: 'OVERLOADED', retryable: true } }] });
    await closed;
  });

  it.each([
    [50, 2_147_483_647],
    [2_147_483_647, 50],
  ])(
    'times out after its own %i ms or the %i ms of its factory, whichever is shorter',
    async (timeoutMs, factoryMs) => {
      await using inProcess = await startInProcess({ timeoutMs: factoryMs });
      const { errors } = await inProcess.query('{ chatMessage(chatId: 504, id: 1) { id } }', { timeoutMs });
      expect(errors).toMatchObject([{ extensions: { code: 'UPSTREAM_TIMEOUT', retryable: true } }]);
    },
  );

  it('rejects each field of an operation with too many messages, without a request to Linq', async () => {
    await using inProcess = await startInProcess({ maxMessages: 2 });
    const operation = (...ids: number[]) =>
      `{ chatMessage(chatId: 2, id: ${ids[0]}) { id } chatMessagesByKeys(keys: [${ids.map((id) => `{ chatId: 2, id: ${id} }`)}]) { id } }`;
    expect((await inProcess.query(operation(1, 2))).errors).toBeUndefined();
    expect(inProcess.calls.splice(0)).toHaveLength(2);
    const extensions = { code: 'OPERATION_TOO_COSTLY', retryable: false };
    const message =
      'The operation has 3 distinct reads; the limit is 2 (MAX_READS_PER_OPERATION). Ask for less at once.';
    expect(await inProcess.query(operation(1, 2, 3))).toMatchObject({
      data: { chatMessage: null, chatMessagesByKeys: [null, null, null] },
      errors: Array(4).fill({ message, extensions }),
    });
    const { data, errors } = await inProcess.query(operation(...Array(21).fill(1)));
    expect({ data, errors }).toMatchObject({ data: null, errors: Array(2).fill({ extensions }) }); // a list cannot be null
    expect(inProcess.calls).toEqual([]);
  });

  it('does not count a rejected operation: a smaller one may follow', async () => {
    await using inProcess = await startInProcess({ maxMessages: 3 });
    const contextValue = inProcess.createContext();
    const ask = (source: string) => graphql({ schema, source, contextValue });
    const list = (...ids: number[]) =>
      `chatMessagesByKeys(keys: [${ids.map((id) => `{ chatId: 2, id: ${id} }`)}]) { id }`;
    const tooCostly = { extensions: { code: 'OPERATION_TOO_COSTLY' } };
    expect((await ask(`{ ${list(1)} }`)).errors).toBeUndefined();
    expect((await ask(`{ ${list(1, 2, 3, 4)} }`)).errors).toMatchObject(Array(3).fill(tooCostly));
    expect((await ask(`{ a: ${list(...Array(20).fill(2))} b: ${list(...Array(20).fill(2))} }`)).errors).toMatchObject([
      tooCostly,
    ]);
    expect((await ask(`{ ${list(...Array(31).fill(0))} }`)).errors).toMatchObject([tooCostly]);
    expect(inProcess.calls).toHaveLength(1);
    expect((await ask(`{ ${list(1, 2, 3)} }`)).errors).toBeUndefined();
    expect(inProcess.calls).toHaveLength(3);
    expect((await ask(`{ ${list(...Array(26).fill(1))} }`)).errors).toBeUndefined(); // the 30th entry
    expect((await ask(`{ ${list(1)} }`)).errors).toMatchObject([tooCostly]);
  });

  it.each([
    [{ token: 'a\r\nx-evil: 1' }, 'token must be a string that an HTTP header can carry, got something else'],
    [{ token: 1 }, 'token must be a string that an HTTP header can carry, got number'],
    [null, 'options must be an object, got null'],
    ['mine', 'options must be an object, got string'],
    [{ signal: null }, 'signal must be an AbortSignal, got null'],
    [{ chats: '12' }, "chats must be an array of ids of chats, such as ['1', '77'], got something else"],
    [{ chats: '' }, "chats must be an array of ids of chats, such as ['1', '77'], got something else"],
    [{ chats: null }, "chats must be an array of ids of chats, such as ['1', '77'], got null"],
    [{ chats: ['1', 2] }, "chats must be an array of ids of chats, such as ['1', '77'], got something else"],
    [{ chats: ['01'] }, "chats must be an array of ids of chats, such as ['1', '77'], got something else"],
    [{ timeoutMs: 0.5 }, 'timeoutMs must be a whole number from 1 to 2147483647, got 0.5'],
    [{ timeoutMs: '9' }, 'timeoutMs must be a whole number from 1 to 2147483647, got "9"'],
    [
      { requestId: 'a b', timeoutMs: 0 },
      'timeoutMs must be a whole number from 1 to 2147483647, got 0\nrequestId must be 1 to 128 of A-Za-z0-9._-, got something else',
    ],
    [{ chat: ['1'] }, 'chat is not an option; the options are token, signal, chats, timeoutMs, requestId'],
  ])('rejects the options %o', (options, message) => {
    const { createContext } = createContextFactory();
    expect(() => createContext(options as ContextOptions)).toThrow(new TypeError(message));
  });
});

describe('a context factory', () => {
  it('fails reads in flight and later reads once it is closed', async () => {
    const asked = Promise.withResolvers<void>();
    await using upstream = await startUpstream(() => asked.resolve());
    await using inProcess = await startInProcess({ origin: upstream.origin });
    const early = inProcess.query(query);
    await asked.promise;
    await inProcess.close();
    for (const answer of [early, inProcess.query(query)]) {
      expect(await answer).toMatchObject({ errors: [{ extensions: { code: 'OVERLOADED', retryable: true } }] });
    }
  });

  it('reports reads to its metrics, and failures and drift to its log, without data from Linq', async () => {
    const route = '/api/partner/v2/chats/{chat_id}/chat_messages/{id}';
    const told: unknown[][] = [];
    const tell = (...what: unknown[]) => void told.push(what);
    const metrics = {
      read: tell,
      attempt() {},
      retry() {},
      queueWait() {},
      breaker() {},
      sharedFlight() {},
      drift() {},
      cache() {},
    };
    await using inProcess = await startInProcess({ log: { debug() {}, warn: tell, error: tell }, metrics });
    await inProcess.query('{ chatMessage(chatId: 600, id: 1) { id } }', { requestId: 'r-3' });
    await inProcess.query('{ chatMessage(chatId: 602, id: 1) { id } }', { requestId: 'r-4' });
    expect(told.slice(0, 2)).toEqual([
      [route, 'bad-response', expect.any(Number)],
      [{ requestId: 'r-3', route, fault: 'bad-response', status: 200 }, 'a read of Linq failed'],
    ]);
    expect(told).toContainEqual([
      { requestId: 'r-4', route, path: 'data.text', kind: 'type' },
      'Linq response does not match its documentation',
    ]);
    expect(JSON.stringify(told)).not.toMatch(/Hello|teleported|1555/);
  });

  it('keeps reading when its metrics and its log throw, and logs the error of the metrics', async () => {
    const lines: object[] = [];
    const fail = () => {
      throw new RangeError('+15551234567');
    };
    const [read, attempt, retry, queueWait, breaker, sharedFlight, drift, cache] = Array(8).fill(fail);
    const metrics = { read, attempt, retry, queueWait, breaker, sharedFlight, drift, cache };
    const log = { debug: fail, warn: fail, error: (fields: object) => lines.push(fields) };
    await using inProcess = await startInProcess({ metrics, log });
    const chats = [602, 500, 429].map((chat) => `c${chat}: chatMessage(chatId: ${chat}, id: 1) { id }`);
    const answer = await inProcess.query(`{ ${chats} again: chatMessage(chatId: 1, id: 224) { text } }`);
    expect(answer).toMatchObject({
      data: { c602: { id: '1' }, c500: null, c429: { id: '1' }, again: hello.chatMessage },
      errors: [{ path: ['c500'], extensions: { code: 'UPSTREAM_UNAVAILABLE' } }],
    });
    expect(lines).toContainEqual({
      error: 'RangeError',
      frames: expect.arrayContaining([expect.stringContaining('embedded.test.ts')]),
    });
    expect(JSON.stringify(lines)).not.toContain('1555');
  });

  it('treats an empty origin or token as not given, as the variables do', async () => {
    await using inProcess = await startInProcess({ token: '' });
    expect(await inProcess.query(query)).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    expect(() => createContextFactory({ origin: '' })).not.toThrow();
  });

  it('calls its log with the `this` that it needs', async () => {
    const lines: object[] = [];
    class Log {
      debug = () => {};
      warn(fields: object) {
        this.error(fields);
      }
      error(fields: object) {
        lines.push(fields);
      }
    }
    await using inProcess = await startInProcess({ log: new Log() });
    await inProcess.query('{ chatMessage(chatId: 500, id: 1) { id } }');
    expect(lines).toMatchObject([{ fault: 'unavailable', status: 500 }]);
  });

  it.each([
    [{ origin: 'linq' }, 'origin must be the origin of an HTTP server, such as https://api.linqapp.com, got "linq"'],
    [{ origin: null }, 'origin must be the origin of an HTTP server, such as https://api.linqapp.com, got null'],
    [
      { requestsPerSecond: 0.0001 },
      'requestsPerSecond must be a number above 0 and below 1000000, with up to three decimals, got 0.0001',
    ],
    [{ token: 12345 }, 'token must be visible ASCII characters without spaces, got number'],
    [{ token: 'a secret' }, 'token must be visible ASCII characters without spaces, got a value with others in it'],
    [{ timeoutMs: 0 }, 'timeoutMs must be a whole number from 1 to 2147483647, got 0'],
    [{ timeoutMs: '10' }, 'timeoutMs must be a whole number from 1 to 2147483647, got "10"'],
    [null, 'options must be an object, got null'],
    ['linq', 'options must be an object, got string'],
    [{ log: {} }, 'log must be an object with the functions debug, warn, error, got something else'],
    [
      { log: { debug() {}, warn: true, error() {} } },
      'log must be an object with the functions debug, warn, error, got something else',
    ],
    [{ log: null }, 'log must be an object with the functions debug, warn, error, got null'],
    [
      { timeoutMs: '10', metrics: {} },
      'timeoutMs must be a whole number from 1 to 2147483647, got "10"\nmetrics must be an object with the functions read, attempt, retry, queueWait, breaker, sharedFlight, drift, cache, got something else',
    ],
    [{ maxConcurrency: 1.5 }, 'maxConcurrency must be a whole number from 1 to 65535, got 1.5'],
    [{ maxQueue: Number.NaN }, 'maxQueue must be a whole number from 0 to 1000000, got NaN'],
    [
      { requestsPerSecond: 0 },
      'requestsPerSecond must be a number above 0 and below 1000000, with up to three decimals, got 0',
    ],
    [
      { maxResponseBytes: -1, maxMessages: 0 },
      'maxResponseBytes must be a whole number from 1 to 536870888, got -1\nmaxMessages must be a whole number from 1 to 1000000, got 0',
    ],
    [
      { timeout: 5 },
      'timeout is not an option; the options are origin, token, timeoutMs, maxConcurrency, maxQueue, requestsPerSecond, maxResponseBytes, connectionMaxAgeMs, proxy, maxMessages, log, metrics',
    ],
  ])('rejects the options %o', (options, message) => {
    expect(() => createContextFactory(options as ContextFactoryOptions)).toThrow(new TypeError(message));
  });
});
