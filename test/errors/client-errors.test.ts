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

describe('what is wrong with a request is told with what to do next:', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  it.each<[what: string, request: Parameters<TestGateway['send']>[0], next: RegExp]>([
    ['no JSON', post('{'), /send an object, such as/],
    ['no object', post('1'), /must be a JSON object, such as/],
    ['a batch', post('[{"query":"{ __typename }"}]'), /Send one operation/],
    ['a large body', post(' '.repeat(200_000)), /ask for less/],
    ['another body', { method: 'POST', body: '{}' }, /send it with the header/],
    ['no query', post('{}'), /Send the document as "query"/],
    ['a query that is none', post('{"query":1}'), /Expected "query" param to be a string/],
    ['variables that are none', asking('{ __typename }', { variables: [] }), /Expected "variables" param to be/],
    ['an unknown parameter', asking('{ __typename }', { x: 1 }), /Send "query", "operationName"/],
    ['an unknown operation', asking('query A { __typename }', { operationName: 'B' }), /as "operationName"/],
    ['no operation', asking('fragment F on Query { __typename }'), /needs an operation/],
    ['no GraphQL', asking('{'), /Syntax Error: .* Mend the document there/],
    [
      'a missing variable',
      asking('query ($id: ID!) { chatMessage(chatId: 1, id: $id) { id } }'),
      /Send it in "variables"/,
    ],
    ['a mutation', asking('mutation { x }'), /Send a query/],
    ['a mutation by GET', { path: '/graphql?query=mutation%7Bx%7D' }, /Send a query/],
    ['another method', { method: 'PUT' }, /only supports GET and POST requests\. Send a POST/],
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

it('a hidden schema is told with where to ask for it', async () => {
  await using gateway = await startTestGateway({ INTROSPECTION: 'false' });
  for (const query of ['{ __schema { description } }', '{ _sdl }']) {
    expect(await messageFor(gateway, asking(query))).toMatch(/Ask who runs this gateway/);
  }
});

it('a missing credential is told with where to put it', async () => {
  await using gateway = await startTestGateway({ GATEWAY_API_KEYS: 'key' });
  expect(await messageFor(gateway, asking('{ __typename }'))).toMatch(/send it in the header "authorization: Bearer/);
});

it('a credential that cannot be checked is told with when to come back', async () => {
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
  expect(answer).toMatch(/Ask again later/);
  await close(issuer);
});

describe('a read that failed is told with what to do next:', () => {
  it.each([
    ['401', /send another in the X-LINQ-INTEGRATION-TOKEN header/],
    ['403', /check the chatId, or send another token/],
    ['4290', /Wait, retryAfterMs/],
    ['500', /Ask again later/],
    ['504', /Ask again/],
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
