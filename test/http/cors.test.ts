import { describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const app = 'https://app.example';
const query = '{ chatMessage(chatId: 2, id: 5) { id } }';
const path = `/graphql?query=${encodeURIComponent(query)}`;
const example = { data: { chatMessage: { id: '5' } } };

const post = (gateway: TestGateway, headers: Record<string, string> = {}, text = query) =>
  gateway.send({
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query: text }),
  });

const corsHeaders = ({ headers }: { headers: object }) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')));

const preflight = (gateway: TestGateway, origin: string, more: Record<string, string> = {}) =>
  gateway.send({
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,authorization,x-linq-integration-token,cache-control',
      ...more,
    },
  });

/** Everything that can be asked for, in every way that it can be refused or answered. */
async function everyAnswer(gateway: TestGateway, origin: string) {
  const headers = { origin };
  const answers = [
    await preflight(gateway, origin),
    await gateway.send({ path, headers }),
    await gateway.send({ headers: { ...headers, accept: 'text/html' } }),
    await post(gateway, headers, '{'),
    await post(gateway, { ...headers, 'content-type': 'text/plain' }),
    await gateway.send({ method: 'PUT', headers }),
    await gateway.send({ path: '/nowhere', headers }),
  ];
  for (let turn = 0; turn < 4; turn++) answers.push(await post(gateway, headers)); // on the fast path as well
  return answers;
}

describe('without CORS_ORIGINS', () => {
  it.each([{}, { GATEWAY_API_KEYS: 'key' }])('no response has a CORS header, with %o', async (env) => {
    await using gateway = await startTestGateway(env);
    for (const answer of await everyAnswer(gateway, app)) expect(corsHeaders(answer)).toEqual({});
  });

  it('a preflight is refused', async () => {
    await using gateway = await startTestGateway();
    expect((await preflight(gateway, app)).status).toBe(405);
  });
});

describe('with CORS_ORIGINS', () => {
  const env = { CORS_ORIGINS: `${app}, http://localhost:3000` };

  it.each([app, 'http://localhost:3000'])(
    'pages of %s may read every response, and send the headers that they need',
    async (origin) => {
      await using gateway = await startTestGateway(env);
      const asked = await preflight(gateway, origin);
      expect([asked.status, asked.body]).toEqual([204, '']);
      expect(corsHeaders(asked)).toEqual({
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': expect.stringMatching(
          /content-type.*authorization.*x-linq-integration-token.*cache-control/,
        ),
        'access-control-expose-headers': 'x-request-id',
        'access-control-max-age': '600',
      });
      for (const answer of (await everyAnswer(gateway, origin)).slice(1)) {
        expect(corsHeaders(answer)).toEqual({
          'access-control-allow-origin': origin,
          'access-control-expose-headers': 'x-request-id',
        });
        expect(answer.headers['vary']).toMatch(/\bOrigin\b/i);
      }
    },
  );

  it.each([
    'http://app.example',
    'https://app.example:8443',
    'https://app.example.evil.example',
    'https://evilapp.example',
    'https://evil.example/https://app.example',
    'https://app.example/',
    'https://APP.example',
    'https://app.example, https://evil.example',
    'https://app.example@evil.example',
    'http://localhost',
    'http://localhost:30000',
    'null',
    '*',
    '',
  ])('pages of "%s" may read no response', async (origin) => {
    await using gateway = await startTestGateway(env);
    expect((await preflight(gateway, origin)).status).toBe(405);
    for (const answer of await everyAnswer(gateway, origin)) {
      expect(corsHeaders(answer)).toEqual({});
      expect(answer.headers['vary']).toMatch(/\bOrigin\b/i); // a cache must not give it to another origin
    }
  });

  it.each([
    'apollographql-client-name,apollographql-client-version,content-type',
    'baggage,content-type,sentry-trace', // Sentry
    'traceparent, tracestate', // W3C Trace Context
    'x-b3-traceid\t,  x-own',
    'X-Apollo-Operation-Name',
    "!#$%&'*+.^_`|~-9",
    'x-linq-explain',
  ])('their pages may send every header that the preflight requests: %s', async (asked) => {
    await using gateway = await startTestGateway(env);
    const answer = await preflight(gateway, app, { 'access-control-request-headers': asked });
    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-allow-headers']).toBe(asked);
    expect(answer.headers['access-control-max-age']).toBe('600');
    expect(answer.headers['vary']).toBe('Origin, Access-Control-Request-Headers');
    const foreign = await preflight(gateway, 'https://evil.example', { 'access-control-request-headers': asked });
    expect([foreign.status, corsHeaders(foreign)]).toEqual([405, {}]);
    expect(foreign.headers['vary']).toBe('Origin');
  });

  it.each(['', ' ', ',', 'a,', ',a', 'a,,b', 'a b', 'a: b', 'a;b', '"a"', 'a/b', '(a)', 'ä', '[a]', 'a@b', '<a>'])(
    'a preflight requests no header with "%s", which is not a list of names',
    async (asked) => {
      await using gateway = await startTestGateway(env);
      const answer = await preflight(gateway, app, { 'access-control-request-headers': asked });
      expect(answer.status).toBe(204);
      expect(answer.headers).not.toHaveProperty('access-control-allow-headers');
    },
  );

  it('a preflight that requests no header is allowed none', async () => {
    await using gateway = await startTestGateway(env);
    const headers = { origin: app, 'access-control-request-method': 'POST' };
    const answer = await gateway.send({ method: 'OPTIONS', headers });
    expect(answer.status).toBe(204);
    expect(answer.headers).not.toHaveProperty('access-control-allow-headers');
  });

  it('a header that any page may send proves nothing, even if their pages may send every header', async () => {
    await using gateway = await startTestGateway(env);
    await preflight(gateway, app, { 'access-control-request-headers': 'x-own, accept-language, baggage' });
    const marks = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
    for (const name of ['accept-language', 'content-language', 'content-type', 'range', 'baggage', 'x-own', 'dnt']) {
      expect((await gateway.send({ path, headers: { ...marks, [name]: 'x' } })).status).toBe(403);
    }
    expect(gateway.calls).toEqual([]);
  });

  it('never lets a browser add credentials by itself', async () => {
    await using gateway = await startTestGateway(env);
    for (const answer of [await preflight(gateway, app), ...(await everyAnswer(gateway, app))]) {
      expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
    }
  });

  it('a 401 can be read by the page, and a preflight, which has no credential, succeeds', async () => {
    await using gateway = await startTestGateway({ ...env, GATEWAY_API_KEYS: 'key' });
    const denied = await post(gateway, { origin: app });
    expect(denied.status).toBe(401);
    expect(corsHeaders(denied)).toMatchObject({ 'access-control-allow-origin': app });
    expect((await preflight(gateway, app)).status).toBe(204);
    expect(corsHeaders(await post(gateway, { origin: 'https://evil.example' }))).toEqual({});
    expect(gateway.calls).toEqual([]);
  });

  it('responds on the fast path to one origin after the other, each with its own headers', async () => {
    await using gateway = await startTestGateway(env);
    for (let turn = 0; turn < 4; turn++) {
      for (const [origin, allowed] of [
        [app, app],
        ['https://evil.example', undefined],
        ['http://localhost:3000', 'http://localhost:3000'],
      ] as const) {
        const answer = await post(gateway, { origin });
        expect(JSON.parse(answer.body)).toEqual(example);
        expect(answer.headers['access-control-allow-origin']).toBe(allowed);
      }
    }
    expect((await gateway.send({ path: '/metrics' })).body).toMatch(/executor="compiled"} 11\n/);
  });
});

describe('a GET', () => {
  const foreign: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'image' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1' }, // another port
    { origin: 'http://localhost.evil.example' },
    { 'sec-fetch-site': 'cross-site', cookie: 'a=b', referer: 'http://localhost/' },
    { 'sec-fetch-site': 'cross-site', accept: 'image/*,*/*' },
  ];
  it.each(foreign)('with %o is refused with 403, without a request to Linq', async (headers) => {
    await using gateway = await startTestGateway();
    for (const target of [path, `${path}&variables=%7B%7D`, '/graphql']) {
      const answer = await gateway.send({ path: target, headers });
      expect(answer.status).toBe(403);
      expect(JSON.parse(answer.body).errors).toMatchObject([{ extensions: { code: 'BAD_REQUEST' } }]);
    }
    expect(gateway.calls).toEqual([]);
  });

  it.each([
    { authorization: 'Bearer x' },
    { 'x-linq-integration-token': 'x' },
    { 'x-request-id': 'x' },
    { 'x-request-timeout-ms': '5000' },
    { 'x-linq-explain': 'false' },
    { 'apollo-require-preflight': 'true' },
    { 'graphql-preflight': '1' },
  ] as Record<string, string>[])('of another origin is executed with %o, which needs a preflight', async (headers) => {
    await using gateway = await startTestGateway();
    const marks = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
    expect(JSON.parse((await gateway.send({ path, headers: { ...marks, ...headers } })).body)).toEqual(example);
  });

  it.each([{}, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }] as Record<string, string>[])(
    'with %o is executed',
    async (headers) => {
      await using gateway = await startTestGateway();
      expect(JSON.parse((await gateway.send({ path, headers })).body)).toEqual(example);
      const own = { ...headers, origin: new URL(gateway.url).origin };
      expect(JSON.parse((await gateway.send({ path, headers: own })).body)).toEqual(example);
    },
  );

  it('of a page of CORS_ORIGINS is executed', async () => {
    await using gateway = await startTestGateway({ CORS_ORIGINS: app });
    const headers = { origin: app, 'sec-fetch-site': 'cross-site' };
    expect(JSON.parse((await gateway.send({ path, headers })).body)).toEqual(example);
  });

  it("for GraphiQL's page may come from anywhere, and executes no operation", async () => {
    await using gateway = await startTestGateway();
    const answer = await gateway.send({ path, headers: { accept: 'text/html', 'sec-fetch-site': 'cross-site' } });
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(answer.headers['x-frame-options']).toBe('DENY');
    expect(answer.headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    await using without = await startTestGateway({ GRAPHIQL: 'false' });
    const refused = await without.send({ path, headers: { accept: 'text/html', 'sec-fetch-site': 'cross-site' } });
    expect(refused.status).toBe(403);
    expect([...gateway.calls, ...without.calls]).toEqual([]);
  });

  it('is the only method by which a query in the path is run', async () => {
    await using gateway = await startTestGateway();
    for (const method of ['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'POST']) {
      const answer = await gateway.send({ method, path, headers: { 'sec-fetch-site': 'cross-site' } });
      expect(answer.status).toBeGreaterThanOrEqual(400);
    }
    expect(gateway.calls).toEqual([]);
  });
});

it.each([
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'text/plain',
  'text/plain; application/json',
  'text/plain, application/json',
  'application/jsonp',
  'application/graphql',
  'application/json+evil',
  '',
])('a body of type "%s", which any page could send, is refused with 415, without a request to Linq', async (type) => {
  await using gateway = await startTestGateway({ CORS_ORIGINS: app });
  const bodies = [
    JSON.stringify({ query }),
    new URLSearchParams({ query }).toString(),
    `--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${JSON.stringify({ query })}\r\n--x--\r\n`,
    `--x\r\ncontent-disposition: form-data; name="query"\r\n\r\n${query}\r\n--x--\r\n`,
  ];
  for (let turn = 0; turn < 3; turn++) await post(gateway, {}); // seen before
  const calls = gateway.calls.length;
  for (const body of bodies) {
    const headers: Record<string, string> = type === '' ? {} : { 'content-type': type };
    const answer = await gateway.send({ method: 'POST', headers, body });
    expect(answer.status).toBe(415);
    expect(JSON.parse(answer.body).errors).toMatchObject([{ extensions: { code: 'BAD_REQUEST' } }]);
  }
  expect(gateway.calls).toHaveLength(calls);
});
