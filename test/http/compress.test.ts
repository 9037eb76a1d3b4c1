import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

interface Response {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

async function send(
  gateway: TestGateway,
  headers: Record<string, string>,
  { path = '/graphql', method = 'GET', body }: { path?: string; method?: string; body?: string } = {},
): Promise<Response> {
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const outgoing = request(new URL(path, gateway.url), { method, headers: { ...type, ...headers } });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  const bytes = Buffer.concat(await response.toArray());
  return { status: response.statusCode, headers: response.headers, bytes };
}

function textOf({ headers, bytes }: Response): string {
  const coding = headers['content-encoding'];
  if (coding === 'br') return brotliDecompressSync(bytes).toString();
  if (coding === 'gzip') return gunzipSync(bytes).toString();
  if (coding === 'zstd') return zstdDecompressSync(bytes).toString();
  expect(coding).toBeUndefined();
  return bytes.toString();
}

const keys = Array.from({ length: 60 }, (_, index) => ({ chatId: '2', id: String(index + 1) }));
const messages = JSON.stringify({
  query: 'query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { id text sentAt sentFrom } }',
  variables: { keys },
});
const post = (body: string) => ({ method: 'POST', body });
const longError = post(JSON.stringify({ query: `{ ${'unknown '.repeat(30)} }` }));

/** Everything whose response has more than 1 kB. */
const large: [
  what: string,
  request: { path?: string; method?: string; body?: string },
  accept: string,
  status: number,
][] = [
  ['messages', post(messages), 'application/json', 200],
  ['messages by GET', { path: `/graphql?${asSearch()}` }, '*/*', 200],
  ['errors', longError, 'application/graphql-response+json', 400],
  ['metrics', { path: '/metrics' }, '*/*', 200],
  ['the SDL', { path: '/schema.graphql' }, '*/*', 200],
  ["GraphiQL's page", {}, 'text/html', 200],
];

function asSearch(): URLSearchParams {
  const { query, variables } = JSON.parse(messages);
  return new URLSearchParams({ query, variables: JSON.stringify(variables) });
}

describe('a response above 1 kB', () => {
  for (const [what, request, accept, expectedStatus] of large) {
    it.each(['br', 'gzip', 'zstd'])(`of ${what} is sent in %s to a client that accepts it`, async (coding) => {
      await using gateway = await startTestGateway();
      const headers = { accept, 'x-request-id': 'the-same' };
      for (let turn = 0; turn < 3; turn++) {
        const plain = await send(gateway, headers, request);
        expect([plain.status, plain.headers['content-encoding']]).toEqual([expectedStatus, undefined]);
        const packed = await send(gateway, { ...headers, 'accept-encoding': coding }, request);
        expect([packed.status, packed.headers['content-encoding']]).toEqual([expectedStatus, coding]);
        expect(packed.headers['content-length']).toBe(String(packed.bytes.length));
        expect(packed.headers['vary']).toBe('Accept-Encoding');
        expect(packed.bytes.length).toBeLessThan(plain.bytes.length);
        if (what !== 'metrics') expect(textOf(packed)).toBe(plain.bytes.toString());
        const own = ['content-length', 'content-encoding', 'vary', 'date', 'transfer-encoding'];
        const rest = ({ headers: all }: Response) =>
          Object.fromEntries(Object.entries(all).filter(([name]) => !own.includes(name)));
        expect(rest(packed)).toEqual(rest(plain));
      }
    });
  }

  it.each([
    ['gzip, deflate, br, zstd', 'zstd'],
    ['gzip, deflate, br', 'br'],
    ['gzip;q=1, br;q=0.5, zstd;q=0.1', 'gzip'],
    ['br;q="0.9", gzip;q=0.8', 'br'],
    ['ZSTD;q=0, *', 'br'],
    ['*', 'zstd'],
    ['*;q=0, gzip;q=0.1', 'gzip'],
    ['identity;q=0.5, gzip', 'gzip'],
    ['gzip;q=0.5, identity;q=1', undefined],
    ['gzip;q=0, br;q=0.0, zstd;q=0.000', undefined],
    ['identity', undefined],
    ['deflate, compress', undefined],
    ['', undefined],
  ])('is sent to a client of "%s" in %s', async (accepted, coding) => {
    await using gateway = await startTestGateway();
    for (let turn = 0; turn < 3; turn++) {
      const response = await send(gateway, { 'accept-encoding': accepted }, post(messages));
      expect([response.status, response.headers['content-encoding']]).toEqual([200, coding]);
      expect(JSON.parse(textOf(response)).data.chatMessagesByKeys).toHaveLength(60);
      expect(response.headers['vary']).toBe('Accept-Encoding');
      expect(response.headers['content-length']).toBe(String(response.bytes.length));
    }
  });

  it('is not compressed with COMPRESSION=false', async () => {
    await using gateway = await startTestGateway({ COMPRESSION: 'false' });
    for (const [, request, accept] of large) {
      const response = await send(gateway, { accept, 'accept-encoding': 'gzip, br, zstd' }, request);
      expect(response.headers).not.toHaveProperty('content-encoding');
      expect(response.headers).not.toHaveProperty('vary');
    }
  });

  it('varies by origin as well where other origins may read it', async () => {
    await using gateway = await startTestGateway({ CORS_ORIGINS: 'https://app.example' });
    for (let turn = 0; turn < 3; turn++) {
      const headers = { 'accept-encoding': 'gzip', origin: 'https://app.example' };
      const response = await send(gateway, headers, post(messages));
      expect(response.headers['vary']?.split(', ').toSorted()).toEqual(['Accept-Encoding', 'Origin']);
      expect(response.headers['access-control-allow-origin']).toBe('https://app.example');
    }
  });

  it('is compressed while other requests are executed, each complete and on its own connection or a shared one', async () => {
    await using gateway = await startTestGateway();
    const responses = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        send(gateway, { 'accept-encoding': ['gzip', 'br', 'zstd', 'identity'][index % 4] ?? '' }, post(messages)),
      ),
    );
    expect(new Set(responses.map(textOf)).size).toBe(1);
  });

  it('counts as a response in the metrics', async () => {
    await using gateway = await startTestGateway();
    for (let turn = 0; turn < 3; turn++) await send(gateway, { 'accept-encoding': 'gzip' }, post(messages));
    await gateway.metric('graphql_request_duration_seconds_count{outcome="ok"}', 3);
  });
});

describe('is not compressed:', () => {
  it.each<[what: string, request: { path?: string; method?: string; body?: string }, status: number]>([
    ['a response below 1 kB', post('{"query":"{ __typename }"}'), 200],
    ['an error below 1 kB', post('{'), 400],
    ['a path where nothing is', { path: '/nowhere' }, 404],
    ['a redirection', { path: '/' }, 302],
    ['a probe', { path: '/livez' }, 200],
    ['HEAD', { path: '/schema.graphql', method: 'HEAD' }, 200],
    ['HEAD of metrics', { path: '/metrics', method: 'HEAD' }, 200],
  ])('%s', async (_what, request, status) => {
    await using gateway = await startTestGateway();
    const accept = status === 302 ? 'text/html' : 'application/json';
    for (let turn = 0; turn < 3; turn++) {
      const response = await send(gateway, { accept, 'accept-encoding': 'gzip, br, zstd' }, request);
      expect([response.status, response.headers['content-encoding']]).toEqual([status, undefined]);
      if (request.method === 'HEAD') expect(response.bytes).toHaveLength(0);
    }
  });

  it("a preflight, and GraphiQL's files, which are stored compressed", async () => {
    await using gateway = await startTestGateway({ CORS_ORIGINS: 'https://app.example' });
    const asking = {
      origin: 'https://app.example',
      'access-control-request-method': 'POST',
      'accept-encoding': 'gzip',
    };
    const preflight = await send(gateway, asking, { method: 'OPTIONS' });
    expect([preflight.status, preflight.headers['content-encoding']]).toEqual([204, undefined]);
    const page = (await send(gateway, { accept: 'text/html' })).bytes.toString();
    const [path = ''] = /graphql\/assets\/[^"]+\.js/.exec(page) ?? [];
    const file = await send(gateway, { 'accept-encoding': 'zstd, gzip;q=0.5' }, { path: `/${path}` });
    expect([file.status, file.headers['content-encoding']]).toEqual([200, 'gzip']);
    expect(file.headers['vary']).toBe('Origin, Accept-Encoding');
  });
});
