import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, it } from 'vitest';
import { close, listen, startTestGateway, type TestGateway } from './support/gateway.ts';
import { startUpstream, type Upstream } from './support/upstream.ts';

const keys = { GATEWAY_API_KEYS: 'key-of-one,key-of-another' };
const one = { authorization: 'Bearer key-of-one' };
const another = { authorization: 'Bearer key-of-another' };
const message = (id: string) => JSON.stringify({ data: { id: Number(id) } });
const read = (chatId: number, id: number) => `{ chatMessage(chatId: ${chatId}, id: ${id}) { id } }`;
const readMany = (chatId: number, count: number, from = 1) => {
  const keys = Array.from({ length: count }, (_, at) => `{ chatId: ${chatId}, id: ${from + at} }`);
  return `{ chatMessagesByKeys(keys: [${keys}]) { id } }`;
};

/** Waits until this many calls have reached Linq. */
async function arrived({ paths }: Upstream, calls: number): Promise<void> {
  while (paths.length < calls) await turnOfTheLoop();
}

it('serves a caller beside thirty clients of another key that read a hundred messages each', async () => {
  const held: (() => void)[] = [];
  await using upstream = await startUpstream((response, { url = '' }, id) => {
    if (url.includes('/chats/2/')) held.push(() => response.end(message(id)));
    else response.end(message(id));
  });
  await using gateway = await startTestGateway({ ...keys, LINQ_API_URL: upstream.origin, LINQ_TIMEOUT_MS: '60000' });
  await gateway.query(read(3, 1), {}, another);
  const flood = Array.from({ length: 30 }, (_, at) => gateway.query(readMany(2, 100, at * 100 + 1), {}, one));
  await arrived(upstream, 57); // one connection in eight remains
  for (let id = 2; id <= 14; id++) {
    expect(await gateway.query(read(3, id), {}, another)).toEqual({ data: { chatMessage: { id: `${id}` } } });
  }
  await gateway.close();
  for (const { errors } of await Promise.all(flood)) expect(errors?.[0]?.extensions['code']).toBe('OVERLOADED');
});

it('serves a token that Linq has accepted beside 1,500 connections that invent one each', {
  timeout: 120_000,
}, async () => {
  await using upstream = await startUpstream((response, { headers }, id) => {
    if (headers['x-linq-integration-token'] === 'good') response.end(message(id));
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_TIMEOUT_MS: '60000' });
  const good = { 'x-linq-integration-token': 'good' };
  expect(await gateway.query(read(2, 1), {}, good)).toEqual({ data: { chatMessage: { id: '1' } } });
  const agent = new Agent({ keepAlive: true, maxSockets: 1_500 });
  // Those that have not been accepted when the gateway closes are reset.
  const flood = Promise.allSettled(
    Array.from({ length: 1_500 }, (_, at) =>
      post(gateway, agent, read(2, 1), { 'x-linq-integration-token': `invented ${at}` }),
    ),
  );
  await arrived(upstream, 57);
  for (let id = 2; id <= 14; id++) {
    expect(await gateway.query(read(2, id), {}, good)).toEqual({ data: { chatMessage: { id: `${id}` } } });
  }
  await gateway.close();
  await flood;
  agent.destroy();
});

it('serves other chats and other tokens while one caller reads a chat that always fails', async () => {
  await using gateway = await startTestGateway(keys, { latencyMs: [20, 30] });
  let stopped = false;
  const flood = (async () => {
    for (let at = 0; !stopped; at += 10) await gateway.query(readMany(500, 10, at + 1), {}, one);
  })();
  const until = performance.now() + 4_500; // the breaker needs failures in three seconds
  for (let id = 1; performance.now() < until || gateway.calls.length < 100; id++) {
    expect(await gateway.query(read(2, id), {}, another)).toEqual({ data: { chatMessage: { id: `${id}` } } });
    const headers = { ...another, 'x-linq-integration-token': 'another' };
    expect(await gateway.query(read(2, id), {}, headers)).toEqual({ data: { chatMessage: { id: `${id}` } } });
  }
  stopped = true;
  await flood;
});

it('fails the reads of a caller that is over CALLER_READS_PER_SECOND for longer than they may last, and no others', async () => {
  await using gateway = await startTestGateway({ ...keys, CALLER_READS_PER_SECOND: '10', LINQ_TIMEOUT_MS: '2000' });
  const { errors = [] } = await gateway.query(readMany(2, 40), {}, one);
  const limited = errors.filter(({ extensions }) => extensions['code'] === 'RATE_LIMITED');
  expect(limited).toHaveLength(10);
  for (const { extensions } of limited) {
    expect(extensions).toMatchObject({ retryable: true, retryAfterMs: expect.any(Number) });
    expect(extensions['retryAfterMs']).toBeGreaterThan(1_500);
    expect(extensions['retryAfterMs']).toBeLessThanOrEqual(2_100);
  }
  const other = await gateway.query(readMany(2, 10), {}, another);
  expect(other.errors).toBeUndefined();
});

it('takes all JWTs of one subject for one caller, and those of another for another', async () => {
  const [issuer, audience] = ['https://issuer.example/', 'gateway'];
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: '1', alg: 'ES256' }] });
  const publisher = createServer((_request, response) => response.end(keys));
  const jwtOf = async (sub: string, jti: string) => ({
    authorization: `Bearer ${await new SignJWT({ iss: issuer, aud: audience, sub, jti })
      .setProtectedHeader({ alg: 'ES256', kid: '1' })
      .setExpirationTime('10 minutes')
      .sign(privateKey)}`,
  });
  await using gateway = await startTestGateway({
    ...{ GATEWAY_JWT_ISSUER: issuer, GATEWAY_JWT_AUDIENCE: audience, GATEWAY_JWKS_URL: await listen(publisher) },
    ...{ CALLER_READS_PER_SECOND: '10', LINQ_TIMEOUT_MS: '2000', LINQ_INTEGRATION_TOKEN: 'secret' },
  });
  const limited = ({ errors = [] }: Awaited<ReturnType<TestGateway['query']>>) =>
    errors.filter(({ extensions }) => extensions['code'] === 'RATE_LIMITED').length;
  const [first, second] = await Promise.all([
    gateway.query(readMany(2, 30), {}, await jwtOf('alice', 'first')),
    gateway.query(readMany(2, 10, 31), {}, await jwtOf('alice', 'second')),
  ]);
  expect(limited(first) + limited(second)).toBe(10);
  expect(limited(await gateway.query(readMany(3, 20), {}, await jwtOf('bob', 'third')))).toBe(0);
  await close(publisher);
});

it('limits a caller by its key or its token, and all callers without either together', async () => {
  await using gateway = await startTestGateway({ CALLER_READS_PER_SECOND: '0.01' });
  const codes = async (headers: Record<string, string>) =>
    (await gateway.query(readMany(2, 2), {}, headers)).errors?.map(({ extensions }) => extensions['code']) ?? [];
  expect(await codes({})).toEqual(['RATE_LIMITED']);
  expect(await codes({ 'x-forwarded-for': '10.0.0.2' })).toHaveLength(2);
  expect(await codes({ 'x-linq-integration-token': 'first' })).toHaveLength(1); // not yet accepted
  expect(await codes({ 'x-linq-integration-token': 'second' })).toHaveLength(2);
  expect(await codes({ 'x-linq-integration-token': 'first' })).toHaveLength(1);
  expect(await codes({ 'x-linq-integration-token': 'first' })).toHaveLength(2);
});

async function post({ url }: TestGateway, agent: Agent, query: string, headers: Record<string, string>): Promise<void> {
  const all = { ...headers, 'content-type': 'application/json' };
  const outgoing = request(url, { method: 'POST', headers: all, agent });
  outgoing.end(JSON.stringify({ query }));
  const [response] = await once(outgoing, 'response');
  response.resume();
  await once(response, 'end');
}
