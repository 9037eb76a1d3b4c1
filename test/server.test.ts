import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { close, listen } from './support/gateway.ts';
import { linesOf, outcomeOf, start, written } from './support/process.ts';
import { startUpstream } from './support/upstream.ts';

const query = '{ chatMessage(chatId: 1, id: 224) { text } }';
const read = async (url: string, text = query) => (await fetch(`${url}?query=${encodeURIComponent(text)}`)).json();

it('as sandbox prints that the data is made up, which address to open and which query to paste, and all of it works', async () => {
  const server = start({}, ['sandbox']);
  const [text, url = '', paste] = await written(server, /Open {3}(\S+)\n\s+Paste {2}(.+)\n/);
  expect(text).toBeDefined();
  expect(await read(url, paste)).toMatchObject({ data: { chatMessage: { text: 'Hello, how are you?' } } });
  server.kill('SIGINT');
  expect(await outcomeOf(server)).toEqual({ code: 0, errors: '' });
});

it('as sandbox opens GraphiQL with prepared tabs', async () => {
  const server = start({}, ['sandbox']);
  const [, url = ''] = await written(server, /Open {3}(\S+)\n/);
  const page = await (await fetch(url, { headers: { accept: 'text/html' } })).text();
  expect(page).toContain('<title>Linq sandbox</title>');
  for (const title of ['DocumentedMessage', 'ManyMessages', 'FailingAndMissing', 'RateLimit', 'Timeout']) {
    expect(page).toContain(`\\nquery ${title} {`);
  }
  server.kill();
  await outcomeOf(server);
});

it('as sandbox works where the environment names a proxy, which it does not use', async () => {
  const server = start({ HTTP_PROXY: 'http://127.0.0.1:1', https_proxy: 'http://127.0.0.1:1' }, ['sandbox']);
  const [, url = ''] = await written(server, /Open {3}(\S+)\n/);
  expect(await read(url)).toMatchObject({ data: { chatMessage: { text: 'Hello, how are you?' } } });
  server.kill();
  await outcomeOf(server);
});

it('as sandbox never sends a real token anywhere', async () => {
  await using upstream = await startUpstream((response) => response.end());
  const server = start({ LINQ_API_URL: upstream.origin, LINQ_INTEGRATION_TOKEN: 'real' }, ['sandbox']);
  const [, url = ''] = await written(server, /Open {3}(\S+)\n/);
  expect(await read(url)).toMatchObject({ data: { chatMessage: { text: 'Hello, how are you?' } } });
  expect(upstream.paths).toEqual([]);
  server.kill();
  await outcomeOf(server);
});

it('logs one line at startup, with its address and its configuration except secrets', async () => {
  await using upstream = await startUpstream((response) => response.end('{"data":{"id":224,"text":"real"}}'));
  const secrets = { LINQ_INTEGRATION_TOKEN: 'secret', GATEWAY_API_KEYS: 'secret-key' };
  const server = start({ LINQ_API_URL: upstream.origin, INTROSPECTION: 'false', ...secrets });
  const [line] = await written(server, /^.*\n/);
  const { time, url, ...told } = JSON.parse(line);
  expect(told).toEqual({
    level: 30,
    linq: upstream.origin,
    ownToken: true,
    callers: 'keys',
    trustedDocuments: 'off',
    graphiql: true,
    introspection: false,
    workers: 1,
    tracing: false,
    msg: 'listening',
  });
  const answer = await fetch(`${url}?query=${encodeURIComponent(query)}`, {
    headers: { authorization: 'Bearer secret-key' },
  });
  expect(await answer.json()).toEqual({ data: { chatMessage: { text: 'real' } } });
  server.kill();
  await outcomeOf(server);
});

it('logs at startup through which proxy Linq is reached, without its credentials', async () => {
  const server = start({ HTTPS_PROXY: 'http://user:hunter2@proxy.test:3128' });
  const line = await linesOf(server)('listening');
  expect(line).toMatchObject({ proxy: 'proxy.test:3128' });
  expect(JSON.stringify(line)).not.toContain('hunter2');
  server.kill();
  await outcomeOf(server);
});

it.each([
  [{}, 75],
  [{ KEEP_ALIVE_MS: '600000' }, 600], // longer than the default time limits of Node for a request
])('with %o keeps an idle connection of a client for %i seconds', async (env, seconds) => {
  const server = start(env);
  const { url } = await linesOf(server)('listening');
  expect((await fetch(`${new URL(String(url)).origin}/livez`)).headers.get('keep-alive')).toBe(`timeout=${seconds}`);
  server.kill();
  await outcomeOf(server);
});

it('closes a connection of a client that was idle for longer than KEEP_ALIVE_MS', async () => {
  const server = start({ KEEP_ALIVE_MS: '1' });
  const { url } = await linesOf(server)('listening');
  const { hostname, port } = new URL(String(url));
  const socket = connect(Number(port), hostname);
  socket.write('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(socket.resume(), 'end'); // the server ends it
  server.kill();
  await outcomeOf(server);
});

it('does not start with an invalid configuration: it prints all faults, one per line, and exits with 78', async () => {
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

it('logs a crash in one line, with its location but without its message, and exits with 1', async () => {
  const bug = `process.once('SIGUSR2', () => { throw new TypeError(process.env.PRIVATE) })`;
  const server = start({ PRIVATE: 'a text' }, [], ['--import', `data:text/javascript,${encodeURIComponent(bug)}`]);
  const lines = linesOf(server);
  await lines('listening');
  server.kill('SIGUSR2');
  const crashed = await lines('crashed');
  expect(crashed).toMatchObject({
    level: 60,
    error: 'TypeError',
    frames: expect.arrayContaining([expect.any(String)]),
  });
  expect(JSON.stringify(crashed)).not.toContain('a text');
  expect(await outcomeOf(server)).toEqual({ code: 1, errors: '' });
});

const hasPty = spawnSync('script', ['--version']).stdout?.toString().includes('util-linux') === true;

it.skipIf(!hasPty)('writes readable lines to a terminal', async () => {
  const command = `exec ${process.execPath} src/cli.ts`;
  const server = spawn('script', ['--quiet', '--flush', '--command', command, '/dev/null'], {
    cwd: new URL('..', import.meta.url),
    env: { PATH: process.env['PATH'], PORT: '0', TERM: 'xterm' },
  });
  const [line] = await written(server, /^.*listening.*\r?\n/m);
  expect(line).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] .*INFO.*: .*listening.*"url":"http:/);
  server.kill();
  await outcomeOf(server);
});

it('prints one line if its port is in use, with the command that it was started with and another port', async () => {
  const other = createServer();
  const { port } = new URL(await listen(other));
  expect(await outcomeOf(start({ PORT: port }))).toEqual({
    code: 1,
    errors: `Port ${port} is in use. Try PORT=${Number(port) + 1} linq-graphql-gateway.\n`,
  });
  expect(await outcomeOf(start({ PORT: port, npm_lifecycle_event: 'sandbox' }, ['sandbox']))).toEqual({
    code: 1,
    errors: `Port ${port} is in use. Try PORT=${Number(port) + 1} npm run sandbox.\n`,
  });
  await close(other);
});

it('prints one line if it cannot listen for another reason', async () => {
  expect(await outcomeOf(start({ HOST: '192.0.2.1' }))).toEqual({
    code: 1,
    errors: 'Cannot listen on 192.0.2.1 port 0: EADDRNOTAVAIL.\n',
  });
});

/** The value of a series of Prometheus' text format. */
const sampleOf = (text: string, series: string) => Number(text.split(`\n${series} `)[1]?.split('\n', 1)[0]);

/** By name and labels, the series of counters and histograms. */
function countersOf(text: string): Map<string, number> {
  const names = [...text.matchAll(/^# TYPE (\S+) (?:counter|histogram)$/gm)].map(([, name = '']) => name);
  const series = [...text.matchAll(/^(\w+?)((?:_bucket|_sum|_count)?(?:\{.*\})?) (\S+)$/gm)];
  return new Map(
    series.flatMap(([, name = '', rest, value]) => (names.includes(name) ? [[name + rest, Number(value)]] : [])),
  );
}

describe('with WORKERS', { timeout: 60_000 }, () => {
  /** On a new connection each time, so that workers take turns. */
  const readOnce = async (url: string, text = query) =>
    (await fetch(`${url}?query=${encodeURIComponent(text)}`, { headers: { connection: 'close' } })).json();

  it('responds from several processes, sums their metrics, replaces one that exits, and finishes requests before it stops', async () => {
    const asked: (() => void)[] = [];
    await using upstream = await startUpstream((response, _request, id) => {
      const answer = () => response.end(`{"data":{"id":${id},"text":"read"}}`);
      if (id === '7') asked.push(answer);
      else answer();
    });
    const server = start({ LINQ_API_URL: upstream.origin, LINQ_INTEGRATION_TOKEN: 'secret', WORKERS: '2' });
    const lines = linesOf(server);
    const url = String((await lines('listening'))['url']);
    const metrics = async () => (await fetch(new URL('/metrics', url), { headers: { connection: 'close' } })).text();
    for (let turn = 0; turn < 6; turn++)
      expect(await readOnce(url)).toEqual({ data: { chatMessage: { text: 'read' } } });
    let text = await metrics();
    const valueAt = (name: string) => sampleOf(text, name);
    while (valueAt('linq_breaker_state{state="closed"}') < 2) text = await metrics(); // until both have started
    expect(valueAt('graphql_operations_total{executor="interpreted"}')).toBe(6);
    expect(valueAt('graphql_request_duration_seconds_count{outcome="ok"}')).toBe(6);
    expect(valueAt('graphql_request_duration_seconds_bucket{le="+Inf",outcome="ok"}')).toBe(6);
    expect(valueAt('graphql_request_errors_total{code="FORBIDDEN"}')).toBe(0);
    expect(valueAt('linq_breaker_state{state="closed"}')).toBe(2);
    expect(valueAt('linq_breaker_state{state="open"}')).toBe(0);
    expect(valueAt('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);

    const { pid } = await lines('worker started');
    process.kill(Number(pid), 'SIGKILL');
    expect(await lines('worker exited')).toMatchObject({ signal: 'SIGKILL', restartInMs: 100 });
    expect(await readOnce(url)).toEqual({ data: { chatMessage: { text: 'read' } } });
    await lines('worker started', 3);

    const late = readOnce(url, '{ chatMessage(chatId: 1, id: 7) { text } }');
    while (asked.length === 0) await setImmediate();
    server.kill('SIGTERM');
    await lines('stopping');
    asked[0]?.();
    expect(await late).toEqual({ data: { chatMessage: { text: 'read' } } });
    expect(await outcomeOf(server)).toEqual({ code: 0, errors: '' });
  });

  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'replaces a worker after %s; no counter of /metrics ever goes down, and no scrape takes a second',
    { timeout: 60_000 },
    async (signal) => {
      await using upstream = await startUpstream((response, _request, id) =>
        response.end(`{"data":{"id":${id},"text":"read"}}`),
      );
      const server = start({ LINQ_API_URL: upstream.origin, LINQ_INTEGRATION_TOKEN: 'secret', WORKERS: '2' });
      const lines = linesOf(server);
      const outcome = outcomeOf(server);
      const url = String((await lines('listening'))['url']);
      const scrape = async (agent: Agent) => {
        const startedAt = performance.now();
        const [response] = await once(request(new URL('/metrics', url), { agent }).end(), 'response');
        let text = '';
        for await (const chunk of response) text += chunk;
        expect(response.statusCode).toBe(200);
        return { text, durationMs: performance.now() - startedAt };
      };
      // Until both have started, and take turns with new connections.
      while (sampleOf((await scrape(new Agent())).text, 'linq_breaker_state{state="closed"}') < 2) await setImmediate();
      const agents = [new Agent({ keepAlive: true, maxSockets: 1 }), new Agent({ keepAlive: true, maxSockets: 1 })];
      for (const agent of agents) await scrape(agent);
      for (let turn = 0; turn < 20; turn++) await readOnce(url);
      const before = await scrape(new Agent());
      expect(sampleOf(before.text, 'graphql_request_duration_seconds_count{outcome="ok"}')).toBe(20);

      const { pid } = await lines('worker started');
      process.kill(Number(pid), signal);
      if (signal === 'SIGKILL') await lines('worker exited');
      const replaced = lines('worker started', 3);
      let isReplaced = false;
      void replaced.then(() => {
        isReplaced = true;
      });
      // The connection of one of the two leads to the other worker.
      const agent = await Promise.any(agents.map((agent) => scrape(agent).then(() => agent)));
      let counters = countersOf(before.text);
      for (let isLast = false; !isLast; ) {
        isLast = isReplaced;
        const { text, durationMs } = await scrape(agent);
        expect(durationMs).toBeLessThan(1_000);
        const later = countersOf(text);
        expect([...counters].filter(([name, value]) => !((later.get(name) ?? -1) >= value))).toEqual([]);
        counters = later;
      }
      expect(await lines('worker exited')).toMatchObject({ pid, signal: 'SIGKILL' });
      if (signal === 'SIGSTOP') expect(await lines('worker hung')).toMatchObject({ level: 50, pid });
      for (const agent of agents) agent.destroy();
      server.kill();
      expect(await outcome).toEqual({ code: 0, errors: '' });
    },
  );

  it('exits at once if its port is in use', async () => {
    const other = createServer();
    const { port } = new URL(await listen(other));
    expect(await outcomeOf(start({ PORT: port, WORKERS: '2', npm_lifecycle_event: 'start' }))).toEqual({
      code: 1,
      errors: `Port ${port} is in use. Try PORT=${Number(port) + 1} npm start.\n`,
    });
    await close(other);
  });
});
