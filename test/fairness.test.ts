import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from './support/gateway.ts';
import { startUpstream } from './support/upstream.ts';

const keys = { GATEWAY_API_KEYS: 'key-of-one,key-of-another' };
const one = { authorization: 'Bearer key-of-one' };
const another = { authorization: 'Bearer key-of-another' };
const message = (id: string) => JSON.stringify({ data: { id: Number(id) } });
const read = (chatId: number, id: number) => `{ chatMessage(chatId: ${chatId}, id: ${id}) { id } }`;
const readMany = (chatId: number, count: number, from = 1) => {
  const keys = Array.from({ length: count }, (_, at) => `{ chatId: ${chatId}, id: ${from + at} }`);
  return `{ chatMessagesByKeys(keys: [${keys}]) { id } }`;
};

/** Sends operations again and again until stopped; resolves when `isUnderWay`. */
async function flood(send: (at: number) => Promise<unknown>, clients: number, isUnderWay: () => boolean) {
  let stopped = false;
  let at = 0;
  const client = async () => {
    while (!stopped) await send(at++);
  };
  const all = Array.from({ length: clients }, client);
  while (!isUnderWay()) await turnOfTheLoop();
  return async () => {
    stopped = true;
    await Promise.all(all);
  };
}

it('serves a caller beside thirty clients of another key that read a hundred messages each', async () => {
  await using upstream = await startUpstream((response, _request, id) => {
    setTimeout(() => response.end(message(id)), 10);
  });
  await using gateway = await startTestGateway({ ...keys, LINQ_API_URL: upstream.origin });
  const send = (at: number) => gateway.query(readMany(2, 100, at * 100 + 1), {}, one);
  const stop = await flood(send, 30, () => upstream.paths.length > 500);
  for (let id = 1; id <= 33; id++) {
    expect(await gateway.query(read(3, id), {}, another)).toEqual({ data: { chatMessage: { id: `${id}` } } });
  }
  await stop();
});

it('serves a token that Linq has accepted beside 1,500 connections that invent one each', async () => {
  await using upstream = await startUpstream((response, { headers }, id) => {
    const isGood = headers['x-linq-integration-token'] === 'good';
    setTimeout(() => (isGood ? response.end(message(id)) : response.writeHead(401).end()), 10);
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const good = { 'x-linq-integration-token': 'good' };
  expect(await gateway.query(read(2, 1), {}, good)).toEqual({ data: { chatMessage: { id: '1' } } });
  const agent = new Agent({ keepAlive: true, maxSockets: 1_500 });
  const send = (at: number) => post(gateway, agent, read(2, 1), { 'x-linq-integration-token': `invented ${at}` });
  const stop = await flood(send, 1_500, () => upstream.paths.length > 200);
  for (let id = 2; id <= 24; id++) {
    expect(await gateway.query(read(2, id), {}, good)).toEqual({ data: { chatMessage: { id: `${id}` } } });
  }
  await stop();
  agent.destroy();
});

it('serves other chats and other tokens while one caller reads a chat that always fails', async () => {
  await using gateway = await startTestGateway({ ...keys, LINQ_TIMEOUT_MS: '1000' }, { latencyMs: [20, 30] });
  const send = (at: number) => gateway.query(readMany(500, 10, at * 10 + 1), {}, one);
  const stop = await flood(send, 3, () => gateway.calls.length > 20);
  const until = performance.now() + 4_500; // the breaker needs failures in three seconds
  for (let id = 1; performance.now() < until; id++) {
    expect(await gateway.query(read(2, id), {}, another)).toEqual({ data: { chatMessage: { id: `${id}` } } });
    const headers = { ...another, 'x-linq-integration-token': 'another' };
    expect(await gateway.query(read(2, id), {}, headers)).toEqual({ data: { chatMessage: { id: `${id}` } } });
  }
  await stop();
});

it('fails the reads of a caller that is over CALLER_READS_PER_SECOND for longer than they may last, and no others', async () => {
  await using gateway = await startTestGateway({ ...keys, CALLER_READS_PER_SECOND: '10', LINQ_TIMEOUT_MS: '2000' });
  const { data, errors = [] } = await gateway.query(readMany(2, 40), {}, one);
  expect(data.chatMessagesByKeys.filter((found: unknown) => found !== null)).toHaveLength(30);
  expect(errors).toHaveLength(10);
  for (const { extensions } of errors) {
    expect(extensions).toMatchObject({ code: 'RATE_LIMITED', retryable: true, retryAfterMs: expect.any(Number) });
    expect(extensions['retryAfterMs']).toBeGreaterThan(1_900);
    expect(extensions['retryAfterMs']).toBeLessThanOrEqual(2_100);
  }
  const other = await gateway.query(readMany(2, 10), {}, another);
  expect(other.errors).toBeUndefined();
});

it('limits a caller by its JWT, its key or its token, and all callers without either together', async () => {
  await using gateway = await startTestGateway({ CALLER_READS_PER_SECOND: '2', LINQ_TIMEOUT_MS: '100' });
  const codes = async (headers: Record<string, string>) =>
    (await gateway.query(readMany(2, 3), {}, headers)).errors?.map(({ extensions }) => extensions['code']) ?? [];
  expect(await codes({})).toEqual(['RATE_LIMITED']);
  expect(await codes({ 'x-forwarded-for': '10.0.0.2' })).toHaveLength(3);
  expect(await codes({ 'x-linq-integration-token': 'first' })).toHaveLength(1); // not yet accepted
  expect(await codes({ 'x-linq-integration-token': 'second' })).toHaveLength(3);
  expect(await codes({ 'x-linq-integration-token': 'first' })).toHaveLength(1);
  expect(await codes({ 'x-linq-integration-token': 'first' })).toHaveLength(3);
});

async function post({ url }: TestGateway, agent: Agent, query: string, headers: Record<string, string>): Promise<void> {
  const all = { ...headers, 'content-type': 'application/json' };
  const outgoing = request(url, { method: 'POST', headers: all, agent });
  outgoing.end(JSON.stringify({ query }));
  const [response] = await once(outgoing, 'response');
  response.resume();
  await once(response, 'end');
}
