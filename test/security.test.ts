import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from './support/gateway.ts';

const at = (file: string) => new URL(`../${file}`, import.meta.url);
const read = (file: string) => readFileSync(at(file), 'utf8');

const policy = read('SECURITY.md');
const rows = policy.split('\n').filter((line) => line.startsWith('| ') && !/^\| (threat|---)/.test(line));

describe('SECURITY.md', () => {
  it.each(rows)('names an existing test for: %s', (row) => {
    const tests = [...row.matchAll(/`((?:test|e2e)\/[^`]+)` "([^"]+)"/g)];
    expect(tests.length).toBeGreaterThan(0);
    for (const [, file = '', title = ''] of tests) {
      expect(existsSync(at(file)), file).toBe(true);
      const lines = read(file).split('\n');
      const named = lines.filter((line) => line.includes(title));
      expect(named, `${file} ${title}`).not.toEqual([]);
      expect(named.filter((line) => /\b(fails|skip|todo)\(/.test(line))).toEqual([]); // it must pass
    }
  });

  it('names no variable that the gateway does not read', () => {
    const known = read('docs/configuration.md') + read('docs/errors.md');
    const named = [...policy.matchAll(/`([A-Z]+(?:_[A-Z]+)+)(?:=\w+)?`/g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(5);
    for (const name of named) expect(known).toContain(`\`${name}\``);
  });

  it('has a row for each threat', () => {
    expect(rows.length).toBeGreaterThan(35);
    expect(new Set(rows).size).toBe(rows.length);
  });
});

const query = '{ chatMessage(chatId: 1, id: 224) { id } }';
const body = JSON.stringify({ query });

/** The response to bytes that no client library would send. */
async function raw(gateway: TestGateway, headers: string, content = body): Promise<string> {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  const head = 'POST /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n';
  socket.write(`${head}${headers}\r\n\r\n${content}`, 'latin1'); // not end: a server would treat it as a disconnect
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await once(socket, 'close');
  return text;
}

it.each([
  ['a line break', 'a\r\nx-evil: 1'],
  ['a folded line', 'a\r\n x-evil: 1'],
  ['a line feed', 'a\nx-evil: 1'],
  ['a carriage return', 'a\rx-evil: 1'],
  ['a zero', 'a\0x-evil: 1'],
  ['letters beyond ASCII', 'a\u00e9\u0085x-evil: 1'],
])('a token with %s adds no header to the request to Linq', async (_what, token) => {
  await using gateway = await startTestGateway();
  for (let turn = 0; turn < 3; turn++) {
    const response = await raw(gateway, `content-length: ${body.length}\r\nx-linq-integration-token: ${token}`);
    expect(response).toMatch(/^HTTP\/1\.1 (200|400) /);
  }
  for (const { headers } of gateway.calls) {
    expect(Object.keys(headers).toSorted()).toEqual(['connection', 'host', 'x-linq-integration-token']);
  }
});

it('two tokens in one request are treated as a single invalid token', async () => {
  await using gateway = await startTestGateway();
  for (let turn = 0; turn < 3; turn++) {
    const twice = 'x-linq-integration-token: a\r\nx-linq-integration-token: b';
    await raw(gateway, `content-length: ${body.length}\r\n${twice}`);
  }
  expect(gateway.calls.map(({ headers }) => headers['x-linq-integration-token'])).toEqual(['a, b', 'a, b', 'a, b']);
});

it('a request with contradicting lengths is refused, so that none can hide in the body of another', async () => {
  await using gateway = await startTestGateway();
  const hidden = `POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  for (const framing of [
    `content-length: 4\r\ntransfer-encoding: chunked`,
    `transfer-encoding: chunked\r\ncontent-length: 4`,
    `content-length: 4\r\ncontent-length: ${hidden.length}`,
    'transfer-encoding: chunked, identity',
    'transfer-encoding: xchunked',
  ]) {
    expect(await raw(gateway, framing, `0\r\n\r\n${hidden}`)).toMatch(/^HTTP\/1\.1 400 /);
  }
  expect(gateway.calls).toEqual([]);
});

it('every response forbids storing and content sniffing', async () => {
  await using gateway = await startTestGateway({ CORS_ORIGINS: 'https://app.example' });
  await using closed = await startTestGateway({ GATEWAY_API_KEYS: 'key' });
  const headers = { 'content-type': 'application/json' };
  const responses = [
    await gateway.send({ path: `/graphql?query=${encodeURIComponent(query)}` }),
    await gateway.send({ headers: { accept: 'text/html' } }),
    await gateway.send({ headers: { 'sec-fetch-site': 'cross-site' } }),
    await gateway.send({ headers: { host: 'evil.example' } }),
    await gateway.send({ method: 'PUT' }),
    await gateway.send({ method: 'POST', body }),
    await gateway.send({ method: 'POST', headers, body: '{' }),
    await gateway.send({ path: '/metrics' }),
    await gateway.send({ path: '/livez' }),
    await gateway.send({ path: '/nowhere' }),
    await closed.send({ method: 'POST', headers, body }),
  ];
  for (let turn = 0; turn < 4; turn++) responses.push(await gateway.send({ method: 'POST', headers, body }));
  for (const response of responses) {
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  }
});
