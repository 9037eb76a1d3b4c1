import { createServer } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { close, listen, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { startUpstream } from '../support/upstream.ts';

const statusOf = async (gateway: TestGateway, path: string) => (await gateway.send({ path })).status;

it('is alive but not ready before it is opened', async () => {
  const gateway = createGateway(readConfig({}), createLog('silent'));
  const server = createServer(gateway.handle);
  const origin = await listen(server);
  const ask = async (path: string) => (await fetch(origin + path)).status;
  expect([await ask('/livez'), await ask('/readyz')]).toEqual([200, 503]);
  gateway.open();
  expect([await ask('/livez'), await ask('/readyz')]).toEqual([200, 200]);
  await close(server);
  await gateway.close();
});

it('stays ready while Linq is down, even when the breaker is open', async () => {
  await using gateway = await startTestGateway({ LINQ_API_URL: 'http://127.0.0.1:1' });
  const fields = Array.from({ length: 20 }, (_, index) => `m${index}: chatMessage(chatId: ${index + 1}, id: 5) { id }`);
  const isOpen = async () =>
    (await gateway.send({ path: '/metrics' })).body.includes('linq_breaker_state{state="open"} 1\n');
  while (!(await isOpen())) await gateway.query(`{ ${fields.join(' ')} }`);
  expect([await statusOf(gateway, '/livez'), await statusOf(gateway, '/readyz')]).toEqual([200, 200]);
});

it('is no longer ready once it drains, and each response closes its connection', async () => {
  await using gateway = await startTestGateway();
  const query = { method: 'POST', headers: { 'content-type': 'application/json', connection: 'keep-alive' } };
  const body = JSON.stringify({ query: '{ chatMessage(chatId: 1, id: 224) { id } }' });
  for (let turn = 0; turn < 3; turn++)
    expect((await gateway.send({ ...query, body })).headers.connection).toBe('keep-alive');
  void gateway.drain();
  expect([await statusOf(gateway, '/livez'), await statusOf(gateway, '/readyz')]).toEqual([200, 503]);
  for (const each of [body, JSON.stringify({ query: '{ chatMessage(chatId: 1, id: 224) { id text } }' }), '{']) {
    const answer = await gateway.send({ ...query, body: each });
    expect(answer.headers.connection).toBe('close');
  }
});

it.each([
  ['compiled', '*/*'],
  ['interpreted', 'application/json;q=1'],
])('closes the connection of a request that was under way, %s, when it began to drain', async (_executor, accept) => {
  const asked: (() => void)[] = [];
  await using upstream = await startUpstream((response, _request, id) => {
    if (id === '1') response.writeHead(404).end();
    else asked.push(() => response.end(`{"data":{"id":${id}}}`));
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const ask = (id: string) =>
    gateway.send({
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'keep-alive', accept },
      body: JSON.stringify({ query: 'query ($id: ID!) { chatMessage(chatId: 1, id: $id) { id } }', variables: { id } }),
    });
  for (let turn = 0; turn < 2; turn++) expect((await ask('1')).headers.connection).toBe('keep-alive'); // seen before
  const answer = ask('7');
  while (asked.length === 0) await setImmediate();
  await gateway.drain();
  asked[0]?.();
  expect((await answer).headers.connection).toBe('close');
});

it('waits before it stops so that load balancers notice, if one has ever probed it', async () => {
  await using unwatched = await startTestGateway();
  await using watched = await startTestGateway();
  await statusOf(unwatched, '/livez');
  await statusOf(watched, '/readyz');
  const first = ({ drain }: TestGateway) => Promise.race([drain().then(() => 'at once'), setImmediate('later')]);
  expect([await first(unwatched), await first(watched)]).toEqual(['at once', 'later']);
});

it('refuses requests after the grace period with OVERLOADED', async () => {
  await using gateway = await startTestGateway();
  await gateway.close();
  const answer = await gateway.send({ path: '/graphql?query=%7B__typename%7D', headers: { 'x-request-id': 'abc' } });
  expect(answer.status).toBe(503);
  expect(JSON.parse(answer.body)).toEqual({
    errors: [
      {
        message: 'The gateway is shutting down. Retry.',
        extensions: { code: 'OVERLOADED', retryable: true, requestId: 'abc' },
      },
    ],
  });
});
