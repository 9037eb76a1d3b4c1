import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { execute, GraphQLError, parse } from 'graphql';
import { expect, it } from 'vitest';
import { createContextFactory } from '../../../src/context.ts';
import { createLinqClient } from '../../../src/datasources/linq/client.ts';
import { inOrder, publicError } from '../../../src/errors/public-error.ts';
import { createParamsReader } from '../../../src/graphql/params.ts';
import { PersistedQueries } from '../../../src/graphql/persisted-queries.ts';
import { schema } from '../../../src/schema/index.ts';
import { silentMetrics } from '../../datasources/reads/support.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { runs } from '../../support/runs.ts';
import { type Request, sampleRequests } from './requests.ts';

/** Requests to compare, and a seed, which a miss prints. */
const compared = runs(500);
const seed = Number(process.env['DIFFERENTIAL_SEED'] ?? 29);
/** Requests that share documents: few enough documents for all of them to have plans. */
const requestsPerRound = 250;

it('responds with the same bytes to an operation that is new, seen before and planned, and with the data and errors of graphql-js', {
  timeout: 3_600_000,
}, async () => {
  await using gateway = await startTestGateway({ LOG_LEVEL: 'silent' });
  await using reference = startReference(gateway.linq);
  let executed = 0;
  for (let round = 0; round * requestsPerRound < compared; round++) {
    const { documents, requests } = sampleRequests(requestsPerRound, seed + round);
    for (const body of documents) await ask(gateway, { body: () => body, headers: {} }, undefined, 'warm-up');
    for (let from = 0; from < requests.length; from += 10) {
      await Promise.all(
        requests.slice(from, from + 10).map(async (request, index) => {
          const id = `request-${round}-${from + index}`;
          const miss = `DIFFERENTIAL_SEED=${seed + round} ${JSON.stringify({ ...request, body: request.body() })}`;
          const interpreted = await ask(gateway, request, id, id);
          expect(await ask(gateway, request, undefined, id), miss).toEqual(interpreted);
          expect(await ask(gateway, request, undefined, id), miss).toEqual(interpreted);
          const { data, errors = [] } = JSON.parse(interpreted.body);
          const found = errors.map(({ path, extensions }: GraphQLError) => [path, extensions['code']]);
          const isExecuted = data !== undefined;
          // Refused before its execution, for another reason than its variables.
          if (!isExecuted && found[0]?.[1] !== 'BAD_USER_INPUT') return;
          executed += isExecuted ? 1 : 0;
          expect({ data, errors: found }, miss).toEqual(await reference.execute(request.body()));
        }),
      );
    }
  }
  const { compiled, interpreted } = await operations(gateway);
  expect(compiled).toBeGreaterThan(compared / 5);
  expect(interpreted).toBeGreaterThan(compared / 2);
  expect(executed).toBeGreaterThan(compared / 2);
});

it('plans reads below others: each stage is one batch, and the cost is known before the first call', async () => {
  await using gateway = await startTestGateway();
  const query = `query ($size: Int) {
    chat(id: 2) { id messages(last: $size) { nodes { id chat { displayName } sender { address } } pageInfo { hasPreviousPage } } }
  }`;
  for (let turn = 0; turn < 2; turn++) {
    gateway.calls.length = 0;
    const { data } = await gateway.query(query, { size: 25 });
    expect(data.chat.messages.nodes).toHaveLength(25);
    expect(gateway.calls).toHaveLength(2);
  }
  expect(await operations(gateway)).toEqual({ compiled: 1, interpreted: 1 });
  gateway.calls.length = 0;
  const costly = `query ($size: Int) { ${Array.from({ length: 40 }, (_, index) => `c${index}: chat(id: ${index + 1}) { messages(last: $size) { nodes { id } } }`).join(' ')} }`;
  for (const [size, code] of [
    [1, undefined],
    [1, undefined],
    [26, 'OPERATION_TOO_COSTLY'],
  ] as const) {
    const { errors } = await gateway.query(costly, { size });
    expect(errors?.[0]?.extensions?.code).toBe(code);
    if (code !== undefined) expect(gateway.calls).toEqual([]);
    gateway.calls.length = 0;
  }
});

it('counts a page by its default size where its variable is absent, whatever the name of the variable', async () => {
  await using gateway = await startTestGateway();
  const query = `query ($ids: [ID!]!, $toString: Int) { chatsByIds(ids: $ids) { messages(last: $toString) { nodes { id } } } }`;
  for (let turn = 0; turn < 2; turn++) await gateway.query(query, { ids: [1], toString: 1 });
  gateway.calls.length = 0;
  const { errors } = await gateway.query(query, { ids: Array.from({ length: 45 }, (_, index) => index + 1) });
  expect(errors?.[0]?.message).toContain('1170 entries of lists'); // 45 chats, 45 pages of 25 messages
  expect(gateway.calls).toEqual([]);
});

it('reads nothing for an operation that is too costly, also where one of its ids is malformed', async () => {
  await using gateway = await startTestGateway();
  const query = `query ($a: [ChatMessageKey!]!, $id: ID!, $b: [ChatMessageKey!]!) {
    a: chatMessagesByKeys(keys: $a) { id } bad: chatMessage(chatId: $id, id: 1) { id } b: chatMessagesByKeys(keys: $b) { id }
  }`;
  const keys = (from: number, length: number) =>
    Array.from({ length }, (_, index) => ({ chatId: 2, id: from + index }));
  for (let turn = 0; turn < 2; turn++) await gateway.query(query, { a: keys(1, 1), b: keys(2, 1), id: 'none' });
  expect((await operations(gateway)).compiled).toBe(1);
  gateway.calls.length = 0;
  const { errors } = await gateway.query(query, { a: keys(100, 60), b: keys(200, 60), id: 'none' });
  expect(errors?.[0]?.message).toContain('120 distinct reads');
  expect(gateway.calls).toEqual([]);
});

it('refuses a list that is too long by itself, without counting what stands below each of its entries', async () => {
  await using gateway = await startTestGateway();
  const pages = Array.from({ length: 100 }, (_, index) => `p${index}: messages(last: ${index + 1}) { nodes { id } }`);
  const query = `query ($ids: [ID!]!) { chatsByIds(ids: $ids) { ${pages.join(' ')} } }`;
  const { errors } = await gateway.query(query, { ids: Array.from({ length: 20_000 }, () => 1) });
  expect(errors?.[0]?.message).toContain('has 20000 entries of lists');
});

it('keeps a bounded number of compiled operations, however many different ones are sent repeatedly', async () => {
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
  await send(0, 60);
  const before = heap();
  await send(60, 200);
  expect((await operations(gateway)).compiled).toBeGreaterThan(30);
  // All of those compiled meanwhile, if they were kept, would take some 400 kB each.
  expect(heap() - before).toBeLessThan(20_000_000);
});

it('ends the reads of a caller that disconnects, without a log line', async () => {
  await using gateway = await startTestGateway({ LOG_LEVEL: 'info' });
  const query = 'query ($id: ID!) { chatMessage(chatId: 504, id: $id) { id } }';
  const { port } = new URL(gateway.url);
  for (const id of ['1', '2']) {
    await gateway.query(query, { id }, { 'x-request-timeout-ms': '50' }); // seen before
  }
  gateway.log.length = 0;
  const { compiled } = await operations(gateway);
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
  await gateway.metric('graphql_operations_total{executor="compiled"}', compiled + 20);
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
  const options = {
    token: 'a-token',
    timeoutMs: 10_000,
    cacheTtlMs: 0,
    maxReads: 100,
    explain: false,
    onBatch: () => {},
    reportDrift: () => {},
  };
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
          caller: undefined,
          chats: undefined,
        }),
      });
      // In front of this schema graphql-js raises errors without a code for arguments alone.
      const codeOf = (error: GraphQLError) =>
        error.originalError instanceof GraphQLError && error.extensions['code'] === undefined
          ? 'BAD_USER_INPUT'
          : publicError(error, { requestId: 'reference' }, log, { suggestions: true }).extensions['code'];
      const found = inOrder(errors, data).map((error) => [error.path, codeOf(error)]);
      return { data, errors: found };
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function ask(gateway: TestGateway, { body, headers }: Request, comment: string | undefined, requestId: string) {
  const response = await gateway.send({
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers, 'x-request-id': requestId },
    body: body(comment),
  });
  const { date, 'content-length': length, ...rest } = response.headers;
  expect(Buffer.byteLength(response.body)).toBe(Number(length));
  // How long reads took, and whether a request at the same time shared one, differs from response to response.
  const text = response.body
    .replaceAll(/"(waitMs|durationMs|shared)":(true|false|[\d.]+)/g, '"$1":null')
    // Reads below others begin when those end.
    .replace(
      /"reads":\[(.*)\]/,
      (_, reads: string) =>
        `"reads":[${reads
          .split(/(?<=\}),/)
          .toSorted()
          .join()}]`,
    );
  return { ...response, headers: rest, body: text };
}

async function operations(gateway: TestGateway): Promise<{ compiled: number; interpreted: number }> {
  const { body } = await gateway.send({ path: '/metrics' });
  const count = (executor: string) =>
    Number(new RegExp(`graphql_operations_total{executor="${executor}"} (\\d+)`).exec(body)?.[1]);
  return { compiled: count('compiled'), interpreted: count('interpreted') };
}
