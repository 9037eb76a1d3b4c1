import { type Audit, serverAudits } from 'graphql-http';
import { expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const everythingOn = {
  GATEWAY_API_KEYS: 'the-key-of-an-older-day,the-key-of-the-audits',
  CORS_ORIGINS: 'https://app.example.com',
  GRAPHIQL: 'true',
  INTROSPECTION: 'true',
};
const audits = auditsOf('http://localhost');

it('knows all audits of GraphQL over HTTP', () => {
  expect(new Set(audits.map(({ id }) => id)).size).toBe(61);
});

it.each(audits)('$id: $name', async ({ id }) => {
  await using gateway = await startTestGateway(everythingOn);
  expect(await run(id, gateway)).toEqual('ok');
});

it.each(audits)('$id, when its request was seen before: $name', async ({ id }) => {
  await using gateway = await startTestGateway(everythingOn);
  for (let turn = 0; turn < 3; turn++) expect(await run(id, gateway)).toEqual('ok');
});

it('responds to repeated requests of the audits on the fast path', async () => {
  await using gateway = await startTestGateway(everythingOn);
  for (const { id } of [...audits, ...audits]) await run(id, gateway);
  const { body } = await gateway.send({ path: '/metrics' });
  expect(Number(/graphql_operations_total\{executor="compiled"\} (\d+)/.exec(body)?.[1])).toBeGreaterThan(30);
});

/** What is wrong, in words; `ok` if nothing is. A mere recommendation counts too. */
async function run(id: string, gateway: TestGateway): Promise<string> {
  const audit = auditsOf(gateway.url).find((known) => known.id === id);
  const result = await audit?.fn();
  if (result?.status === 'ok') return 'ok';
  return `${result?.status}: ${result?.reason}, got ${result?.response.status}`;
}

function auditsOf(url: string): Audit[] {
  return serverAudits({
    url,
    fetchFn: (input: string, init: RequestInit = {}) => {
      const headers = new Headers(init.headers);
      headers.set('authorization', 'Bearer the-key-of-the-audits');
      return fetch(input, { ...init, headers });
    },
  });
}
