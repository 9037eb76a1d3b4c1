import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { close, listen } from './support/gateway.ts';
import { startUpstream } from './support/upstream.ts';

function start(env: Record<string, string>, ...args: string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, ['src/server.ts', ...args], {
    cwd: new URL('..', import.meta.url),
    env: { PATH: process.env['PATH'], PORT: '0', ...env },
  });
}

/** What the process writes until `pattern` matches it. */
async function written(server: ChildProcessWithoutNullStreams, pattern: RegExp): Promise<RegExpExecArray> {
  let text = '';
  for await (const chunk of server.stdout.iterator({ destroyOnReturn: false })) {
    text += chunk;
    const match = pattern.exec(text);
    if (match !== null) return match;
  }
  throw new Error(`the process ended and wrote only: ${text}`);
}

async function outcomeOf(server: ChildProcessWithoutNullStreams): Promise<{ code: number; errors: string }> {
  let errors = '';
  server.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const [code] = await once(server, 'close');
  return { code, errors };
}

const query = '{ chatMessage(chatId: 1, id: 224) { text } }';
const read = async (url: string, text = query) => (await fetch(`${url}?query=${encodeURIComponent(text)}`)).json();

it('as sandbox first says that the data is made up, where to look and what to paste, all of which is true', async () => {
  const server = start({}, '--sandbox');
  const [text, url = '', paste] = await written(server, /Open {3}(\S+)\n\s+Paste {2}(.+)\n/);
  expect(text).toBeDefined();
  expect(await read(url, paste)).toMatchObject({ data: { chatMessage: { text: 'Hello, how are you?' } } });
  server.kill('SIGINT');
  expect(await outcomeOf(server)).toEqual({ code: 0, errors: '' });
});

it('as sandbox opens GraphiQL with tabs that show what there is to see', async () => {
  const server = start({}, '--sandbox');
  const [, url = ''] = await written(server, /Open {3}(\S+)\n/);
  const page = await (await fetch(url, { headers: { accept: 'text/html' } })).text();
  expect(page).toContain('<title>Linq GraphQL gateway: sandbox</title>');
  for (const title of ['DocumentedMessage', 'ManyMessages', 'FailingAndMissing', 'RateLimit', 'Timeout']) {
    expect(page).toContain(`\\nquery ${title} {`);
  }
  server.kill();
  await outcomeOf(server);
});

it('as sandbox never sends a real token anywhere', async () => {
  await using upstream = await startUpstream((response) => response.end());
  const server = start({ LINQ_API_URL: upstream.origin, LINQ_INTEGRATION_TOKEN: 'real' }, '--sandbox');
  const [, url = ''] = await written(server, /Open {3}(\S+)\n/);
  expect(await read(url)).toMatchObject({ data: { chatMessage: { text: 'Hello, how are you?' } } });
  expect(upstream.paths).toEqual([]);
  server.kill();
  await outcomeOf(server);
});

it('serves Linq, with one line for its start', async () => {
  await using upstream = await startUpstream((response) => response.end('{"data":{"id":224,"text":"real"}}'));
  const server = start({ LINQ_API_URL: upstream.origin, LINQ_INTEGRATION_TOKEN: 'secret' });
  const [line] = await written(server, /^.*\n/);
  const { url, linq } = JSON.parse(line);
  expect(linq).toBe(upstream.origin);
  expect(await read(url)).toEqual({ data: { chatMessage: { text: 'real' } } });
  server.kill();
  await outcomeOf(server);
});

it('finishes what is in flight when it is told to stop', async () => {
  const asked = Promise.withResolvers<() => void>();
  await using upstream = await startUpstream((response) =>
    asked.resolve(() => response.end('{"data":{"id":224,"text":"late"}}')),
  );
  const server = start({ LINQ_API_URL: upstream.origin, LINQ_INTEGRATION_TOKEN: 'secret' });
  const [, url = ''] = await written(server, /"url":"([^"]+)"/);
  const answer = read(url);
  const finish = await asked.promise;
  server.kill('SIGTERM');
  await written(server, /stopping/);
  finish();
  expect(await answer).toEqual({ data: { chatMessage: { text: 'late' } } });
  expect(await outcomeOf(server)).toEqual({ code: 0, errors: '' });
});

it('does not start with a wrong configuration: all faults, a line for each, and exit code 78', async () => {
  const { code, errors } = await outcomeOf(
    start({ PORT: 'http', LINQ_API_URL: 'nope', HOST: '0.0.0.0', LINQ_INTEGRATION_TOKEN: 'secret' }),
  );
  expect(code).toBe(78);
  expect(errors.trim().split('\n')).toEqual([
    expect.stringMatching(/^PORT must be /),
    expect.stringMatching(/^LINQ_API_URL must be /),
    expect.stringMatching(/^HOST must be a loopback address/),
  ]);
  expect(errors).not.toContain('secret');
});

it('says in one line that its port is taken', async () => {
  const other = createServer();
  const { port } = new URL(await listen(other));
  expect(await outcomeOf(start({ PORT: port }))).toEqual({
    code: 1,
    errors: `cannot listen on 127.0.0.1 port ${port}: EADDRINUSE\n`,
  });
  await close(other);
});

describe('with WORKERS', () => {
  /** On a connection of its own each time, so that workers take turns. */
  const readAnew = async (url: string, text = query) =>
    (await fetch(`${url}?query=${encodeURIComponent(text)}`, { headers: { connection: 'close' } })).json();

  it('answers from several processes, sums their metrics, replaces one that dies, and stops after what is in flight', async () => {
    const asked: (() => void)[] = [];
    await using upstream = await startUpstream((response, _request, id) => {
      const answer = () => response.end(`{"data":{"id":${id},"text":"read"}}`);
      if (id === '7') asked.push(answer);
      else answer();
    });
    const server = start({ LINQ_API_URL: upstream.origin, LINQ_INTEGRATION_TOKEN: 'secret', WORKERS: '2' });
    const lines = linesOf(server);
    const { url = '' } = await lines('listening');
    const operations = async () => {
      const text = await (await fetch(new URL('/metrics', url), { headers: { connection: 'close' } })).text();
      return Number(/graphql_operations_total\{executor="interpreted"\} (\d+)/.exec(text)?.[1] ?? 0);
    };
    for (let turn = 0; turn < 6; turn++)
      expect(await readAnew(url)).toEqual({ data: { chatMessage: { text: 'read' } } });
    expect(await operations()).toBe(6);

    const { pid } = await lines('a worker starts');
    process.kill(Number(pid), 'SIGKILL');
    expect(await lines('a worker ended')).toMatchObject({ signal: 'SIGKILL', restartInMs: 100 });
    expect(await readAnew(url)).toEqual({ data: { chatMessage: { text: 'read' } } });
    await lines('a worker starts', 3);

    const late = readAnew(url, '{ chatMessage(chatId: 1, id: 7) { text } }');
    while (asked.length === 0) await setImmediate();
    server.kill('SIGTERM');
    await lines('stopping');
    asked[0]?.();
    expect(await late).toEqual({ data: { chatMessage: { text: 'read' } } });
    expect(await outcomeOf(server)).toEqual({ code: 0, errors: '' });
  });

  it('ends at once when its port is taken', async () => {
    const other = createServer();
    const { port } = new URL(await listen(other));
    const { code, errors } = await outcomeOf(start({ PORT: port, WORKERS: '2' }));
    expect(code).toBe(1);
    expect(errors).toContain(`cannot listen on 127.0.0.1 port ${port}: EADDRINUSE\n`);
    await close(other);
  });
});

/** Resolves with the nth line of the log that says `msg`, whether it is there already or comes. */
function linesOf(server: ChildProcessWithoutNullStreams) {
  const lines: Record<string, string>[] = [];
  let partial = '';
  let onLine = () => {};
  server.stdout.on('data', (chunk) => {
    const parts = (partial + chunk).split('\n');
    partial = parts.pop() ?? '';
    lines.push(...parts.map((line) => JSON.parse(line)));
    onLine();
  });
  return async (msg: string, nth = 1): Promise<Record<string, string>> => {
    for (;;) {
      const line = lines.filter((candidate) => candidate['msg'] === msg)[nth - 1];
      if (line !== undefined) return line;
      await new Promise<void>((resolve) => {
        onLine = resolve;
      });
    }
  };
}
