import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import type { Socket } from 'node:net';
import { type AddressInfo, createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { linesOf, outcomeOf, start } from './support/process.ts';
import { startUpstream } from './support/upstream.ts';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly socket: Socket;
}

interface Stoppable extends AsyncDisposable {
  readonly server: ChildProcessWithoutNullStreams;
  readonly lines: ReturnType<typeof linesOf>;
  readonly outcome: ReturnType<typeof outcomeOf>;
  get(path: string, agent?: Agent): Promise<Answer>;
  /** Resolves when this many reads have reached Linq. */
  asked(count: number): Promise<void>;
  /** Lets Linq answer them. */
  finish(): void;
}

/** The process in front of a Linq that answers when it is told to. */
async function startStoppable(env: Record<string, string>): Promise<Stoppable> {
  const waiting: (() => void)[] = [];
  const upstream = await startUpstream((response, _request, id) => {
    waiting.push(() => response.end(`{"data":{"id":${id},"text":"late"}}`));
  });
  const server = start({ LINQ_API_URL: upstream.origin, LINQ_INTEGRATION_TOKEN: 'secret', ...env });
  const lines = linesOf(server);
  const outcome = outcomeOf(server);
  const { origin } = new URL(String((await lines('listening'))['url']));
  return {
    server,
    lines,
    outcome,
    async get(path, agent = new Agent()) {
      const [response] = await once(request(origin + path, { agent }).end(), 'response');
      const { statusCode: status, headers, socket } = response;
      let text = '';
      for await (const chunk of response) text += chunk;
      return { status, headers, text, socket };
    },
    async asked(count) {
      while (waiting.length < count) await setImmediate();
    },
    finish() {
      for (const answer of waiting) answer();
    },
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL');
      await upstream[Symbol.asyncDispose]();
    },
  };
}

const read = (id = 224) => `/graphql?query=${encodeURIComponent(`{ chatMessage(chatId: 1, id: ${id}) { text } }`)}`;

describe('told to stop', { timeout: 120_000 }, () => {
  it.each([
    ['SIGTERM', '1'],
    ['SIGINT', '1'],
    ['SIGTERM', '2'],
  ] as const)(
    'by %s with WORKERS=%s, it says so at /readyz while the door stays open, finishes what is in flight, and exits with 0',
    async (signal, WORKERS) => {
      await using gateway = await startStoppable({ WORKERS, LINQ_TIMEOUT_MS: '60000' });
      const { server, lines, outcome, get, finish, asked } = gateway;
      // Idle from then on: it is cut by whoever answered it, in the moment in which that one closes its door.
      const { status, socket: idle } = await get('/readyz', new Agent({ keepAlive: true }));
      expect(status).toBe(200);
      const closed = once(idle, 'close');
      const keepAlive = new Agent({ keepAlive: true });
      const early = get(read(1), keepAlive);
      await asked(1);

      server.kill(signal);
      expect(await lines('stopping')).toMatchObject({ signal });
      let ready = await get('/readyz');
      while (ready.status === 200) ready = await get('/readyz'); // the primary has yet to tell its workers
      for (let turn = 0; turn < 6; turn++) expect((await get('/readyz')).status).toBe(503); // whichever worker it is
      expect((await get('/livez')).status).toBe(200);
      const late = get(read(2), keepAlive); // from a balancer that has not seen it yet
      await asked(2);

      await closed;
      if (WORKERS === '1') await expect(get('/livez')).rejects.toThrow(); // else the others may lag behind
      finish();
      for (const answer of [await early, await late]) {
        expect(JSON.parse(answer.text)).toEqual({ data: { chatMessage: { text: 'late' } } });
        expect(answer.headers.connection).toBe('close');
      }
      expect(await outcome).toEqual({ code: 0, errors: '' });
      keepAlive.destroy();
    },
  );

  it.each(['1', '2'])(
    'with WORKERS=%s, it ends reads that outlast the grace period with OVERLOADED, and exits with 0',
    async (WORKERS) => {
      await using gateway = await startStoppable({ WORKERS, LINQ_TIMEOUT_MS: '60000' });
      const { server, outcome, get, asked } = gateway;
      const answer = get(read());
      await asked(1);
      server.kill('SIGTERM');
      const { status, text } = await answer;
      expect(status).toBe(200);
      expect(JSON.parse(text)).toMatchObject({
        data: { chatMessage: null },
        errors: [{ path: ['chatMessage'], extensions: { code: 'OVERLOADED', retryable: true } }],
      });
      expect(await outcome).toEqual({ code: 0, errors: '' });
    },
  );

  it('a second time, it ends at once', async () => {
    await using gateway = await startStoppable({});
    const { server, lines, outcome, get, asked } = gateway;
    const answer = get(read());
    await asked(1);
    server.kill('SIGINT');
    await lines('stopping');
    server.kill('SIGINT');
    await expect(answer).rejects.toThrow();
    expect(await outcome).toEqual({ code: 1, errors: '' });
  });

  it('while it is still starting, it starts and then stops in good order', async () => {
    await using redis = createServer().listen(0, '127.0.0.1'); // one that never says a word
    await once(redis, 'listening');
    const { port } = redis.address() as AddressInfo;
    const server = start({ LINQ_INTEGRATION_TOKEN: 'secret', REDIS_URL: `redis://127.0.0.1:${port}` });
    const lines = linesOf(server);
    const outcome = outcomeOf(server);
    const [socket] = await once(redis, 'connection');
    server.kill('SIGTERM');
    await lines('stopping');
    await lines('stopped');
    expect(await outcome).toEqual({ code: 0, errors: '' });
    socket.destroy();
  });

  it('with WORKERS, all keep the door open where any of them was asked whether it is ready, and none is killed', async () => {
    await using gateway = await startStoppable({ WORKERS: '2' });
    const { server, lines, outcome, get } = gateway;
    await get('/readyz'); // one of them; the other may not even be up yet
    server.kill('SIGTERM');
    const stopping = await lines('stopping');
    for (const nth of [1, 2]) {
      const { time, code } = await lines('worker stopped', nth);
      expect(code).toBe(0);
      expect(Date.parse(String(time)) - Date.parse(String(stopping['time']))).toBeGreaterThan(2_900);
    }
    expect((await outcome).code).toBe(0);
  });

  it('with WORKERS, it says of each when it starts and when it has stopped', async () => {
    await using gateway = await startStoppable({ WORKERS: '2' });
    const { server, lines, outcome } = gateway;
    const started = [await lines('worker started', 1), await lines('worker started', 2)].map(({ pid }) => pid);
    server.kill('SIGTERM');
    const stopped = [await lines('worker stopped', 1), await lines('worker stopped', 2)].map(({ pid }) => pid);
    expect(stopped.toSorted()).toEqual(started.toSorted());
    await lines('stopped');
    expect((await outcome).code).toBe(0);
  });
});
