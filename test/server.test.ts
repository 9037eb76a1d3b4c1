import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { close, listen } from './support/gateway.ts';
import { linesOf, outcomeOf, start, written } from './support/process.ts';
import { startUpstream } from './support/upstream.ts';

const query = '{ chatMessage(chatId: 1, id: 224) { text } }';
const read = async (url: string, text = query) => (await fetch(`${url}?query=${encodeURIComponent(text)}`)).json();

describe('the sandbox', () => {
  const upstream = startUpstream((response) => response.end());
  let server: ReturnType<typeof start>;
  let output: RegExpExecArray;

  beforeAll(async () => {
    server = start(
      {
        HTTP_PROXY: 'http://127.0.0.1:1',
        https_proxy: 'http://127.0.0.1:1',
        LINQ_API_URL: (await upstream).origin,
        LINQ_INTEGRATION_TOKEN: 'real',
      },
      ['sandbox'],
    );
    output = await written(server, /all data is made up(?:.|\n)*Open {3}(\S+)\n\s+Paste {2}(.+)\n/);
  });

  afterAll(async () => {
    server.kill('SIGINT');
    expect(await outcomeOf(server)).toEqual({ code: 0, errors: '' });
    await (await upstream)[Symbol.asyncDispose]();
  });

  it('prints that the data is made up, which address to open and which query to paste, and all of it works', async () => {
    const [, url = '', paste] = output;
    expect(await read(url, paste)).toMatchObject({ data: { chatMessage: { text: 'Hello, how are you?' } } });
  });

  it('opens GraphiQL with prepared tabs', async () => {
    const [, url = ''] = output;
    const page = await (await fetch(url, { headers: { accept: 'text/html' } })).text();
    expect(page).toContain('<title>Linq sandbox</title>');
    for (const title of ['DocumentedMessage', 'ManyMessages', 'FailingAndMissing', 'RateLimit', 'Timeout']) {
      expect(page).toContain(`\\nquery ${title} {`);
    }
  });

  it('sends no "100 Continue" within the response to an earlier request of the connection', async () => {
    const { port, pathname } = new URL(output[1] ?? '');
    const requestOf = (text: string, headers = '') => {
      const body = JSON.stringify({ query: text });
      return `POST ${pathname} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n${headers}\r\n${body}`;
    };
    const expecting = requestOf('{ second: __typename }', 'expect: 100-continue\r\n');
    const last = requestOf('{ last: __typename }', 'connection: close\r\n');
    const responsesTo = async (...requests: string[]) => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.write(requests.join(''));
      let text = '';
      for await (const chunk of socket) text += chunk;
      return text.match(/HTTP\/1\.1 \d+|"\w+":"\w+"|"text":"[^"]*"/g);
    };
    expect(await responsesTo(requestOf(query), expecting)).toEqual([
      'HTTP/1.1 200',
      '"text":"Hello, how are you?"',
      'HTTP/1.1 200',
      '"second":"Query"',
    ]);
    // Where no response is ahead of it, the client need not wait.
    expect(await responsesTo(expecting, last)).toContain('HTTP/1.1 100');
  });

  it('never sends a real token anywhere, and does not use the proxy that the environment names', async () => {
    const [, url = ''] = output;
    expect(await read(url)).toMatchObject({ data: { chatMessage: { text: 'Hello, how are you?' } } });
    expect((await upstream).paths).toEqual([]);
  });
});

describe.concurrent('the server', { timeout: 120_000 }, () => {
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

  it('logs at startup through which proxy Linq is reached, without its credentials, and that callers send JWTs; keeps idle connections of clients for 75 seconds', async () => {
    const server = start({
      HTTPS_PROXY: 'http://user:hunter2@proxy.test:3128',
      GATEWAY_JWKS_URL: 'https://issuer.test/keys',
      GATEWAY_JWT_ISSUER: 'https://issuer.test',
      GATEWAY_JWT_AUDIENCE: 'linq',
    });
    const line = await linesOf(server)('listening');
    expect(line).toMatchObject({ proxy: 'proxy.test:3128', callers: 'JWTs' });
    expect(JSON.stringify(line)).not.toContain('hunter2');
    expect((await fetch(new URL('/livez', String(line['url'])))).headers.get('keep-alive')).toBe('timeout=75');
    server.kill();
    await outcomeOf(server);
  });

  it('keeps an idle connection of a client for KEEP_ALIVE_MS, also where that is longer than the time limits of Node for a request', async () => {
    const server = start({ KEEP_ALIVE_MS: '600000' });
    const { url } = await linesOf(server)('listening');
    expect((await fetch(new URL('/livez', String(url)))).headers.get('keep-alive')).toBe('timeout=600');
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

  it('with WORKERS exits at once if its port is in use', async () => {
    const other = createServer();
    const { port } = new URL(await listen(other));
    const server = start({ PORT: port, WORKERS: '2', npm_lifecycle_event: 'start' });
    let output = '';
    server.stdout.on('data', (chunk) => {
      output += chunk;
    });
    expect(await outcomeOf(server)).toEqual({
      code: 1,
      errors: `Port ${port} is in use. Try PORT=${Number(port) + 1} npm start.\n`,
    });
    expect(output).not.toContain('crashed');
    await close(other);
  });
});
