import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { PersistedQueries } from '../../src/graphql/persisted-queries.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const extensionFor = (query: string, more: object = {}) => ({
  extensions: { persistedQuery: { version: 1, sha256Hash: sha256(query), ...more } },
});

const query = 'query ($id: ID!) { chatMessage(chatId: 2, id: $id) { id } }';
const variables = { id: '5' };
const found = { data: { chatMessage: { id: '5' } } };
const notFound = {
  message: 'PersistedQueryNotFound',
  extensions: { code: 'PERSISTED_QUERY_NOT_FOUND', retryable: false, requestId: expect.any(String) },
};

const accepted = ['application/json', 'application/graphql-response+json'];
type Send = (gateway: TestGateway, params: object, accept?: string) => Promise<{ status: number; body: unknown }>;

const post: Send = async (gateway, params, accept = 'application/json') => {
  const headers = { 'content-type': 'application/json', accept };
  const { status, body } = await gateway.send({ method: 'POST', headers, body: JSON.stringify(params) });
  return { status, body: JSON.parse(body) };
};

const get: Send = async (gateway, params, accept = 'application/json') => {
  const search = Object.entries(params).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const path = `/graphql?${new URLSearchParams(Object.fromEntries(search))}`;
  const { status, body } = await gateway.send({ path, headers: { accept } });
  return { status, body: JSON.parse(body) };
};

/** The counts of /metrics by the value of the last label. */
async function counts(gateway: TestGateway, metric: string): Promise<Record<string, number>> {
  const { body } = await gateway.send({ path: '/metrics' });
  const lines = body.matchAll(new RegExp(`^${metric}\\{.*"(.+)"\\} (\\d+)$`, 'gm'));
  return Object.fromEntries([...lines].map(([, value, count]) => [value, Number(count)]));
}

describe.each([
  ['POST', post],
  ['GET', get],
])('by %s', (_method, send) => {
  it.each(accepted)('an unknown hash is PERSISTED_QUERY_NOT_FOUND with status 200 for %s', async (accept) => {
    await using gateway = await startTestGateway();
    for (let turn = 0; turn < 3; turn++) {
      const { status, body } = await send(gateway, { variables, ...extensionFor(query) }, accept);
      expect(status).toBe(200);
      expect(body).toEqual({ errors: [notFound] });
    }
    expect(gateway.calls).toEqual([]);
    expect(await counts(gateway, 'graphql_persisted_queries_total')).toEqual({ hit: 0, miss: 3, registered: 0 });
  });

  it('a hash that was sent with its query replaces it from then on', async () => {
    await using gateway = await startTestGateway();
    expect(await send(gateway, { query, variables, ...extensionFor(query) })).toEqual({ status: 200, body: found });
    for (let turn = 0; turn < 4; turn++) {
      expect(await send(gateway, { variables, ...extensionFor(query) })).toEqual({ status: 200, body: found });
    }
    expect(await send(gateway, { query, variables, ...extensionFor(query) })).toEqual({ status: 200, body: found });
    expect(await counts(gateway, 'graphql_persisted_queries_total')).toEqual({ hit: 4, miss: 0, registered: 1 });
  });

  it('a hash of another text is refused and registers nothing', async () => {
    await using gateway = await startTestGateway();
    const other = '{ __typename }';
    for (let turn = 0; turn < 2; turn++) {
      expect(await send(gateway, { query: other, ...extensionFor(query) })).toMatchObject({
        status: 400,
        body: { errors: [{ message: expect.stringContaining('SHA-256'), extensions: { code: 'BAD_REQUEST' } }] },
      });
    }
    expect((await send(gateway, extensionFor(query))).body).toEqual({ errors: [notFound] });
    expect((await send(gateway, extensionFor(other))).body).toEqual({ errors: [notFound] });
    await send(gateway, { query, variables, ...extensionFor(query) });
    expect(await send(gateway, { query: other, ...extensionFor(query) })).toMatchObject({ status: 400 });
    expect((await send(gateway, { variables, ...extensionFor(query) })).body).toEqual(found);
  });

  it.each([
    ['another version', { version: 2 }],
    ['a version that is text', { version: '1' }],
    ['no version', { version: undefined }],
    ['a hash that is too short', { sha256Hash: sha256(query).slice(1) }],
    ['a hash that is too long', { sha256Hash: `${sha256(query)}0` }],
    ['a hash that is not hexadecimal', { sha256Hash: 'g'.repeat(64) }],
    ['a hash that is a number', { sha256Hash: 1 }],
    ['a hash that is a name of Object.prototype', { sha256Hash: '__proto__' }],
    ['no hash', { sha256Hash: undefined }],
  ])('%s is a BAD_REQUEST, with a query and without', async (_what, more) => {
    await using gateway = await startTestGateway();
    for (const params of [extensionFor(query, more), { query, variables, ...extensionFor(query, more) }]) {
      for (let turn = 0; turn < 2; turn++) {
        expect(await send(gateway, params)).toMatchObject({
          status: 400,
          body: { errors: [{ message: expect.stringContaining('sha256Hash'), extensions: { code: 'BAD_REQUEST' } }] },
        });
      }
    }
    expect(gateway.calls).toEqual([]);
  });

  it('a hash in upper case is the same, and other extensions are ignored', async () => {
    await using gateway = await startTestGateway();
    const upper = extensionFor(query, { sha256Hash: sha256(query).toUpperCase() });
    await send(gateway, { query, variables, ...upper });
    // urql says in the second request that the first was a miss.
    expect((await send(gateway, { query, variables, ...extensionFor(query, { miss: true }) })).body).toEqual(found);
    const { extensions } = extensionFor(query);
    const params = { variables, extensions: { ...extensions, clientLibrary: { name: '@apollo/client' } } };
    for (let turn = 0; turn < 3; turn++) expect((await send(gateway, params)).body).toEqual(found);
  });

  it('the named operation is executed', async () => {
    await using gateway = await startTestGateway();
    const two = 'query A { chatMessage(chatId: 2, id: 1) { id } } query B { chatMessage(chatId: 2, id: 2) { id } }';
    await send(gateway, { query: two, operationName: 'A', ...extensionFor(two) });
    for (let turn = 0; turn < 3; turn++) {
      for (const [operationName, id] of Object.entries({ A: '1', B: '2' })) {
        const { body } = await send(gateway, { operationName, ...extensionFor(two) });
        expect(body).toEqual({ data: { chatMessage: { id } } });
      }
    }
  });
});

it('is shared by all callers and methods, each of which needs its own credential', async () => {
  await using gateway = await startTestGateway({ GATEWAY_API_KEYS: 'first,second' });
  const send = async (params: object, headers: Record<string, string>) => {
    const body = JSON.stringify(params);
    const all = { 'content-type': 'application/json', ...headers };
    return JSON.parse((await gateway.send({ method: 'POST', headers: all, body })).body);
  };
  const alone = { variables, ...extensionFor(query) };
  expect(await send({ query, ...alone }, {})).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  expect(await send(alone, { authorization: 'Bearer first' })).toEqual({ errors: [notFound] });
  expect(await send({ query, ...alone }, { authorization: 'Bearer first' })).toEqual(found);
  expect(await send(alone, { authorization: 'Bearer second' })).toEqual(found);
});

it('a hash alone is executed on the fast path', async () => {
  await using gateway = await startTestGateway();
  await post(gateway, { query, variables, ...extensionFor(query) });
  for (let turn = 0; turn < 5; turn++) {
    expect((await post(gateway, { variables, ...extensionFor(query) })).body).toEqual(found);
  }
  expect(await counts(gateway, 'graphql_operations_total')).toEqual({ compiled: 5, interpreted: 1 });
  expect(await counts(gateway, 'graphql_persisted_queries_total')).toEqual({ hit: 5, miss: 0, registered: 1 });
});

it('a persisted query is subject to the limits and the rules of documents', async () => {
  await using gateway = await startTestGateway();
  for (const [text, code] of [
    [`{ ${Array.from({ length: 201 }, (_, index) => `a${index}: __typename`).join(' ')} }`, 'OPERATION_TOO_COSTLY'],
    ['{ nope }', 'GRAPHQL_VALIDATION_FAILED'],
    ['{', 'GRAPHQL_PARSE_FAILED'],
  ] as const) {
    await post(gateway, { query: text, ...extensionFor(text) });
    expect((await post(gateway, extensionFor(text))).body).toMatchObject({ errors: [{ extensions: { code } }] });
  }
});

it('a hash with null for the query, or an empty one, is a hash alone; with a query that is no text, it is refused', async () => {
  await using gateway = await startTestGateway();
  await post(gateway, { query, variables, ...extensionFor(query) });
  expect((await post(gateway, { query: null, variables, ...extensionFor(query) })).body).toEqual(found);
  expect((await post(gateway, { query: '', variables, ...extensionFor(query) })).body).toEqual(found);
  expect(await post(gateway, { query: 7, variables, ...extensionFor(query) })).toMatchObject({
    status: 400,
    body: { errors: [{ extensions: { code: 'BAD_REQUEST' } }] },
  });
});

it('null for the persisted query counts as none, and a value that is not an object is refused', async () => {
  await using gateway = await startTestGateway();
  for (let turn = 0; turn < 3; turn++) {
    expect((await post(gateway, { query, variables, extensions: { persistedQuery: null } })).body).toEqual(found);
    for (const persistedQuery of [1, 'text', [], true]) {
      const { status } = await post(gateway, { query, variables, extensions: { persistedQuery } });
      expect(status).toBe(400);
    }
  }
});

describe('what is kept', () => {
  const heap = () => {
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  const textOf = (index: number, length: number) =>
    `{ chatMessage(chatId: 2, id: ${index}) { id } } #`.padEnd(length, 'é');
  const queries = () => {
    const record = () => ({ persistedQuery: undefined });
    const kept = new PersistedQueries(() => {});
    return {
      register: (text: string) => kept.resolve({ query: text, ...extensionFor(text) }, record()),
      isKnown: (text: string) => {
        try {
          return kept.resolve(extensionFor(text), record()).query === text;
        } catch {
          return false;
        }
      },
    };
  };

  it.each([
    [20_000, 500],
    [20_000, 2_000],
    [500, 100_000],
  ])('is bounded: %i queries of %i characters leave at most 20 MB', (count, length) => {
    const kept = queries();
    const before = heap();
    for (let index = 0; index < count; index++) kept.register(textOf(index, length));
    expect(heap() - before).toBeLessThan(20_000_000);
    expect(kept.isKnown(textOf(count - 1, length))).toBe(true);
    expect(kept.isKnown(textOf(0, length))).toBe(false);
  });

  it('is the most recently used queries', () => {
    const kept = queries();
    const used = textOf(0, 100);
    kept.register(used);
    for (let index = 1; index < 20_000; index++) {
      kept.register(textOf(index, 100));
      if (index % 1_000 === 0) expect(kept.isKnown(used)).toBe(true);
    }
    expect(kept.isKnown(textOf(1, 100))).toBe(false);
  });

  it('is bounded in a running gateway, and so is the heap', async () => {
    await using gateway = await startTestGateway({ LOG_LEVEL: 'silent' });
    const register = async (from: number, to: number) => {
      for (let index = from; index < to; index++) {
        const text = `{ __typename } # ${index}`.padEnd(40_000, 'é');
        await post(gateway, { query: text, ...extensionFor(text) });
      }
    };
    await register(0, 200); // of which about 120 are kept
    const before = heap();
    await register(200, 1_000);
    expect(heap() - before).toBeLessThan(20_000_000);
    expect((await counts(gateway, 'graphql_persisted_queries_total'))['registered']).toBe(1_000);
  });
});
