import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { linesOf, outcomeOf, start } from './support/process.ts';
import { startUpstream } from './support/upstream.ts';

interface Stoppable extends AsyncDisposable {
  readonly server: ChildProcessWithoutNullStreams;
  readonly lines: ReturnType<typeof linesOf>;
  readonly outcome: ReturnType<typeof outcomeOf>;
  get(path: string, agent?: Agent): Promise<IncomingMessage & { text: string }>;
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
      let text = '';
      for await (const chunk of response) text += chunk;
      return Object.assign(response, { text });
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

describe.concurrent('told to stop', { timeout: 120_000 }, () => {
  it.each([
    ['SIGTERM', '1'],
    ['SIGINT', '1'],
    ['SIGTERM', '2'],
  ] as const)(
    'by %s with WORKERS=%s, it says so at /readyz while the door stays open, finishes what is in flight, and exits with 0',
    async (signal, WORKERS) => {
      await using gateway = await startStoppable({ WORKERS });
      const { server, lines, outcome, get, finish, asked } = gateway;
      expect((await get('/readyz')).statusCode).toBe(200);
      const keepAlive = new Agent({ keepAlive: true });
      const early = get(read(1), keepAlive);
      await asked(1);

      server.kill(signal);
      expect(await lines('stopping')).toMatchObject({ signal });
      let ready = await get('/readyz');
      while (ready.statusCode === 200) ready = await get('/readyz'); // the primary has yet to tell its workers
      expect(ready.statusCode).toBe(503);
      expect((await get('/livez')).statusCode).toBe(200);
      const late = get(read(2), keepAlive); // from a balancer that has not seen it yet
      await asked(2);

      while (await get('/livez').catch(() => false)); // until the door is closed
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
      const { statusCode, text } = await answer;
      expect(statusCode).toBe(200);
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

  it('with WORKERS, it says of each when it starts and when it has stopped', async () => {
    await using gateway = await startStoppable({ WORKERS: '2' });
    const { server, lines, outcome } = gateway;
    const started = [await lines('a worker starts', 1), await lines('a worker starts', 2)].map(({ pid }) => pid);
    server.kill('SIGTERM');
    const stopped = [await lines('a worker stopped', 1), await lines('a worker stopped', 2)].map(({ pid }) => pid);
    expect(stopped.toSorted()).toEqual(started.toSorted());
    await lines('stopped');
    expect((await outcome).code).toBe(0);
  });
});
