import dns from 'node:dns';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Connection } from '../../../src/datasources/reads/connection.ts';
import { createHttpConnections } from '../../../src/datasources/reads/http-connection.ts';
import { startUpstream, type Upstream } from '../../support/upstream.ts';

// In its own file: undici has one timer for all connections, which must be created with this fake clock.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const maxAgeMs = 60_000;

interface CountingUpstream extends Upstream {
  /** In the order of their first call. */
  readonly sockets: Socket[];
  readonly closed: Socket[];
}

async function startCounting(
  respond = (response: ServerResponse, _id: string): void => void response.end('ok'),
): Promise<CountingUpstream> {
  const sockets: Socket[] = [];
  const closed: Socket[] = [];
  const upstream = await startUpstream((response, { socket }, id) => {
    if (!sockets.includes(socket)) sockets.push(socket.once('close', () => closed.push(socket)));
    respond(response, id);
  });
  return { ...upstream, sockets, closed };
}

const create = (origin: string, count: number) =>
  createHttpConnections({
    origin,
    count,
    maxResponseBytes: 1_000,
    connectTimeoutMs: 1_000,
    connectionMaxAgeMs: maxAgeMs,
  });

/** Resolves when the connection is free again, with the body, the status or the error. */
async function call(connection: Connection, id = '1'): Promise<unknown> {
  const free = new Promise<void>((resolve) => {
    connection.onFree = resolve;
  });
  const outcome = await new Promise((resolve) => {
    const respond = (status: number, _retryAfter: unknown, body: string) => resolve(status === 200 ? body : status);
    connection.send({ path: `/${id}`, headers: [], respond, fail: resolve });
  });
  await free;
  return outcome;
}

async function until(fits: () => boolean): Promise<void> {
  while (!fits()) await turnOfTheLoop();
}

/** Shorter than the upstream keeps an idle connection. */
const stepMs = 2_000;

/** With a call after each step. */
async function useFor(ms: number, connection: Connection): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    await vi.advanceTimersByTimeAsync(Math.min(left, stepMs));
    expect(await call(connection)).toBe('ok');
  }
}

it('opens a new connection when the last one is too old, however steadily it is used, and never before', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0); // no jitter
  await using upstream = await startCounting();
  const [connection] = create(upstream.origin, 1);
  if (connection === undefined) throw new Error('there is no connection');
  expect(await call(connection)).toBe('ok');
  await useFor(maxAgeMs - 1_000, connection);
  expect(upstream.sockets).toHaveLength(1);
  await useFor(1_001, connection);
  expect(upstream.sockets).toHaveLength(2);
  await until(() => upstream.closed.length === 1);
  await useFor(2 * maxAgeMs, connection);
  expect(upstream.sockets).toHaveLength(4);
  await connection.close();
});

it('closes a connection that is too old at once if it is idle', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
  await using upstream = await startCounting();
  const [connection] = create(upstream.origin, 1);
  if (connection === undefined) throw new Error('there is no connection');
  expect(await call(connection)).toBe('ok');
  await useFor(maxAgeMs - stepMs, connection);
  await vi.advanceTimersByTimeAsync(stepMs);
  await until(() => upstream.closed.length === 1);
  expect(upstream.sockets).toHaveLength(1);
  await connection.close();
});

it.each([200, 500])('lets a call end before its connection is closed as too old, with status %i', async (status) => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
  const slow = Promise.withResolvers<ServerResponse>();
  await using upstream = await startCounting((response, id) =>
    id === 'slow' ? slow.resolve(response) : response.end('ok'),
  );
  const [connection] = create(upstream.origin, 1);
  if (connection === undefined) throw new Error('there is no connection');
  expect(await call(connection)).toBe('ok');
  await useFor(maxAgeMs - stepMs, connection);
  const outcome = call(connection, 'slow');
  const response = await slow.promise;
  await vi.advanceTimersByTimeAsync(6_000);
  for (let turn = 0; turn < 100; turn++) await turnOfTheLoop();
  expect(upstream.closed).toHaveLength(0);
  response.writeHead(status).end('slow');
  expect(await outcome).toBe(status === 200 ? 'slow' : 500);
  await until(() => upstream.closed.length === 1);
  expect(await call(connection)).toBe('ok');
  expect(upstream.sockets).toHaveLength(2);
  await connection.close();
});

it('does not close all connections of the same age at once', async () => {
  await using upstream = await startCounting();
  const connections = create(upstream.origin, 20);
  await Promise.all(connections.map((connection) => call(connection)));
  const ages: number[] = [];
  for (let second = 2; second <= 60; second += 2) {
    await vi.advanceTimersByTimeAsync(stepMs);
    await Promise.all(connections.map((connection) => call(connection)));
    while (ages.length < upstream.sockets.length - 20) ages.push(second);
  }
  expect(ages).toHaveLength(20);
  expect(Math.min(...ages)).toBeGreaterThanOrEqual(54);
  expect(new Set(ages).size).toBeGreaterThan(1);
  await Promise.all(connections.map((connection) => connection.close()));
});

it('follows a change of DNS under steady use', async () => {
  let address = '127.0.0.1';
  const lookUp = (_name: string, _options: object, done: (error: null, found: dns.LookupAddress[]) => void) =>
    done(null, [{ address, family: 4 }]);
  vi.spyOn(dns, 'lookup').mockImplementation(lookUp as never);
  await using upstream = await startCounting();
  const [connection] = create(upstream.origin.replace('127.0.0.1', 'linq.test'), 1);
  if (connection === undefined) throw new Error('there is no connection');
  expect(await call(connection)).toBe('ok');
  address = '127.0.0.2'; // nothing listens there
  await useFor(maxAgeMs * 0.9 - stepMs, connection);
  await vi.advanceTimersByTimeAsync(maxAgeMs * 0.1 + stepMs);
  expect(await call(connection)).toMatchObject({ fault: 'unavailable' });
  await connection.close();
});
