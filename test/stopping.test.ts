import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import type { Socket } from 'node:net';
import { type AddressInfo, connect, createServer } from 'node:net';
import { text as readAll } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { linesOf, outcomeOf, start } from './support/process.ts';
import { startUpstream } from './support/upstream.ts';

interface Response {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly socket: Socket;
}

interface Stoppable extends AsyncDisposable {
  readonly server: ChildProcessWithoutNullStreams;
  readonly lines: ReturnType<typeof linesOf>;
  readonly outcome: ReturnType<typeof outcomeOf>;
  readonly origin: string;
  get(path: string, agent?: Agent): Promise<Response>;
  /** Resolves when this many reads have reached Linq. */
  received(count: number): Promise<void>;
  /** Makes Linq respond to them. */
  finish(): void;
}

/** Starts the process in front of an upstream that responds when the test lets it. */
async function startStoppable(env: Record<string, string>): Promise<Stoppable> {
  const waiting: (() => void)[] = [];
  const arrivals = new EventEmitter();
  const upstream = await startUpstream((response, _request, id) => {
    waiting.push(() => response.end(`{"data":{"id":${id},"text":"late"}}`));
    arrivals.emit('call');
  });
  const server = start({ LINQ_API_URL: upstream.origin, LINQ_INTEGRATION_TOKEN: 'secret', ...env });
  const lines = linesOf(server);
  const outcome = outcomeOf(server);
  const { origin } = new URL(String((await lines('listening'))['url']));
  return {
    server,
    lines,
    outcome,
    origin,
    async get(path, agent = new Agent()) {
      const [response] = await once(request(origin + path, { agent }).end(), 'response');
      const { statusCode: status, headers, socket } = response;
      let text = '';
      for await (const chunk of response) text += chunk;
      return { status, headers, text, socket };
    },
    async received(count) {
      while (waiting.length < count) await once(arrivals, 'call');
    },
    finish() {
      for (const respond of waiting) respond();
    },
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL');
      await upstream[Symbol.asyncDispose]();
    },
  };
}

const read = (id = 224) => `/graphql?query=${encodeURIComponent(`{ chatMessage(chatId: 1, id: ${id}) { text } }`)}`;

describe.concurrent('on a stop signal', { timeout: 120_000 }, () => {
  it.each([
    ['SIGTERM', '1'],
    ['SIGINT', '1'],
    ['SIGTERM', '2'],
  ] as const)(
    '%s with WORKERS=%s, /readyz fails while connections are still accepted, requests in flight finish, and it exits with 0',
    async (signal, WORKERS) => {
      await using gateway = await startStoppable({ WORKERS, LINQ_TIMEOUT_MS: '60000' });
      const { server, lines, outcome, get, finish, received } = gateway;
      // Idle from then on: its worker closes it when it stops accepting connections.
      const { status, socket: idle } = await get('/readyz', new Agent({ keepAlive: true }));
      expect(status).toBe(200);
      const closed = once(idle, 'close');
      const keepAlive = new Agent({ keepAlive: true });
      const early = get(read(1), keepAlive);
      await received(1);

      server.kill(signal);
      expect(await lines('stopping')).toMatchObject({ signal });
      let ready = await get('/readyz');
      while (ready.status === 200) ready = await get('/readyz'); // until the primary has informed its workers
      for (let turn = 0; turn < 6; turn++) expect((await get('/readyz')).status).toBe(503); // on every worker
      expect((await get('/livez')).status).toBe(200);
      const late = get(read(2), keepAlive); // from a load balancer that has not noticed yet
      await received(2);

      await closed;
      if (WORKERS === '1') await expect(get('/livez')).rejects.toThrow(); // other workers may be later
      finish();
      for (const response of [await early, await late]) {
        expect(JSON.parse(response.text)).toEqual({ data: { chatMessage: { text: 'late' } } });
        expect(response.headers.connection).toBe('close');
      }
      expect(await outcome).toEqual({ code: 0, errors: '' });
      keepAlive.destroy();
    },
  );

  it.each(['1', '2'])(
    'with WORKERS=%s, reads that outlast the grace period fail with OVERLOADED, also those of pipelined requests, and it exits with 0',
    async (WORKERS) => {
      await using gateway = await startStoppable({ WORKERS, LINQ_TIMEOUT_MS: '60000' });
      const { server, outcome, origin, get, received } = gateway;
      const response = get(read());
      const connection = connect(Number(new URL(origin).port), '127.0.0.1');
      connection.write([1, 2, 3].map((id) => `GET ${read(id)} HTTP/1.1\r\nhost: localhost\r\n\r\n`).join(''));
      await received(4);
      server.kill('SIGTERM');
      const pipelined = (await readAll(connection)).split(/(?=HTTP\/1\.1 )/);
      expect(pipelined.map((response) => /"code":"(\w+)"/.exec(response)?.[1])).toEqual(Array(3).fill('OVERLOADED'));
      const { status, text } = await response;
      expect(status).toBe(200);
      expect(JSON.parse(text)).toMatchObject({
        data: { chatMessage: null },
        errors: [{ path: ['chatMessage'], extensions: { code: 'OVERLOADED', retryable: true } }],
      });
      expect(await outcome).toEqual({ code: 0, errors: '' });
    },
  );

  it.each([
    ['before the signal', '1'],
    ['after the signal', '1'],
    ['before the signal', '2'],
  ] as const)(
    'requests pipelined behind a long one %s (WORKERS=%s) are responded to, and the last response closes the connection',
    async (when, WORKERS) => {
      await using gateway = await startStoppable({ WORKERS, LINQ_TIMEOUT_MS: '60000' });
      const { server, lines, outcome, origin, get, finish, received } = gateway;
      const connection = connect(Number(new URL(origin).port), '127.0.0.1');
      const send = (...paths: string[]) =>
        connection.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`).join(''));
      const behind = ['/livez', read(2), '/readyz', '/graphql?query={__typename}'];
      send(read(1), ...(when === 'before the signal' ? behind : []));
      await received(when === 'before the signal' ? 2 : 1);
      server.kill('SIGTERM');
      await lines('stopping');
      if (when === 'before the signal') {
        while ((await get('/readyz')).status === 200); // until the primary has informed its workers
      } else {
        for (const path of behind) send(path); // one at a time: none knows of the next
        await received(2);
      }
      finish();
      const responses = (await readAll(connection)).split(/(?=HTTP\/1\.1 )/);
      expect(responses.map((response) => response.slice(9, 12))).toEqual([
        '200',
        '200',
        '200',
        when === 'before the signal' ? '200' : '503',
        '200',
      ]);
      expect(responses[0]).toContain('"text":"late"');
      expect(responses[2]).toContain('"text":"late"');
      expect(responses[4]).toContain('{"__typename":"Query"}');
      expect(await outcome).toEqual({ code: 0, errors: '' });
    },
  );

  it('received twice, it exits at once', async () => {
    await using gateway = await startStoppable({});
    const { server, lines, outcome, get, received } = gateway;
    const response = get(read());
    await received(1);
    server.kill('SIGINT');
    await lines('stopping');
    server.kill('SIGINT');
    await expect(response).rejects.toThrow();
    expect(await outcome).toEqual({ code: 1, errors: '' });
  });

  it('during startup, it stops and never listens', async () => {
    await using redis = createServer().listen(0, '127.0.0.1'); // never replies
    await once(redis, 'listening');
    const { port } = redis.address() as AddressInfo;
    const server = start({ LINQ_INTEGRATION_TOKEN: 'secret', REDIS_URL: `redis://127.0.0.1:${port}` });
    const lines = linesOf(server);
    const outcome = outcomeOf(server);
    let output = '';
    server.stdout.on('data', (chunk) => {
      output += chunk;
    });
    const [socket] = await once(redis, 'connection');
    server.kill('SIGTERM');
    await lines('stopping');
    await lines('stopped');
    expect(await outcome).toEqual({ code: 0, errors: '' });
    expect(output).not.toContain('listening');
    socket.destroy();
  });

  it.each([
    ['SIGTERM', {}, 'serve'],
    ['SIGINT', {}, 'sandbox'],
    ['SIGTERM', { WORKERS: '2' }, 'serve'],
  ] as const)('%s while modules are loaded (%o, %s), it exits with 0 and never listens', async (signal, env, word) => {
    // As soon as the program listens to it; before, only process 1 of a container would survive it.
    const raise = `process.on('newListener', (name) => { if (name === '${signal}') setImmediate(() => process.kill(process.pid, '${signal}')) })`;
    const server = start(env, word === 'sandbox' ? ['sandbox'] : [], [
      '--import',
      `data:text/javascript,${encodeURIComponent(raise)}`,
    ]);
    let output = '';
    server.stdout.on('data', (chunk) => {
      output += chunk;
    });
    expect(await outcomeOf(server)).toEqual({ code: 0, errors: '' });
    expect(output).toContain('"msg":"stopped"');
    expect(output).not.toMatch(/listening|worker started|Open/);
  });

  it('with WORKERS, all keep accepting connections if any of them was probed, none is killed, and the log tells when each started and stopped', async () => {
    await using gateway = await startStoppable({ WORKERS: '2' });
    const { server, lines, outcome, get } = gateway;
    const started = [await lines('worker started', 1), await lines('worker started', 2)].map(({ pid }) => pid);
    while (!(await get('/metrics')).text.includes('linq_breaker_state{state="closed"} 2')) await setTimeout(20);
    await get('/readyz'); // one of them
    await get('/metrics'); // collected from both: the primary has also received what they sent before
    server.kill('SIGTERM');
    const stopping = await lines('stopping');
    const stopped = [await lines('worker stopped', 1), await lines('worker stopped', 2)];
    for (const { time, code } of stopped) {
      expect(code).toBe(0);
      expect(Date.parse(String(time)) - Date.parse(String(stopping['time']))).toBeGreaterThan(2_900);
    }
    expect(stopped.map(({ pid }) => pid).toSorted()).toEqual(started.toSorted());
    await lines('stopped');
    expect((await outcome).code).toBe(0);
  });
});
