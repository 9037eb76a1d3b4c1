import dns from 'node:dns';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Call, type Connection, StaleConnectionError } from '../../../src/datasources/reads/connection.ts';
import { createHttpConnections } from '../../../src/datasources/reads/http-connection.ts';
import { UpstreamError } from '../../../src/datasources/upstream-error.ts';
import { startTestGateway } from '../../support/gateway.ts';
import { startUpstream, type Upstream } from '../../support/upstream.ts';
import { createReads, read, silentMetrics } from './support.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A connection without retries and breaker. Calls are sent one after the other. */
class TestConnection implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #queue: Call[] = [];
  #current: Call | undefined;

  constructor({ origin }: Pick<Upstream, 'origin'>) {
    const options = { origin, count: 1, maxResponseBytes: 1_000_000, connectTimeoutMs: 10_000 };
    const [connection] = createHttpConnections(options);
    if (connection === undefined) throw new Error('there is no connection');
    this.#connection = connection;
    this.#connection.onFree = () => {
      this.#current = undefined;
      this.#sendNext();
    };
  }

  /** The body, the status, or the error; `'canceled'` as soon as the signal fires. */
  request(id: number | string, signal?: AbortSignal): Promise<unknown> {
    return new Promise((resolve) => {
      const respond = (status: number, _retryAfter: unknown, body: string) => resolve(status === 200 ? body : status);
      const call: Call = { path: `/${id}`, headers: [], respond, fail: resolve };
      signal?.addEventListener('abort', () => {
        resolve('canceled');
        if (call === this.#current) this.#connection.drop();
        else this.#queue.splice(this.#queue.indexOf(call), 1);
      });
      this.#queue.push(call);
      if (this.#current === undefined) this.#sendNext();
    });
  }

  #sendNext(): void {
    const call = this.#queue.shift();
    if (call === undefined) return;
    this.#current = call;
    this.#connection.send(call);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection.close();
  }
}

/** Responds to the first call on each connection, and handles the next with this. */
function startFickle(next: (response: ServerResponse) => void): Promise<Upstream> {
  const used = new Set<Socket>();
  return startUpstream((response, { socket }) => {
    if (used.has(socket)) next(response);
    else response.end('ok');
    used.add(socket);
  });
}

it('skips informational responses before the response', async () => {
  const server = createServer((socket) => {
    socket.on('data', () => {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n');
      socket.write('HTTP/1.1 102 Processing\r\n\r\n');
      setImmediate(() =>
        socket.write('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  {
    await using connection = new TestConnection({ origin: `http://127.0.0.1:${port}` });
    expect([await connection.request(1), await connection.request(2)]).toEqual(['ok', 'ok']);
  }
  server.close();
});

it('reuses its connections, also after failures', async () => {
  const sockets = new Set<unknown>();
  await using upstream = await startUpstream((response, request, id) => {
    sockets.add(request.socket);
    if (Number(id) % 2 === 0) response.writeHead(400).end('x'.repeat(10_000));
    else response.end(`{"data":{"id":${id}}}`);
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  for (let id = 1; id <= 10; id++) await gateway.query(`{ chatMessage(chatId: 1, id: ${id}) { id } }`);
  expect(upstream.paths).toHaveLength(10);
  expect(sockets.size).toBe(1);
});

it('uses no connection that is older than LINQ_CONNECTION_MAX_AGE_MS', async () => {
  const sockets: Socket[] = [];
  await using upstream = await startUpstream((response, { socket }, id) => {
    sockets.push(socket);
    response.end(`{"data":{"id":${id}}}`);
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CONNECTION_MAX_AGE_MS: '1' });
  for (const calls of [1, 2]) {
    const found = await gateway.query(`{ chatMessage(chatId: 1, id: ${calls}) { id } }`);
    expect(found).toEqual({ data: { chatMessage: { id: `${calls}` } } });
    const socket = sockets.at(-1);
    if (socket?.destroyed === false) await once(socket, 'close');
  }
  expect(new Set(sockets).size).toBe(2);
});

it('has no more calls in flight than LINQ_MAX_CONCURRENCY, and completes all', async () => {
  const inFlight: (() => void)[] = [];
  let most = 0;
  await using upstream = await startUpstream((response, _request, id) => {
    most = Math.max(
      most,
      inFlight.push(() => response.end(`{"data":{"id":${id}}}`)),
    );
    // Waits for three; a fourth would have arrived while another request is handled completely.
    if (inFlight.length === 3) {
      gateway.query('{ chatMessage(chatId: 1, id: "no id") { id } }').then(() => {
        for (const respond of inFlight.splice(0)) respond();
      });
    }
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_MAX_CONCURRENCY: '3' });
  const fields = Array.from({ length: 48 }, (_, index) => `m${index}: chatMessage(chatId: 1, id: ${index + 1}) { id }`);
  const response = await gateway.query(`{ ${fields.join(' ')} }`);
  expect(response.errors).toBeUndefined();
  expect(Object.values(response.data)).toHaveLength(48);
  expect(most).toBe(3);
});

it('aborts a response as soon as its body is larger than LINQ_MAX_RESPONSE_BYTES', async () => {
  const dropped = Promise.withResolvers<void>();
  await using upstream = await startUpstream((response) => {
    response.once('close', dropped.resolve);
    response.write(' '.repeat(1_001)); // and never ends
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_MAX_RESPONSE_BYTES: '1000' });
  const response = await gateway.query('{ chatMessage(chatId: 1, id: 7) { id } }');
  expect(response.errors?.[0]?.extensions).toMatchObject({ code: 'UPSTREAM_BAD_RESPONSE' });
  await dropped.promise;
});

it('reads a body of exactly LINQ_MAX_RESPONSE_BYTES', async () => {
  const body = '{"data":{"id":7}}';
  await using upstream = await startUpstream((response) => response.end(body.padEnd(1_000)));
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_MAX_RESPONSE_BYTES: '1000' });
  expect(await gateway.query('{ chatMessage(chatId: 1, id: 7) { id } }')).toEqual({
    data: { chatMessage: { id: '7' } },
  });
});

it('treats a response that is not HTTP as a bad response', async () => {
  await using upstream = await startUpstream((response) => response.socket?.end('SMTP 220 hello\r\n\r\n'));
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const response = await gateway.query('{ chatMessage(chatId: 1, id: 7) { id } }');
  expect(response.errors?.[0]?.extensions).toMatchObject({ code: 'UPSTREAM_BAD_RESPONSE' });
});

it('sends a call again once, without using an attempt, when a kept-alive connection is stale', async () => {
  await using upstream = await startUpstream((response, request, id) => {
    if (id === '2' && used.has(request.socket)) return void request.socket.resetAndDestroy();
    used.add(request.socket);
    response.end(`{"data":{"id":${id}}}`);
  });
  const used = new Set<unknown>();
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  for (const id of [1, 2]) {
    expect(await gateway.query(`{ chatMessage(chatId: 1, id: ${id}) { id } }`)).toEqual({
      data: { chatMessage: { id: `${id}` } },
    });
  }
  expect(upstream.paths).toHaveLength(3);
});

describe('a connection that is not open yet', () => {
  /** Name resolution, and so the connection, waits for the test. */
  function holdLookups() {
    const { promise, resolve: release } = Promise.withResolvers<void>();
    const lookUp = (done: (error: null, addresses: dns.LookupAddress[]) => void) =>
      void promise.then(() => done(null, [{ address: '127.0.0.1', family: 4 }]));
    const lookup = vi
      .spyOn(dns, 'lookup')
      .mockImplementation(((_name: string, _options: object, done: never) => lookUp(done)) as never);
    return { release, lookup };
  }

  it('serves queued calls when it opens, no matter how many were canceled', async () => {
    await using upstream = await startUpstream((response, _request, id) => response.end(id));
    const { release, lookup } = holdLookups();
    await using connection = new TestConnection({ origin: upstream.origin.replace('127.0.0.1', 'linq.test') });
    for (let id = 1; id <= 20; id++) {
      const caller = new AbortController();
      const canceled = connection.request(id, caller.signal);
      caller.abort();
      expect(await canceled).toBe('canceled'); // at once, not when the connection opens
    }
    const stayed = connection.request('stayed');
    release();
    expect(await stayed).toBe('stayed');
    expect(await connection.request('next')).toBe('next');
    expect(upstream.paths).toEqual(['/stayed', '/next']);
    expect(lookup).toHaveBeenCalledTimes(1);
  });

  it('is kept for later when all calls were canceled before it opened', async () => {
    await using upstream = await startUpstream((response, _request, id) => response.end(id));
    const { release, lookup } = holdLookups();
    await using connection = new TestConnection({ origin: upstream.origin.replace('127.0.0.1', 'linq.test') });
    const caller = new AbortController();
    const canceled = connection.request('canceled', caller.signal);
    caller.abort();
    await canceled;
    release();
    expect(await connection.request('next')).toBe('next');
    expect(upstream.paths).toEqual(['/next']);
    expect(lookup).toHaveBeenCalledTimes(1);
  });
});

describe('a connection that closes before the response is complete', () => {
  it('was stale if it had been used before and sent nothing', async () => {
    await using upstream = await startFickle((response) => response.socket?.resetAndDestroy());
    await using connection = new TestConnection(upstream);
    expect(await connection.request(1)).toBe('ok');
    expect(await connection.request(2)).toBeInstanceOf(StaleConnectionError);
  });

  it('was not stale if it is new', async () => {
    await using upstream = await startUpstream((response) => response.socket?.resetAndDestroy());
    await using connection = new TestConnection(upstream);
    expect(await connection.request(1)).toMatchObject({ fault: 'unavailable', status: undefined });
  });

  it('was not stale if it is new, even if it replaces one that was used', async () => {
    const sockets = new Set<Socket>();
    await using upstream = await startUpstream((response, { socket }) => {
      sockets.add(socket);
      if (sockets.size === 1) response.writeHead(200, { connection: 'close' }).end('ok');
      else response.socket?.resetAndDestroy();
    });
    await using connection = new TestConnection(upstream);
    expect(await connection.request(1)).toBe('ok');
    expect(await connection.request(2)).toMatchObject({ fault: 'unavailable', status: undefined });
    expect(sockets.size).toBe(2);
  });

  it('was not stale if it sent an informational response', async () => {
    await using upstream = await startFickle((response) =>
      response.writeEarlyHints({ link: '</x>; rel=preload' }, () => response.socket?.resetAndDestroy()),
    );
    await using connection = new TestConnection(upstream);
    expect(await connection.request(1)).toBe('ok');
    const error = await connection.request(2);
    expect(error).toBeInstanceOf(UpstreamError);
    expect(error).toMatchObject({ fault: 'unavailable', status: undefined });
  });

  it('was not stale if it began a response', async () => {
    await using upstream = await startFickle((response) => {
      response.writeHead(200, { 'content-length': 10 }).write('half', () => response.socket?.resetAndDestroy());
    });
    await using connection = new TestConnection(upstream);
    expect(await connection.request(1)).toBe('ok');
    expect(await connection.request(2)).toMatchObject({ fault: 'unavailable', status: 200 });
  });
});

it.each(['identity', 'Identity', 'IDENTITY'])('reads a body unchanged with content-encoding: %s', async (encoding) => {
  await using upstream = await startUpstream((response) =>
    response.writeHead(200, { 'content-encoding': encoding }).end('as it is'),
  );
  await using connection = new TestConnection(upstream);
  expect(await connection.request(1)).toBe('as it is');
});

it('reads only a little of a failure body, and then closes the connection', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }); // it is not the clock that ends it
  const ended = Promise.withResolvers<number>();
  await using upstream = await startUpstream((response) => {
    const { socket } = response;
    socket?.once('close', () => ended.resolve(socket.bytesWritten));
    response.writeHead(401);
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  });
  await using connection = new TestConnection(upstream);
  expect(await connection.request(1)).toBe(401);
  expect(await ended.promise).toBeLessThan(16 * 1_048_576); // what fits the buffers of a socket, and then some
  expect(vi.getTimerCount()).toBe(0);
}, 10_000);

it('can carry the next call after any end: a response, a failure, a reset, a dropped call', async () => {
  await using upstream = await startUpstream((response, _request, id) => {
    if (id === 'reset') response.socket?.resetAndDestroy();
    else if (id === 'hang') caller.abort();
    else response.writeHead(Number(id)).end('body');
  });
  const caller = new AbortController();
  await using connection = new TestConnection(upstream);
  for (const id of ['200', '404', '500', 'reset', 'hang']) {
    await connection.request(id, caller.signal.aborted ? undefined : caller.signal);
    expect([id, await connection.request('200')]).toEqual([id, 'body']);
  }
});

describe('a connection that cannot be opened', () => {
  it('fails only the reads that wait for it', async () => {
    const unused = await startUpstream(() => {});
    await unused[Symbol.asyncDispose]();
    await using gateway = await startTestGateway({ LINQ_API_URL: unused.origin, LINQ_MAX_CONCURRENCY: '2' });
    const fields = Array.from(
      { length: 10 },
      (_, index) => `m${index}: chatMessage(chatId: 1, id: ${index + 1}) { id }`,
    );
    const { errors } = await gateway.query(`{ ${fields.join(' ')} }`);
    expect(errors?.map(({ extensions }) => extensions['code'])).toEqual(Array(10).fill('UPSTREAM_UNAVAILABLE'));
    expect(await gateway.query('{ __typename }')).toEqual({ data: { __typename: 'Query' } });
  });
});

it('sends calls again without using an attempt when a kept-alive connection is reset before they reach the upstream', async () => {
  const sockets: Socket[] = [];
  await using upstream = await startUpstream((response, { socket }, id) => {
    sockets.push(socket);
    response.end(id);
  });
  const outcomes: string[] = [];
  const retries: string[] = [];
  const options = { origin: upstream.origin, count: 1, maxResponseBytes: 1_000, connectTimeoutMs: 1_000 };
  const reads = createReads(createHttpConnections(options), {
    metrics: {
      ...silentMetrics,
      attempt: (_route, outcome) => outcomes.push(outcome),
      retry: (_route, reason) => retries.push(reason),
    },
  });
  expect(await read(reads, { id: 'first' })).toBe('first');
  sockets[0]?.resetAndDestroy();
  await new Promise((resolve) => sockets[0]?.once('close', resolve));
  expect(await Promise.all(['b', 'c'].map((id) => read(reads, { id })))).toEqual(['b', 'c']);
  expect(outcomes.filter((outcome) => outcome === 'unavailable')).toEqual([]);
  expect(retries.filter((reason) => reason !== 'stale-connection')).toEqual([]);
  await reads.close();
});
