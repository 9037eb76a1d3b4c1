import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { execute, parse } from 'graphql';
import { expect, it } from 'vitest';
import { createContextFactory } from '../../../src/context.ts';
import { createLinqClient } from '../../../src/datasources/linq/client.ts';
import { inOrder, publicError } from '../../../src/errors/public-error.ts';
import { createParamsReader } from '../../../src/graphql/params.ts';
import { PersistedQueries } from '../../../src/graphql/persisted-queries.ts';
import { schema } from '../../../src/schema/index.ts';
import { silentMetrics } from '../../datasources/reads/support.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';

// A parameter of a media type is more than the fast path looks at, and changes nothing for Yoga: the same request with
// and without it goes both ways.
const accepts = [
  [undefined, '*/*;q=1'],
  ['*/*', '*/*;q=1'],
  ['application/json', 'application/json;q=1'],
  ['application/graphql-response+json', 'application/graphql-response+json;q=1'],
  [
    'application/graphql-response+json, application/json',
    'application/graphql-response+json;q=1, application/json;q=1',
  ],
  ['application/json, text/plain', 'application/json;q=1, text/plain;q=1'],
  ['text/html, application/graphql-response+json', 'text/html;q=1, application/graphql-response+json;q=1'],
] as const;

interface Request {
  readonly body: string;
  readonly headers: Record<string, string>;
  readonly accept: (typeof accepts)[number];
}

/** More with `DIFFERENTIAL_RUNS`. */
const runs = Number(process.env['DIFFERENTIAL_RUNS'] ?? 2_000);

it('responds byte for byte as Yoga does, and with the data and errors of graphql-js', {
  timeout: 600_000,
}, async () => {
  await using gateway = await startTestGateway({ LOG_LEVEL: 'silent' });
  await using reference = startReference(gateway.linq);
  const documents = fc.sample(document, { numRuns: 50, seed: 17 });
  for (const query of documents) {
    await gateway.query(query, variablesThatFit, { accept: 'application/json;q=1' });
  }

  const requests = fc.sample(requestFor(documents), { numRuns: runs, seed: 29 });
  let executed = 0;
  const before = await operations(gateway);
  for (let from = 0; from < requests.length; from += 20) {
    await Promise.all(
      requests.slice(from, from + 20).map(async (request, index) => {
        const id = `request-${from + index}`;
        const [fast, yoga] = await Promise.all(request.accept.map((accept) => ask(gateway, request, accept, id)));
        expect(fast, JSON.stringify(request)).toEqual(yoga);
        const { data, errors } = JSON.parse(fast?.body ?? '');
        if (data === undefined) return; // refused before its execution
        executed++;
        const found = errors?.map(({ path, extensions }: { path: unknown; extensions: { code: unknown } }) => [
          path,
          extensions.code,
        ]);
        expect({ data, errors: found ?? [] }, JSON.stringify(request)).toEqual(await reference.execute(request.body));
      }),
    );
  }
  const { compiled, interpreted } = await operations(gateway);
  // Half of all requests avoid the fast path on purpose; of the others most, but not those that are wrong, took it.
  expect(compiled - before.compiled).toBeGreaterThan(runs / 8);
  expect(interpreted - before.interpreted).toBeGreaterThan(runs / 2);
  expect(executed).toBeGreaterThan(runs / 4);
});

it('keeps a bounded number of compiled operations, however many different ones are sent again and again', async () => {
  await using gateway = await startTestGateway();
  const send = async (from: number, to: number) => {
    for (let index = from; index < to; index++) {
      // Some 4,000 characters each: documents cost by their length.
      const fields = Array.from(
        { length: 60 },
        (_, field) => `f${field}_${index}: chatMessage(chatId: 2, id: 5) { id text }`,
      );
      for (let turn = 0; turn < 3; turn++) await gateway.query(`{ ${fields.join('\n')} }`);
    }
  };
  const heap = () => {
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  await send(0, 100);
  const before = heap();
  await send(100, 400);
  expect((await operations(gateway)).compiled).toBeGreaterThan(30);
  // All of those compiled meanwhile, if they were kept, would take some 400 kB each.
  expect(heap() - before).toBeLessThan(20_000_000);
});

it('ends the reads of a caller who hangs up, without a line in the log', async () => {
  await using gateway = await startTestGateway({ LOG_LEVEL: 'info' });
  const query = 'query ($id: ID!) { chatMessage(chatId: 504, id: $id) { id } }';
  const { port } = new URL(gateway.url);
  for (const id of ['1', '2']) {
    await gateway.query(query, { id }, { 'x-request-timeout-ms': '50' }); // seen before
  }
  gateway.log.length = 0;
  const compiled = async () => (await operations(gateway)).compiled;
  const before = await compiled();
  const callers = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
      await once(socket, 'connect');
      const body = JSON.stringify({ query, variables: { id: `${index + 10}` } });
      socket.write(
        `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      return socket;
    }),
  );
  while (gateway.calls.filter(({ path }) => path.includes('/504/')).length < 22) await setImmediate();
  for (const socket of callers) socket.destroy();
  await gateway.metric(
    'linq_read_duration_seconds_count{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}",outcome="cancelled"}',
    20,
  );
  expect((await compiled()) - before).toBe(20);
  expect(gateway.log).toEqual([]);
});

/** Executes operations with graphql-js itself, on the same schema and in front of the same Linq. */
function startReference(origin: string) {
  const client = createLinqClient({
    origin,
    timeoutMs: 10_000,
    maxConcurrency: 8,
    maxQueue: 1_000,
    requestsPerSecond: undefined,
    maxResponseBytes: 1_000_000,
    metrics: silentMetrics,
    reportDrift: () => {},
  });
  const options = { token: 'a-token', timeoutMs: 10_000, cacheTtlMs: 0, maxMessages: 100, onBatch: () => {} };
  const contextOf = createContextFactory({ client, ...options });
  const readParams = createParamsReader(undefined, new PersistedQueries(() => {}));
  const log = { debug() {}, warn() {}, error() {} };
  return {
    async execute(body: string) {
      const { query = '', variables, operationName } = readParams(body, { persistedQuery: undefined });
      const { data, errors = [] } = await execute({
        schema,
        document: parse(query),
        variableValues: variables ?? {},
        operationName: operationName ?? null,
        contextValue: contextOf({
          header: () => undefined,
          requestId: 'reference',
          signal: new AbortController().signal,
          chats: undefined,
        }),
      });
      const codeOf = (error: (typeof errors)[number]) =>
        publicError(error, { requestId: 'reference' }, log, { suggestions: true }).extensions['code'];
      const found = inOrder(errors, data).map((error) => [error.path, codeOf(error)]);
      return { data, errors: found };
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function ask(gateway: TestGateway, { body, headers }: Request, accept: string | undefined, requestId: string) {
  const answer = await gateway.send({
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...headers,
      'x-request-id': requestId,
      ...(accept !== undefined && { accept }),
    },
    body,
  });
  const { date, ...rest } = answer.headers;
  return { ...answer, headers: rest };
}

async function operations(gateway: TestGateway): Promise<{ compiled: number; interpreted: number }> {
  const { body } = await gateway.send({ path: '/metrics' });
  const count = (executor: string) =>
    Number(new RegExp(`graphql_operations_total{executor="${executor}"} (\\d+)`).exec(body)?.[1]);
  return { compiled: count('compiled'), interpreted: count('interpreted') };
}

const variablesThatFit = { c: '1', i: '224', k: [{ chatId: '2', id: '5' }], yes: true, no: false };

const leaf = fc.constantFrom(
  ...'chatId id text sentAt deliveredAt deliveryStatus editedAt isRead sentFrom chatHandleId __typename'.split(' '),
  'other: text',
  'text @include(if: $yes)',
  'sentAt @skip(if: $yes)',
  'id @skip(if: $no) @include(if: $yes)',
);
const nested = fc.constantFrom(
  'attachments { id url filename mimeType fileSize __typename }',
  'attachments { file: filename ... on Attachment @include(if: $yes) { fileSize } }',
  'reactions { id chatMessageId reaction isFromMe fromPhone sentAt createdAt updatedAt }',
  'reactions @include(if: $no) { id }',
  '...Some',
  '... on ChatMessage { isRead attachments { id } }',
  '... @skip(if: $no) { editedAt }',
);
const selection = fc
  .tuple(fc.uniqueArray(leaf, { minLength: 1, maxLength: 6 }), fc.uniqueArray(nested, { maxLength: 3 }))
  .map(([leaves, others]) => `{ ${[...leaves, ...others].join(' ')} }`);
// Chats that answer at once: messages, none, failures, a body that drifts.
const key = fc.record({
  chatId: fc.constantFrom('1', '2', '2', '401', '403', '404', '600', '601', '602', '0', '-1', 'x'),
  id: fc.constantFrom('224', '5', '77', '999999', '4000000', '9007199254740993', '007', ''),
});
const field = fc.oneof(
  fc.constant('chatMessage(chatId: $c, id: $i)'),
  key.map(
    ({ chatId, id }) => `chatMessage(chatId: "${chatId}", id: ${/^[1-9]\d*$/.test(id) ? id : JSON.stringify(id)})`,
  ),
  fc.constant('chatMessagesByKeys(keys: $k)'),
  fc.constant('chatMessagesByKeys(keys: [{ chatId: $c, id: $i }, { chatId: 2, id: 9 }])'),
  fc.constant('chatMessagesByKeys(keys: [])'),
);
const document = fc
  .tuple(
    fc.array(fc.tuple(field, selection), { minLength: 1, maxLength: 5 }),
    fc.boolean(),
    fc.nat(4).map((roll) => roll === 0),
    fc.nat(4).map((roll) => roll === 0),
  )
  .map(([fields, second, directives, literal]) => {
    const body = fields.map(([call, selected], index) => `f${index}: ${call} ${selected}`).join('\n');
    const operation = `query Main($c: ID!, $i: ID!, $k: [ChatMessageKey!]! = [], $r: [_Any!]! = [], $yes: Boolean!, $no: Boolean = false) {
      ${body}
      used: chatMessage(chatId: $c, id: $i) { ...Some }
      more: chatMessagesByKeys(keys: $k) { id @include(if: $yes) text @skip(if: $no) }
      entities: _entities(representations: $r) { __typename ... on ChatMessage { id text ...Some } }
      ${literal ? 'e: _entities(representations: [{ __typename: "ChatMessage", chatId: $c, id: 9007199254740993 }, 7]) { ...Some }' : ''}
    }`;
    const whole = `${operation} fragment Some on ChatMessage { text id } ${second ? 'query Other { __typename }' : ''}`;
    return directives
      ? whole
      : whole.replace(/ @\w+\(if: \$\w+\)/g, '').replace(', $yes: Boolean!, $no: Boolean = false', '');
  });

const anId = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('224', '5', '77', '404', '1', '2') },
  { weight: 2, arbitrary: fc.integer({ min: -2, max: 1_000 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      null,
      true,
      1.5,
      2 ** 53,
      1e300,
      '',
      ' 1',
      '1 ',
      '９',
      [1],
      { id: 1 },
      '9223372036854775808',
    ),
  },
);
const representation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ __typename: fc.constant('ChatMessage'), chatId: anId, id: anId }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ __typename: 'Chat', id: 1 }, {}, 7, 'x', [], true, { __typename: 'ChatMessage' }),
  },
);
const variables = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record(
      {
        c: anId,
        i: anId,
        k: fc.oneof(
          { weight: 8, arbitrary: fc.array(fc.record({ chatId: anId, id: anId }), { maxLength: 4 }) },
          {
            weight: 1,
            arbitrary: fc.constantFrom(null, {}, { chatId: 1, id: 5 }, [null], [{ chatId: 1 }], [{ id: 1, x: 2 }]),
          },
        ),
        yes: fc.oneof(
          { weight: 9, arbitrary: fc.boolean() },
          { weight: 1, arbitrary: fc.constantFrom(null, 'true', 1) },
        ),
        no: fc.oneof({ weight: 9, arbitrary: fc.boolean() }, { weight: 1, arbitrary: fc.constantFrom(null, 0) }),
        r: fc.oneof(
          { weight: 9, arbitrary: fc.array(representation, { maxLength: 4 }) },
          { weight: 1, arbitrary: fc.constantFrom(null, 'x') },
        ),
        extra: fc.constant('not declared'),
      },
      { requiredKeys: ['c', 'i', 'yes'] },
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(null, undefined, [], 'x', 7, {}) },
);
const headers = fc.oneof(
  { weight: 8, arbitrary: fc.constant({}) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Record<string, string>>(
      { 'x-linq-integration-token': 'a-token-of-the-callers' },
      { 'x-linq-integration-token': '' },
      { 'x-request-timeout-ms': '5000' },
      { 'x-request-timeout-ms': 'soon' },
      { 'content-type': 'application/json; charset=utf-8' },
      { 'content-type': 'Application/JSON' },
      { 'content-type': 'text/plain' },
    ),
  },
);
const malformed = fc.constantFrom(
  '',
  '{',
  'null',
  '[]',
  '"text"',
  '{"query":7}',
  '{"query":null}',
  '{"variables":{}}',
  '{"query":""}',
  '{"query":"{"}',
  '{"query":"{ __typename }","query":"{ nope }"}',
  '{"__proto__":{"query":"{ __typename }"}}',
  '\ufeff{"query":"{ __typename }"}',
);

function requestFor(documents: readonly string[]): fc.Arbitrary<Request> {
  const body = fc
    .record(
      {
        query: fc.constantFrom(...documents),
        variables,
        operationName: fc.oneof(
          { weight: 6, arbitrary: fc.constant('Main') },
          { weight: 2, arbitrary: fc.constantFrom(null, '', 'Other', 'Missing', 7) },
        ),
        extensions: fc.constantFrom<unknown>({}, null, { persistedQuery: 1 }, 'x'),
        surplus: fc.constant(1),
      },
      { requiredKeys: ['query', 'variables'] },
    )
    // What is left out is left out more often than not.
    .map(({ extensions, surplus, ...plain }) => ({
      ...plain,
      ...(JSON.stringify(plain).length % 11 === 0 && extensions !== undefined && { extensions }),
      ...(JSON.stringify(plain).length % 29 === 0 && surplus !== undefined && { surplus }),
    }))
    .map((params) => JSON.stringify(params));
  return fc.record({
    body: fc.oneof({ weight: 30, arbitrary: body }, { weight: 1, arbitrary: malformed }),
    headers,
    accept: fc.constantFrom(...accepts),
  });
}
