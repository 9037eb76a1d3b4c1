import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checks } from '../src/doctor/checks.ts';
import { at, examine, findingsIn, refuse, report } from './support/doctor.ts';
import { close, listen, startTestGateway } from './support/gateway.ts';
import { type Harm, startProxy } from './support/proxy.ts';

const key = 'the-key-of-the-doctor';
const linqToken = 'the-linq-token-of-the-doctor';
const names = checks.map(({ name }) => name);
const root = new URL('..', import.meta.url);

it('finds nothing wrong with a gateway on loopback, by any of its checks, and ends with 0', async () => {
  const args = ['--message=1/224'];
  const { code, text, lines, troubles } = await examine({ gateway: { GRAPHIQL: 'true' }, args });
  expect(troubles).toEqual([]);
  expect([...new Set(lines.map((line) => line.split(' ')[1]))]).toEqual(names);
  expect(lines).toContain('ok http 61 of 61 audits of GraphQL over HTTP pass');
  expect(text).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/graphql\n\n/);
  expect(text).toMatch(new RegExp(`\n${lines.length} ok, 0 to note, 0 to look at, 0 failed\n$`));
  expect(code).toBe(0);
});

it('finds nothing wrong with one that hides its schema, and leaves out the audits that need it', async () => {
  const { code, lines, troubles } = await examine({ gateway: { INTROSPECTION: 'false' } });
  expect([code, ...troubles]).toEqual([0]);
  expect(lines).toContain('ok http 56 of 61 audits of GraphQL over HTTP pass; 5 need introspection, which is off');
});

it.each(['/chat', '/chat/', '/chat/graphql', '/chat/graphql/'])('finds a gateway that is at %s', async (path) => {
  const request: Harm['request'] = (asked) => {
    if (!asked.path.startsWith('/chat/')) return refuse(404);
    asked.path = asked.path.slice('/chat'.length);
    return undefined;
  };
  await using gateway = await startTestGateway();
  await using proxy = await startProxy(new URL(gateway.url).origin, {
    request,
  });
  const { code, text, troubles } = await report({ args: [`${proxy.origin}${path}`] });
  expect([code, ...troubles]).toEqual([0]);
  expect(text.split('\n', 1)).toEqual([`${proxy.origin}/chat/graphql`]);
});

describe('has a check for each row of docs/doctor.md, and', () => {
  it('none besides', () => {
    const docs = readFileSync(new URL('docs/doctor.md', root), 'utf8');
    const rows = [...docs.matchAll(/^\| (`.+?) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)]);
    expect(rows.map(([, name]) => name)).toEqual(names);
  });

  it.each(names)('a test that makes %s find something', (name) => {
    const tests = globSync('test/doctor/*.test.ts', { cwd: root }).map((file) =>
      readFileSync(new URL(file, root), 'utf8'),
    );
    expect(tests.join('\n')).toMatch(new RegExp(`^ *finds\\(\\s*'${name}'`, 'm'));
  });
});

describe('ends with 2 and says why', () => {
  it.each([
    [[], 'One address is needed.'],
    [['http://127.0.0.1', 'http://127.0.0.1'], 'One address is needed.'],
    [['gateway.example.com'], 'The address must be an http or https URL'],
    [['ftp://gateway.example.com'], 'The address must be an http or https URL'],
    [['https://gateway.example.com/?token=secret'], 'The address must be an http or https URL'],
    [['https://me:secret@gateway.example.com'], 'The address must be an http or https URL'],
    [['http://127.0.0.1', '--secret'], 'There is no such option.'],
    [['http://127.0.0.1', '--message=secret'], 'The message must be given as <chat id>/<message id>.'],
  ])('to %j', async (args, why) => {
    const { code, text } = await report({ args });
    expect(code).toBe(2);
    expect(text).toContain(why);
    expect(text).toContain('npm run doctor -- <url>');
    expect(text).not.toContain('secret');
  });

  it.each([
    [{ GATEWAY_CREDENTIAL: 'hush' }, 'GATEWAY_CREDENTIAL must be "Bearer " and a key or a JWT.'],
    [{ GATEWAY_CREDENTIAL: 'Bearer hush\nhush' }, 'GATEWAY_CREDENTIAL must be'],
    [{ LINQ_INTEGRATION_TOKEN: 'hush hush' }, 'LINQ_INTEGRATION_TOKEN must be'],
  ])('to a secret that is none: %o', async (env, why) => {
    const { code, text } = await report({ args: ['http://127.0.0.1'], env });
    expect(code).toBe(2);
    expect(text).toContain(why);
    expect(text).not.toContain('hush');
  });

  it('when nobody is there', async () => {
    const server = createServer();
    const origin = await listen(server);
    await close(server);
    expect(await report({ args: [origin] })).toMatchObject({
      code: 2,
      text: `no gateway to look at: ${origin}/graphql: ECONNREFUSED\n`,
    });
  });

  it('when nobody answers', async () => {
    const how = { request: () => 'silence' as const, patienceMs: 300 };
    expect(await examine(how)).toMatchObject({ code: 2, text: expect.stringMatching(/: TimeoutError\n$/) });
  });

  it('when it is led elsewhere, and does not go there', async () => {
    const location = 'https://elsewhere.example/graphql?a=b';
    const { code, text, calls } = await examine({ request: () => refuse(308, { location }) });
    expect(code).toBe(2);
    expect(text).toContain('it redirects to https://elsewhere.example: give the address that it redirects to\n');
    expect(calls).toEqual([]);
  });

  it.each([
    [404, '<h1>Not Found</h1>'],
    [200, '{"hello":"world"}'],
    [502, ''],
  ])('when something else answers: %i %s', async (status, body) => {
    const { code, text } = await examine({ request: () => ({ status, headers: {}, body }) });
    expect(code).toBe(2);
    expect(text).toContain(`no GraphQL there (${status}): give the address whose /graphql is the gateway's\n`);
  });
});

it('comes to an end in time, whatever hangs, and says what it did not look at', async () => {
  const how = {
    request: ({ path }: { path: string }) => (path === '/readyz' ? 'silence' : undefined),
    mostMs: 3_000,
  } as const;
  const { code, lines } = await examine(how);
  expect(code).toBe(1);
  for (const check of ['readyz', 'cors', 'limits', 'leaks']) {
    expect(lines).toContainEqual(expect.stringMatching(`^FAIL ${check} not looked at: the time is over: see the log`));
  }
});

describe('never', () => {
  it.each([{ GATEWAY_CREDENTIAL: `Bearer ${key}` }, { LINQ_INTEGRATION_TOKEN: linqToken }])(
    'sends a secret where others can overhear it: %o',
    async (secret) => {
      const asked: string[] = [];
      const { code, text } = await examine({
        gateway: { GATEWAY_API_KEYS: key },
        remote: true,
        env: secret,
        args: ['--message=1/224'],
        request: ({ path }) => void asked.push(path) as undefined,
      });
      expect(code).toBe(2);
      expect(text).toContain('What is secret would travel in the clear: give the https address.');
      expect(asked).toEqual([]);
    },
  );

  it('sends the Linq token for anything but the message', async () => {
    const bodies: string[] = [];
    await examine({
      env: { LINQ_INTEGRATION_TOKEN: linqToken },
      args: ['--message=1/224'],
      request({ headers, body }) {
        if (headers['x-linq-integration-token'] === linqToken) bodies.push(body);
        return undefined;
      },
    });
    expect(bodies.map((body) => JSON.parse(body).variables)).toEqual([{ chatId: '1', id: '224' }]);
  });

  it('writes a secret, even when the gateway puts it where it looks', async () => {
    const word = 'a_key_that_is_a_word';
    const { code, text } = await examine({
      gateway: { GATEWAY_API_KEYS: word },
      env: { GATEWAY_CREDENTIAL: `Bearer ${word}`, LINQ_INTEGRATION_TOKEN: linqToken },
      args: ['--message=1/224'],
      answer(answer, { body }) {
        answer.headers['x-echo'] = answer.headers['server'] = `${word}/1 ${linqToken}`;
        if (!body.includes('"224"')) return;
        const extensions = { code: word, requestId: word, [linqToken]: word };
        answer.body = JSON.stringify({ data: { chatMessage: null }, errors: [{ message: linqToken, extensions }] });
      },
    });
    expect(code).toBe(1);
    expect(text).toContain('not read, with your Linq token: [secret]: see');
    expect(text).toContain('your credential comes back');
    expect(text).not.toContain(word);
    expect(text).not.toContain(linqToken);
  });

  it('writes what a gateway made up, unless it is a word', async () => {
    const told = '\u001b[31m+15551234567\r\n';
    const { text } = await examine({
      args: ['--message=1/224'],
      answer(answer, { body }) {
        if (!body.includes('"224"')) return;
        const extensions = { code: told, requestId: told, [told]: told };
        answer.body = JSON.stringify({ data: { chatMessage: null }, errors: [{ message: told, extensions }] });
      },
    });
    expect(text).toMatch(/FAIL message .*: \(no word\): see/);
    expect(text).toMatch(/FAIL errors .* also tells \(no word\): see/);
    expect(text).not.toContain('555');
    expect(text).not.toMatch(/[^\n\x20-\x7e]/);
  });

  it('asks for anything of a message but its id', async () => {
    const answers: string[] = [];
    await examine({
      args: ['--message=1/224'],
      answer: ({ body }, request) => void (request.body.includes('"224"') && answers.push(body)),
    });
    expect(answers).toEqual(['{"data":{"chatMessage":{"id":"224"}}}']);
  });
});

it('has colours where they are wanted', async () => {
  const { text } = await examine({ ...at('/livez', refuse(503)), colours: true });
  expect(text).toContain('\u001b[32mok  \u001b[39m tls');
  expect(text).toContain('\u001b[31mFAIL\u001b[39m livez');
});

describe('as a process, over https', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'doctor-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What it says of a closed gateway behind a proxy whose certificate is good for so many days. */
  async function processed(days: number, trusted = true) {
    const pems = await generate([{ name: 'commonName', value: 'gateway' }], {
      keyType: 'ec',
      notAfterDate: new Date(Date.now() + days * 86_400_000 + 3_600_000),
      extensions: [
        { name: 'basicConstraints', cA: true },
        { name: 'subjectAltName', altNames: [{ type: 7, ip: '0.0.0.0' }] },
      ],
    });
    const ca = join(folder, `${days}.pem`);
    writeFileSync(ca, pems.cert);
    await using gateway = await startTestGateway({ GATEWAY_API_KEYS: key, GRAPHIQL: 'false' });
    const harm = at('/metrics', refuse(403));
    const tls = { key: pems.private, cert: pems.cert };
    await using proxy = await startProxy(new URL(gateway.url).origin, harm, tls);
    const env = {
      PATH: process.env['PATH'],
      GATEWAY_CREDENTIAL: `Bearer ${key}`,
      ...(trusted && { NODE_EXTRA_CA_CERTS: ca }),
    };
    const args = ['src/doctor/doctor.ts', proxy.origin.replace('127.0.0.1', '0.0.0.0')];
    const doctor = spawn(process.execPath, args, { cwd: root, env });
    let text = '';
    for (const stream of [doctor.stdout, doctor.stderr]) {
      stream.on('data', (chunk) => {
        text += chunk;
      });
    }
    const [code] = await once(doctor, 'close');
    expect(text).not.toContain(key);
    return { code, text, ...findingsIn(text) };
  }

  it('finds nothing wrong with a closed gateway', async () => {
    const { code, text, lines, troubles } = await processed(30);
    expect([code, ...troubles]).toEqual([0]);
    expect(lines).toContain('ok tls the certificate is good for 30 more days');
    expect(lines).toContain('ok access without a credential, or with a made-up one, the answer is 401');
    expect(text).not.toContain('\u001b');
  });

  it('finds a certificate that nobody renewed (tls)', async () => {
    const { code, lines, troubles } = await processed(5);
    expect([code, ...troubles]).toEqual([0, 'warn tls']);
    expect(lines[0]).toBe('warn tls the certificate ends in 5 days: see why it was not renewed yet');
  });

  it('does not talk to one whose certificate is not trusted', async () => {
    const { code, text } = await processed(30, false);
    expect(code).toBe(2);
    expect(text).toMatch(
      /: DEPTH_ZERO_SELF_SIGNED_CERT: its clients will not trust it either; NODE_EXTRA_CA_CERTS names/,
    );
  });
});
