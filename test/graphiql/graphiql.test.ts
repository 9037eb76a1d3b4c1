import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { pathToFileURL } from 'node:url';
import { getIntrospectionQuery } from 'graphql';
import { describe, expect, it } from 'vitest';
import { createGraphiQL } from '../../src/graphiql/graphiql.ts';
import { openGraphiQLFiles } from '../../src/graphiql/graphiql-files.ts';
import { linqPage } from '../../src/graphiql/graphiql-page.ts';
import { RequestRecord } from '../../src/telemetry/request-record.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data);

/** What the page says it loads, as absolute URLs. */
async function namedBy(gateway: TestGateway): Promise<string[]> {
  const { body } = await gateway.send({ headers: browser });
  return [...body.matchAll(/"(graphql\/assets\/[^"]+)"/g)].map(([, path = '']) => new URL(path, gateway.url).href);
}

/** All files, those that only the script loads too, as absolute URLs. */
async function filesOf(gateway: TestGateway): Promise<string[]> {
  const { files } = (await openGraphiQLFiles())?.manifest ?? { files: [] };
  expect(files.length).toBeGreaterThan(10);
  return files.map((name) => new URL(`graphql/assets/${name}`, gateway.url).href);
}

/** A folder that is not there yet. */
const newFolder = () => new URL('graphiql/', `${pathToFileURL(mkdtempSync(`${tmpdir()}/graphiql-`)).href}/`);

describe("GraphiQL's page", () => {
  it('is returned to a browser, and loads nothing from other hosts', async () => {
    await using gateway = await startTestGateway();
    const page = await gateway.send({ headers: browser });
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.body).toContain('<title>Linq GraphQL gateway</title>');
    expect(page.body.match(/(src|href)="(?!graphql\/assets\/)[^"]*"|https?:/g)).toBeNull();
    expect(await filesOf(gateway)).toEqual(expect.arrayContaining(await namedBy(gateway)));
  });

  it('may only load files of the gateway and send requests to it, and run no inline script', async () => {
    await using gateway = await startTestGateway();
    const { headers, body } = await gateway.send({ headers: browser });
    expect(body.match(/<script(?![^>]* (src=|type="application\/json"))|\son\w+=|javascript:/g)).toBeNull();
    const policy = String(headers['content-security-policy']).split('; ').toSorted();
    expect(policy).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      'font-src data:',
      "form-action 'none'",
      "frame-ancestors 'none'",
      "img-src 'self' data:",
      "script-src 'self'",
      "style-src 'self' 'unsafe-inline'",
      "worker-src 'self'",
    ]);
  });

  it('has one tab that runs unchanged, and the header for the token without a value', async () => {
    await using gateway = await startTestGateway();
    const { headers, tabs } = await valuesOf(gateway);
    expect(headers).toEqual({ 'X-LINQ-INTEGRATION-TOKEN': '' });
    expect(tabs).toHaveLength(1);
    const answer = await gateway.query(tabs[0] ?? '', undefined, headers);
    expect(answer.errors).toBeUndefined();
    expect(answer.data.chatMessage.text).toBe('Hello, how are you?');
  });

  it("names the header for the gateway's own credential where one is needed", async () => {
    await using gateway = await startTestGateway({ GATEWAY_API_KEYS: 'key' });
    const { headers } = await valuesOf(gateway);
    expect(headers).toEqual({ authorization: 'Bearer ', 'X-LINQ-INTEGRATION-TOKEN': '' });
  });

  it('is not served with GRAPHIQL=false, nor are its files', async () => {
    await using gateway = await startTestGateway();
    await using without = await startTestGateway({ GRAPHIQL: 'false' });
    const page = await without.send({ headers: { accept: 'text/html' } });
    expect(page.body).not.toContain('GraphiQL');
    expect(page.status).toBeGreaterThanOrEqual(400);
    for (const file of await filesOf(gateway)) {
      const { status, body } = await without.send({ path: new URL(file).pathname });
      expect(status).toBe(404);
      expect(JSON.parse(body).errors[0].message).toBe('There is nothing at this path. GraphQL is at /graphql.');
    }
  });

  it('explains how to build it if it is not built', async () => {
    const graphiql = createGraphiQL(linqPage, newFolder());
    const server = createServer(async (req, res) => {
      const rejection = await graphiql.page(req, res, new RequestRecord('id', req), '/graphql');
      res.writeHead(rejection?.status ?? 200).end(rejection?.message);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const response = await fetch(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
    expect([response.status, await response.text()]).toEqual([404, expect.stringContaining('npm run prepare')]);
    server.close();
  });

  it('is not returned to a program that requests JSON', async () => {
    await using gateway = await startTestGateway();
    const answer = await gateway.send({
      path: '/graphql?query=%7B__typename%7D',
      headers: { accept: 'application/json' },
    });
    expect(JSON.parse(answer.body)).toEqual({ data: { __typename: 'Query' } });
  });
});

/** What the page starts GraphiQL with. */
async function valuesOf(gateway: TestGateway): Promise<{ headers: Record<string, string>; tabs: string[] }> {
  const { body } = await gateway.send({ headers: browser });
  return JSON.parse(/id="first-page">(.*?)<\/script>/.exec(body)?.[1] ?? '');
}

describe("GraphiQL's files", () => {
  it('are named by a hash of their content, and cached permanently', async () => {
    await using gateway = await startTestGateway();
    for (const file of await filesOf(gateway)) {
      const response = await fetch(file);
      const bytes = new Uint8Array(await response.arrayBuffer());
      expect(response.status).toBe(200);
      expect(bytes.length).toBeGreaterThan(100);
      expect(file).toMatch(/-[\w-]{8}\.(js|css|svg)$/);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'cache-control': 'public, max-age=31536000, immutable',
        'content-security-policy': "default-src 'none'",
        'content-type': expect.stringMatching(/^(text\/(javascript|css); charset=utf-8|image\/svg\+xml)$/),
        'x-content-type-options': 'nosniff',
        'x-request-id': expect.any(String),
        vary: 'Accept-Encoding',
      });
    }
  });

  it.each([
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, deflate', 'gzip'],
    ['GZIP;q=0.5, br;q=0', 'gzip'],
    ['br;q=0.0, gzip; q=0', null],
    ['identity', null],
    ['brx, xgzip', null],
  ])('are sent to a client that accepts "%s" as %s, with the same content', async (accepted, coding) => {
    await using gateway = await startTestGateway();
    const read = async (file: string, headers: Record<string, string>) => {
      const response = await fetch(file, { headers });
      return { sent: response.headers, digest: sha256(new Uint8Array(await response.arrayBuffer())).digest('hex') };
    };
    for (const file of (await filesOf(gateway)).slice(0, 3)) {
      const plain = await read(file, { 'accept-encoding': 'identity' });
      const { sent, digest } = await read(file, { 'accept-encoding': accepted });
      expect(sent.get('content-encoding')).toBe(coding);
      expect(digest).toBe(plain.digest);
    }
  });

  it('return their headers without a body for HEAD', async () => {
    await using gateway = await startTestGateway();
    const [file = ''] = await filesOf(gateway);
    const options = { path: new URL(file).pathname, headers: { 'accept-encoding': 'br' } };
    const whole = await gateway.send({ ...options });
    const head = await gateway.send({ ...options, method: 'HEAD' });
    expect([head.status, head.body]).toEqual([200, '']);
    const { date: _one, 'x-request-id': _id, ...headers } = whole.headers;
    expect(head.headers).toMatchObject(headers);
  });

  it('are the only files that are served', async () => {
    await using gateway = await startTestGateway();
    const [file = ''] = await filesOf(gateway);
    const path = new URL(file).pathname;
    const folder = '/graphql/assets/';
    for (const other of [
      `${path}.br`,
      path.replace(/-.*\./, '-00000000.'),
      folder,
      `${folder}manifest.json`,
      `${folder}toString`,
      `${folder}../../package.json`,
      `${folder}..%2f..%2fpackage.json`,
      `${folder}/etc/passwd`,
      `${folder}__proto__`,
      '/graphql/assets',
    ]) {
      const answer = await gateway.send({ path: other });
      expect([other, answer.status]).toEqual([other, 404]);
      expect(JSON.parse(answer.body).errors[0].message).toBe('There is nothing at this path. GraphQL is at /graphql.');
      expect(answer.headers['cache-control']).toBe('no-store');
    }
    for (const method of ['POST', 'PUT', 'DELETE']) {
      expect((await gateway.send({ method, path })).status).toBe(404);
    }
  });

  it('require no credential, like the page', async () => {
    await using gateway = await startTestGateway({ GATEWAY_API_KEYS: 'key' });
    for (const file of await filesOf(gateway)) expect((await fetch(file)).status).toBe(200);
  });

  it.each([
    ['br', 1_600_000],
    ['gzip', 1_720_000],
  ])(
    'that a browser loads at first weigh with the page, as %s, less than %i bytes; the page and the schema less than 60 kB',
    async (coding, limit) => {
      await using gateway = await startTestGateway();
      const { body: page } = await gateway.send({ headers: browser });
      const { body: schema } = await gateway.send({
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          query: getIntrospectionQuery({ schemaDescription: true, inputValueDeprecation: true }),
        }),
      });
      expect(schema).toContain('"__schema"');
      const again = page.length + schema.length;
      expect(again).toBeLessThan(58_000); // headers come on top
      let first = again;
      // All but those that format the query on demand.
      for (const file of (await filesOf(gateway)).filter((name) => !/(babel|estree|standalone)-/.test(name))) {
        const { headers } = await fetch(file, { method: 'HEAD', headers: { 'accept-encoding': coding } });
        first += Number(headers.get('content-length'));
      }
      expect(first).toBeLessThan(limit);
      expect(first).toBeGreaterThan(1_000_000);
    },
  );
});
