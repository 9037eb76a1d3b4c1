import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createGateway } from '../../src/gateway.ts';
import { readTrustedDocuments } from '../../src/graphql/trusted-documents.ts';
import { type SandboxCall, startSandbox } from '../../src/sandbox/sandbox.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { close, listen } from '../support/gateway.ts';
import { outcomeOf, start } from '../support/process.ts';

const byId = 'query ById($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { id } }';
const two = 'query One { chatMessage(chatId: 2, id: 1) { id } } query Two { chatMessage(chatId: 2, id: 2) { id } }';
const costly = `{ ${Array.from({ length: 201 }, (_, index) => `a${index}: __typename`).join(' ')} }`;
const documents = { 'sha256:1': byId, two, costly, __proto__x: '{ __typename }' };
const variables = { chatId: '2', id: '5' };
const example = { data: { chatMessage: { id: '5' } } };

const manifests = {
  Relay: documents,
  'graphql-codegen': Object.fromEntries(Object.entries(documents)),
  Apollo: {
    format: 'apollo-persisted-query-manifest',
    version: 1,
    operations: Object.entries(documents).map(([id, body]) => ({ id, body, name: 'ById', type: 'query' })),
  },
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trusted-documents-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function written(content: string): string {
  const file = join(folder, `${files++}.json`);
  writeFileSync(file, content);
  return file;
}

/** The gateway as src/server.ts puts it together, in front of a sandbox. */
async function startGateway(manifest: object = documents, env: Record<string, string> = {}) {
  const calls: SandboxCall[] = [];
  const sandbox = await startSandbox({ onCall: (call) => calls.push(call) });
  const config = readConfig({ LINQ_API_URL: sandbox.origin, LINQ_INTEGRATION_TOKEN: 'own', ...env });
  const trusted = readTrustedDocuments(written(JSON.stringify(manifest)));
  const gateway = createGateway(config, createLog('silent'), { documents: trusted });
  const server = createServer(gateway.handle);
  const origin = await listen(server);
  return {
    calls,
    post: async (params: unknown, headers: Record<string, string> = {}) => {
      const response = await fetch(`${origin}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(params),
      });
      return { status: response.status, ...((await response.json()) as { data?: unknown; errors?: object[] }) };
    },
    get: async (params: Record<string, string>) => {
      const response = await fetch(`${origin}/graphql?${new URLSearchParams(params)}`);
      return { status: response.status, ...((await response.json()) as { data?: unknown; errors?: object[] }) };
    },
    metrics: async () => (await fetch(`${origin}/metrics`)).text(),
    async [Symbol.asyncDispose]() {
      await close(server);
      await gateway.close();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

it.each(Object.entries(manifests))('a manifest as %s writes it is read', async (_tool, manifest) => {
  await using gateway = await startGateway(manifest);
  expect(await gateway.post({ documentId: 'sha256:1', variables })).toEqual({ status: 200, ...example });
  expect(await gateway.post({ documentId: '__proto__x' })).toEqual({ status: 200, data: { __typename: 'Query' } });
});

const ways: [what: string, params: (id: string) => Record<string, unknown>][] = [
  ['documentId', (documentId) => ({ documentId })],
  ['id', (id) => ({ id })],
  ['doc_id', (doc_id) => ({ doc_id })],
  ['extensions.persistedQuery', (sha256Hash) => ({ extensions: { persistedQuery: { version: 1, sha256Hash } } })],
];

describe.each(ways)('an id sent as %s', (_what, idOf) => {
  it('runs its document, by POST and by GET, on the fast path as well', async () => {
    await using gateway = await startGateway();
    for (let turn = 0; turn < 4; turn++) {
      expect(await gateway.post({ ...idOf('sha256:1'), variables })).toEqual({ status: 200, ...example });
      const byGet = Object.entries({ ...idOf('sha256:1'), variables }).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]);
      expect(await gateway.get(Object.fromEntries(byGet))).toEqual({ status: 200, ...example });
    }
    expect(gateway.calls).toHaveLength(8);
  });

  it('runs the operation of its document that is named', async () => {
    await using gateway = await startGateway();
    for (let turn = 0; turn < 3; turn++) {
      for (const [operationName, id] of [
        ['One', '1'],
        ['Two', '2'],
      ]) {
        const answer = await gateway.post({ ...idOf('two'), operationName });
        expect(answer).toEqual({ status: 200, data: { chatMessage: { id } } });
      }
    }
  });

  it.each(['unknown', '', 'sha256:1 ', 'SHA256:1', '__proto__', 'constructor', byId])(
    'is refused when no document has it: "%s"',
    async (id) => {
      await using gateway = await startGateway();
      for (let turn = 0; turn < 3; turn++) {
        const answer = await gateway.post({ ...idOf(id), variables });
        expect(answer).toMatchObject({ status: 400, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
        expect(answer.data).toBeUndefined();
        expect(JSON.stringify(answer)).not.toContain('chatMessage(');
      }
      expect(gateway.calls).toEqual([]);
    },
  );

  it('runs its document, not one that is sent with it', async () => {
    await using gateway = await startGateway();
    const query = '{ chatMessage(chatId: 2, id: 77) { id } }';
    for (let turn = 0; turn < 3; turn++) {
      expect(await gateway.post({ query, ...idOf('sha256:1'), variables })).toEqual({ status: 200, ...example });
      expect((await gateway.post({ query, ...idOf('unknown') })).status).toBe(400);
    }
    expect(gateway.calls.every(({ path }) => path.endsWith('/5'))).toBe(true);
  });
});

describe('anything else than an id', () => {
  it.each([
    ['a document', { query: '{ chatMessage(chatId: 2, id: 5) { id } }' }],
    ['the text of a document that is trusted', { query: byId, variables }],
    ['introspection', { query: '{ __schema { queryType { name } } }' }],
    ['nothing', {}],
    ['an id that is a number', { documentId: 1, query: byId, variables }],
    ['an id that is null', { documentId: null, query: byId, variables }],
    ['an id that is a list', { documentId: ['sha256:1'], query: byId, variables }],
    ['extensions that are none', { extensions: 'persistedQuery', query: byId, variables }],
    ['extensions that are null', { extensions: null, query: byId, variables }],
    ['a persisted query that is null', { extensions: { persistedQuery: null }, query: byId, variables }],
    ['a batch', [{ documentId: 'sha256:1', variables }]],
    [
      'the registration of a persisted query',
      { query: '{ __typename }', extensions: { persistedQuery: { version: 1, sha256Hash: 'new' } } },
    ],
  ])('is refused: %s', async (_what, params) => {
    await using gateway = await startGateway();
    for (let turn = 0; turn < 4; turn++) {
      const answer = await gateway.post(params);
      expect(answer).toMatchObject({ status: 400, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
      expect(answer.data).toBeUndefined();
    }
    expect(await gateway.get({ query: '{ __typename }' })).toMatchObject({ status: 400 });
    expect(gateway.calls).toEqual([]);
  });
});

it('trusted documents are subject to the limits and need a credential like any other', async () => {
  await using gateway = await startGateway(documents, { GATEWAY_API_KEYS: 'key' });
  const key = { authorization: 'Bearer key' };
  expect(await gateway.post({ documentId: 'sha256:1', variables })).toMatchObject({ status: 401 });
  expect(await gateway.post({ documentId: 'sha256:1', variables }, key)).toMatchObject(example);
  expect(await gateway.post({ documentId: 'costly' }, key)).toMatchObject({
    errors: [{ extensions: { code: 'OPERATION_TOO_COSTLY' } }],
  });
});

it('a repeated id is executed on the fast path', async () => {
  await using gateway = await startGateway();
  for (let turn = 0; turn < 5; turn++) await gateway.post({ documentId: 'sha256:1', variables });
  expect(await gateway.metrics()).toContain('graphql_operations_total{executor="compiled"} 4\n');
});

describe('a manifest that cannot be read stops the start, with exit code 78 and a line that names TRUSTED_DOCUMENTS', () => {
  function startWith(file: string): Promise<{ code: number | null; errors: string }> {
    const server = start({ TRUSTED_DOCUMENTS: file }, ['sandbox']);
    server.stdout.once('data', () => server.kill()); // it did start
    return outcomeOf(server);
  }

  it.each([
    ['that does not exist', undefined],
    ['that is not JSON', 'query { __typename }'],
    ['with an entry that is no text', '{"a": 1}'],
  ])('one %s', async (_what, content) => {
    const file = content === undefined ? join(folder, 'nowhere.json') : written(content);
    const { code, errors } = await startWith(file);
    expect(code).toBe(78);
    expect(errors.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^TRUSTED_DOCUMENTS must be a manifest of documents, got /),
    ]);
  });

  it.each([
    ['that is empty', ''],
    ['that is null', 'null'],
    ['that is a text', '"a"'],
    ['that is of Apollo and has an operation without a body', '{"operations": [{"id": "a"}]}'],
    ['that is of Apollo and has an operation without an id', '{"operations": [{"body": "{ __typename }"}]}'],
    ['that is of Apollo and has null for an operation', '{"operations": [null]}'],
  ])('or one %s', (_what, content) => {
    expect(() => readTrustedDocuments(written(content))).toThrow();
  });

  // readTrustedDocuments takes the elements of a list for documents, with their places as ids.
  it('one that is a list', async () => {
    expect(() => readTrustedDocuments(written('["{ __typename }"]'))).toThrow();
  });

  // server.ts prints the message of JSON.parse, which quotes the file, line breaks included.
  it('without showing its content, which may be that of any file by mistake', async () => {
    const { code, errors } = await startWith(written('hunter2\nhunter3\n'));
    expect(code).toBe(78);
    expect(errors.trimEnd().split('\n')).toHaveLength(1);
    expect(errors).not.toContain('hunter');
  });
});
