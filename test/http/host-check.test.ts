import { expect, it } from 'vitest';
import { startTestGateway } from '../support/gateway.ts';

const path = '/graphql?query=%7B__typename%7D';

it.each([
  'evil.example',
  'evil.example:4000',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  '10.0.0.1',
  'a@localhost',
  '[::2]',
])('refuses a request for host %s with 421 while it trusts whoever sits at this machine', async (host) => {
  await using gateway = await startTestGateway();
  for (const headers of [{ host }, { host, accept: 'text/html' }] as Record<string, string>[]) {
    const answer = await gateway.send({ path, headers });
    expect(answer.status).toBe(421);
    expect(JSON.parse(answer.body).errors[0].extensions).toEqual({
      code: 'BAD_REQUEST',
      retryable: false,
      requestId: answer.headers['x-request-id'],
    });
  }
});

it.each([
  'localhost',
  'localhost:4000',
  'LOCALHOST',
  'gateway.localhost:1',
  '127.0.0.1',
  '127.9.9.9:80',
  '[::1]',
  '[::1]:4000',
])('answers a request for host %s', async (host) => {
  await using gateway = await startTestGateway();
  expect((await gateway.send({ path, headers: { host } })).status).toBe(200);
});

it.each([{ GATEWAY_ALLOW_ANONYMOUS: 'true' }, { LINQ_INTEGRATION_TOKEN: '' }])(
  'answers any host with %o',
  async (env) => {
    await using gateway = await startTestGateway(env);
    expect((await gateway.send({ path, headers: { host: 'gateway.example' } })).status).toBe(200);
  },
);

it.each([
  ['^^', path],
  ['a b', path],
  ['localhost:99999', '/'],
  ['localhost', 'http://localhost/graphql'],
])('refuses host "%s" with path %s, which make no URL, with 400 in our words', async (host, requestPath) => {
  await using gateway = await startTestGateway();
  const answer = await gateway.send({ path: requestPath, headers: { host } });
  expect(answer.status).toBe(400);
  expect(JSON.parse(answer.body).errors[0]).toMatchObject({ extensions: { code: 'BAD_REQUEST' } });
});
