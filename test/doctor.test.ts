import { once } from 'node:events';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checks } from '../src/doctor/checks.ts';
import { emptyResponse, examine, findingsIn, report, respondAt } from './support/doctor.ts';
import { close, listen, startTestGateway } from './support/gateway.ts';
import { start } from './support/process.ts';
import { type ProxyRules, startProxy } from './support/proxy.ts';

const key = 'the-key-of-the-doctor';
const linqToken = 'the-linq-token-of-the-doctor';
const names = checks.map(({ name }) => name);
const root = new URL('..', import.meta.url);

it('finds no problem in a gateway on loopback with any check, and exits with 0', async () => {
  const args = ['--message=1/224'];
  const { code, text, lines, problems } = await examine({ args });
  expect(problems).toEqual([]);
  expect([...new Set(lines.map((line) => line.split(' ')[1]))]).toEqual(names);
  expect(lines).toContain('ok webhooks /webhooks/linq returns 404: LINQ_WEBHOOK_SECRETS is not set.');
  expect(lines).toContain('ok compression Long responses are compressed.');
  expect(text).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/graphql\n\n/);
  expect(text).toMatch(new RegExp(`\n${lines.length} ok, 0 notes, 0 warnings, 0 failures\n$`));
  expect(code).toBe(0);
});

it('finds no problem in a gateway with webhooks, and without introspection', async () => {
  const gateway = { INTROSPECTION: 'false', LINQ_WEBHOOK_SECRETS: 'a-secret-of-the-webhooks' };
  const { code, lines, problems } = await examine({ gateway });
  expect([code, ...problems]).toEqual([0]);
  expect(lines).toContain('ok webhooks /webhooks/linq refuses unsigned webhooks with 401.');
});

it.each(['/chat', '/chat/', '/chat/graphql', '/chat/graphql/'])('finds a gateway at %s', async (path) => {
  const request: ProxyRules['request'] = (incoming) => {
    if (!incoming.path.startsWith('/chat/')) return emptyResponse(404);
    incoming.path = incoming.path.slice('/chat'.length);
    return undefined;
  };
  await using gateway = await startTestGateway();
  await using proxy = await startProxy(new URL(gateway.url).origin, {
    request,
  });
  const { code, text, problems } = await report({ args: [`${proxy.origin}${path}`] });
  expect([code, ...problems]).toEqual([0]);
  expect(text.split('\n', 1)).toEqual([`${proxy.origin}/chat/graphql`]);
});

describe('checks', () => {
  it('are the rows of docs/doctor.md', () => {
    const docs = readFileSync(new URL('docs/doctor.md', root), 'utf8');
    const rows = [...docs.matchAll(/^\| (`.+?) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)]);
    expect(rows.map(([, name]) => name)).toEqual(names);
  });

  it.each(names)('include %s, which a test makes report a problem', (name) => {
    const tests = globSync('test/doctor/*.test.ts', { cwd: root }).map((file) =>
      readFileSync(new URL(file, root), 'utf8'),
    );
    expect(tests.join('\n')).toMatch(new RegExp(`^ *finds\\(\\s*'${name}'`, 'm'));
  });
});

describe('exits with 2 and the reason', () => {
  it.each([
    [[], 'Exactly one address is required.'],
    [['http://127.0.0.1', 'http://127.0.0.1'], 'Exactly one address is required.'],
    [['gateway.example.com'], 'The address must be an http or https URL'],
    [['ftp://gateway.example.com'], 'The address must be an http or https URL'],
    [['https://gateway.example.com/?token=secret'], 'The address must be an http or https URL'],
    [['https://me:secret@gateway.example.com'], 'The address must be an http or https URL'],
    [['http://127.0.0.1', '--secret'], 'Unknown option.'],
    [['http://127.0.0.1', '--message=secret'], '--message must have the form <chat id>/<message id>.'],
  ])('for arguments %j', async (args, why) => {
    const { code, text } = await report({ args });
    expect(code).toBe(2);
    expect(text).toContain(why);
    expect(text).toContain('npm run doctor -- <url>');
    expect(text).not.toContain('secret');
  });

  it.each([
    [{ GATEWAY_CREDENTIAL: 'hush' }, 'GATEWAY_CREDENTIAL must be "Bearer " followed by a key or a JWT.'],
    [{ GATEWAY_CREDENTIAL: 'Bearer hush\nhush' }, 'GATEWAY_CREDENTIAL must be'],
    [{ LINQ_INTEGRATION_TOKEN: 'hush hush' }, 'LINQ_INTEGRATION_TOKEN must consist of'],
  ])('for a malformed secret: %o', async (env, why) => {
    const { code, text } = await report({ args: ['http://127.0.0.1'], env });
    expect(code).toBe(2);
    expect(text).toContain(why);
    expect(text).not.toContain('hush');
  });

  it('when the connection is refused', async () => {
    const server = createServer();
    const origin = await listen(server);
    await close(server);
    expect(await report({ args: [origin] })).toMatchObject({
      code: 2,
      text: `No gateway found at ${origin}/graphql: the connection was refused (ECONNREFUSED).\n`,
    });
  });

  it('when there is no response', async () => {
    const how = { request: () => 'no response' as const, requestTimeoutMs: 300 };
    expect(await examine(how)).toMatchObject({
      code: 2,
      text: expect.stringMatching(/: there was no response within 0\.3 seconds\.\n$/),
    });
  });

  it('when the address redirects, without following the redirect', async () => {
    const location = 'https://elsewhere.example/graphql?a=b';
    const { code, text, calls } = await examine({ request: () => emptyResponse(308, { location }) });
    expect(code).toBe(2);
    expect(text).toContain('it redirects to https://elsewhere.example. Use the address that it redirects to.\n');
    expect(calls).toEqual([]);
  });

  it.each([
    [404, '<h1>Not Found</h1>'],
    [200, '{"hello":"world"}'],
    [502, ''],
  ])('when the response is not GraphQL: %i %s', async (status, body) => {
    const { code, text } = await examine({ request: () => ({ status, headers: {}, body }) });
    expect(code).toBe(2);
    expect(text).toContain(
      `the response is not GraphQL (${status}). Use the address that serves the gateway's /graphql.\n`,
    );
  });
});

it('ends at its time limit when a request hangs, and reports what it did not check', async () => {
  const how = {
    request: ({ path }: { path: string }) => (path === '/readyz' ? 'no response' : undefined),
    totalTimeoutMs: 3_000,
  } as const;
  const { code, lines } = await examine(how);
  expect(code).toBe(1);
  for (const check of ['readyz', 'cors', 'request-id', 'compression']) {
    expect(lines).toContainEqual(
      expect.stringMatching(
        `^FAIL ${check} Not checked, because the time limit of the run is reached\\. Check the log`,
      ),
    );
  }
});

describe('never', () => {
  it.each([{ GATEWAY_CREDENTIAL: `Bearer ${key}` }, { LINQ_INTEGRATION_TOKEN: linqToken }])(
    'sends a secret unencrypted: %o',
    async (secret) => {
      const paths: string[] = [];
      const { code, text } = await examine({
        gateway: { GATEWAY_API_KEYS: key },
        remote: true,
        env: secret,
        args: ['--message=1/224'],
        request: ({ path }) => void paths.push(path) as undefined,
      });
      expect(code).toBe(2);
      expect(text).toContain('Secrets would be sent unencrypted. Use the https address.');
      expect(paths).toEqual([]);
    },
  );

  it('sends the Linq token with any request except the read of the message', async () => {
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

  it('writes a secret, even one that the gateway returns in a field of the report', async () => {
    const word = 'a_key_that_is_a_word';
    const { code, text } = await examine({
      gateway: { GATEWAY_API_KEYS: word },
      env: { GATEWAY_CREDENTIAL: `Bearer ${word}`, LINQ_INTEGRATION_TOKEN: linqToken },
      args: ['--message=1/224'],
      response(response, { body }) {
        response.headers['x-echo'] = response.headers['server'] = `${word}/1 ${linqToken}`;
        if (!body.includes('"224"')) return;
        const extensions = { code: word, requestId: word, [linqToken]: word };
        response.body = JSON.stringify({ data: { chatMessage: null }, errors: [{ message: linqToken, extensions }] });
      },
    });
    expect(code).toBe(1);
    expect(text).toContain('could not be read with your Linq token: [secret]. See');
    expect(text).not.toContain(word);
    expect(text).not.toContain(linqToken);
  });

  it('writes a value from the gateway that is not a plain word', async () => {
    const value = '\u001b[31m+15551234567\r\n';
    const { text } = await examine({
      args: ['--message=1/224'],
      response(response, { body }) {
        if (!body.includes('"224"')) return;
        const extensions = { code: value, requestId: value, [value]: value };
        response.body = JSON.stringify({ data: { chatMessage: null }, errors: [{ message: value, extensions }] });
      },
    });
    expect(text).toMatch(/FAIL message .*: \(omitted\)\. See/);
    expect(text).not.toContain('555');
    expect(text).not.toMatch(/[^\n\x20-\x7e]/);
  });

  it('selects any field of a message except its id', async () => {
    const bodies: string[] = [];
    await examine({
      args: ['--message=1/224'],
      response: ({ body }, request) => void (request.body.includes('"224"') && bodies.push(body)),
    });
    expect(bodies).toEqual(['{"data":{"chatMessage":{"id":"224"}}}']);
  });
});

it('uses colors when enabled', async () => {
  const { text } = await examine({ ...respondAt('/livez', emptyResponse(503)), colors: true });
  expect(text).toContain('\u001b[32mok  \u001b[39m tls');
  expect(text).toContain('\u001b[31mFAIL\u001b[39m livez');
});

describe('as a process, over https', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'doctor-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Runs the doctor on a closed gateway behind a proxy whose certificate is valid for `days`. */
  async function runProcess(days: number, trusted = true) {
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
    await using gateway = await startTestGateway({ GATEWAY_API_KEYS: key });
    const rules = respondAt('/metrics', emptyResponse(403));
    const tls = { key: pems.private, cert: pems.cert };
    await using proxy = await startProxy(new URL(gateway.url).origin, rules, tls);
    const env = { GATEWAY_CREDENTIAL: `Bearer ${key}`, ...(trusted && { NODE_EXTRA_CA_CERTS: ca }) };
    const doctor = start(env, ['doctor', proxy.origin.replace('127.0.0.1', '0.0.0.0')]);
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

  it('finds no problem in a closed gateway', async () => {
    const { code, text, lines, problems } = await runProcess(30);
    expect([code, ...problems]).toEqual([0]);
    expect(lines).toContain('ok tls The certificate is valid for 30 more days.');
    expect(lines).toContain('ok access Requests without a credential, or with an invalid one, are refused with 401.');
    expect(text).not.toContain('\u001b');
  });

  it('finds a certificate that was not renewed (tls)', async () => {
    const { code, lines, problems } = await runProcess(5);
    expect([code, ...problems]).toEqual([0, 'warn tls']);
    expect(lines[0]).toBe('warn tls The certificate expires in 5 days. Check why it has not been renewed.');
  });

  it('refuses an untrusted certificate', async () => {
    const { code, text } = await runProcess(30, false);
    expect(code).toBe(2);
    expect(text).toMatch(/: its certificate is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\), .* NODE_EXTRA_CA_CERTS/);
  });
});
