import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { close, listen, startTestGateway, type TestGateway } from '../support/gateway.ts';

const post = (body: string, headers: Record<string, string> = {}) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body,
});
const asking = (query: string, more: object = {}) => post(JSON.stringify({ query, ...more }));

/** The message of the first error. */
async function messageFor(gateway: TestGateway, request: Parameters<TestGateway['send']>[0]): Promise<string> {
  return JSON.parse((await gateway.send(request)).body).errors[0].message;
}

describe('a refusal worded by the gateway says what to do next:', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  it.each<[what: string, request: Parameters<TestGateway['send']>[0], next: RegExp]>([
    ['no JSON', post('{'), /send an object, such as/],
    ['no object', post('1'), /must be a JSON object, such as/],
    ['a large body', post(' '.repeat(200_000)), /ask for less/],
    ['another body', { method: 'POST', body: '{}' }, /send it with the header/],
    ['no query', post('{}'), /send the document as "query"/],
    ['a wrong timeout', post('{"query":"{ __typename }"}', { 'x-request-timeout-ms': 'x' }), /must be a whole number/],
    ['an unknown host', { headers: { host: 'evil.example' } }, /address it as localhost/],
    ['no host', { headers: { host: 'a b' } }, /send plain ones, such as/],
    ['a foreign page', { headers: { 'sec-fetch-site': 'cross-site' } }, /send a POST/],
    ['another type', { headers: { accept: 'image/png' } }, /accept one/],
    ['too many aliases', asking(`{ ${'a: __typename '.repeat(201)}}`), /Ask for less/],
    ['too much nesting', asking('{a'.repeat(5_000)), /ask for fewer|Ask for less/],
    ['too much introspection', asking(`{ ${'__schema { types { name } } '.repeat(11)}}`), /Ask for less/],
    ['an id that is none', asking('{ chatMessage(chatId: 1, id: "x") { id } }'), /must be a decimal integer from 1 to/],
  ])('%s', async (_what, request, next) => {
    expect(await messageFor(gateway, request)).toMatch(next);
    expect(gateway.calls).toEqual([]);
  });
});

describe('a refusal worded by Yoga or graphql-js names what is wrong:', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  it.each<[what: string, request: Parameters<TestGateway['send']>[0], wrong: RegExp]>([
    ['a batch', post('[{"query":"{ __typename }"}]'), /Batching is not supported/],
    ['a query of the wrong type', post('{"query":1}'), /Expected "query" param to be a string/],
    ['variables of the wrong type', asking('{ __typename }', { variables: [] }), /Expected "variables" param to be/],
    ['an unknown operation', asking('query A { __typename }', { operationName: 'B' }), /what operation to execute/],
    [
      'no operation',
      asking('fragment F on Query { __typename }'),
      /Fragment "F" is never used|what operation to execute/,
    ],
    ['a syntax error', asking('{'), /^Syntax Error: Expected Name, found <EOF>\.$/],
    [
      'a missing variable',
      asking('query ($id: ID!) { chatMessage(chatId: 1, id: $id) { id } }'),
      /Variable "\$id" .*type "ID!"/,
    ],
    ['a mutation', asking('mutation { x }'), /mutation/],
    ['a mutation by GET', { path: '/graphql?query=mutation%7Bx%7D' }, /mutation/],
    ['another method', { method: 'PUT' }, /only supports GET and POST requests/],
  ])('%s', async (_what, request, wrong) => {
    expect(await messageFor(gateway, request)).toMatch(wrong);
    expect(gateway.calls).toEqual([]);
  });
});

it('a refused introspection says where to get the schema', async () => {
  await using gateway = await startTestGateway({ INTROSPECTION: 'false' });
  for (const query of ['{ __schema { description } }', '{ _sdl }']) {
    expect(await messageFor(gateway, asking(query))).toMatch(/Ask the operator of this gateway/);
  }
});

it('a missing credential is refused with how to send one', async () => {
  await using gateway = await startTestGateway({ GATEWAY_API_KEYS: 'key' });
  expect(await messageFor(gateway, asking('{ __typename }'))).toMatch(/send it in the header "authorization: Bearer/);
});

it('a credential that cannot be checked is refused with when to retry', async () => {
  const issuer = createServer((_request, response) => response.writeHead(500).end());
  const origin = await listen(issuer);
  await using gateway = await startTestGateway({
    GATEWAY_JWKS_URL: `${origin}/keys`,
    GATEWAY_JWT_ISSUER: 'a',
    GATEWAY_JWT_AUDIENCE: 'b',
  });
  const token = `${btoa('{"alg":"RS256"}')}.${btoa('{"exp":1}')}.c2ln`.replaceAll('=', '');
  const { headers, ...request } = asking('{ __typename }');
  const answer = await messageFor(gateway, { ...request, headers: { ...headers, authorization: `Bearer ${token}` } });
  expect(answer).toMatch(/Retry later/);
  await close(issuer);
});

describe('a read that failed says what to do next:', () => {
  it.each([
    ['401', /send another in the X-LINQ-INTEGRATION-TOKEN header/],
    ['403', /Check the ids, or send another token/],
    ['4290', /Retry after retryAfterMs/],
    ['500', /Retry later/],
    ['504', /in time\. Retry/],
    ['600', /Report it with the requestId/],
  ])('chat %s', async (chatId, next) => {
    await using gateway = await startTestGateway({ LINQ_TIMEOUT_MS: '500' });
    expect(await messageFor(gateway, asking(`{ chatMessage(chatId: ${chatId}, id: 7) { id } }`))).toMatch(next);
  });

  it('no token', async () => {
    await using gateway = await startTestGateway({ LINQ_INTEGRATION_TOKEN: '' });
    const message = await messageFor(gateway, asking('{ chatMessage(chatId: 1, id: 7) { id } }'));
    expect(message).toMatch(/send one in the X-LINQ-INTEGRATION-TOKEN header/);
  });
});
