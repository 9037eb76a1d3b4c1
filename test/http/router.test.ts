import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startTestGateway } from '../support/gateway.ts';

const browser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const json = { 'content-type': 'application/json' };
const body = '{"query":"{ __typename }"}';
const typename = { data: { __typename: 'Query' } };

describe('/', () => {
  it('redirects a browser to GraphiQL', async () => {
    await using gateway = await startTestGateway();
    for (const path of ['/', '/?x=1']) {
      const { status, headers, body: text } = await gateway.send({ path, headers: browser });
      expect([status, headers.location, text]).toEqual([302, path.replace('/', '/graphql'), '']);
      expect(headers['cache-control']).toBe('no-store');
    }
  });

  it.each<[env: Record<string, string>, headers: Record<string, string>]>([
    [{ GRAPHIQL: 'false' }, browser],
    [{ GRAPHIQL: 'false' }, {}],
    [{}, {}],
    [{}, { accept: 'application/json' }],
    [{}, { accept: 'application/json, text/html;q=0.5' }],
    [{}, { accept: 'image/png' }],
  ])('returns the path of GraphQL otherwise: with %o, to %o', async (env, headers) => {
    await using gateway = await startTestGateway(env);
    const answer = await gateway.send({ path: '/', headers });
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.body).errors).toMatchObject([
      { message: 'There is nothing at this path. GraphQL is at /graphql.', extensions: { code: 'BAD_REQUEST' } },
    ]);
    expect(answer.headers).not.toHaveProperty('location');
  });

  it('does not redirect other methods', async () => {
    await using gateway = await startTestGateway();
    for (const method of ['POST', 'PUT', 'DELETE'])
      expect((await gateway.send({ path: '/', method, headers: { ...browser, ...json }, body })).status).toBe(404);
  });
});

it('does not count a request for an unknown path as one for GraphQL', async () => {
  await using gateway = await startTestGateway();
  await gateway.send({ path: '/nowhere' });
  expect((await gateway.send({ path: '/metrics' })).body).toContain(
    'graphql_request_duration_seconds_count{outcome="refused"} 0\n',
  );
});

it('sends no body for HEAD to an unknown path', async () => {
  await using gateway = await startTestGateway();
  const answer = await gateway.send({ path: '/nowhere', method: 'HEAD' });
  expect([answer.status, answer.body]).toEqual([404, '']);
});

describe('/graphql/ is /graphql', () => {
  it('for operations, at first and later', async () => {
    await using gateway = await startTestGateway();
    for (let turn = 0; turn < 3; turn++) {
      for (const path of ['/graphql/', '/graphql/?x=1']) {
        const answer = await gateway.send({ path, method: 'POST', headers: json, body });
        expect([answer.status, JSON.parse(answer.body)]).toEqual([200, typename]);
      }
      const get = await gateway.send({ path: '/graphql/?query=%7B__typename%7D' });
      expect([get.status, JSON.parse(get.body)]).toEqual([200, typename]);
    }
  });

  it('for requests that are refused', async () => {
    await using gateway = await startTestGateway({ GATEWAY_API_KEYS: 'key' });
    const path = '/graphql/';
    expect((await gateway.send({ path, method: 'POST', headers: json, body })).status).toBe(401);
    const authorized = { authorization: 'Bearer key' };
    expect((await gateway.send({ path, headers: { ...authorized, accept: 'image/png' } })).status).toBe(406);
    expect((await gateway.send({ path, method: 'PUT', headers: authorized })).status).toBe(405);
    const foreign = { 'sec-fetch-site': 'cross-site' };
    expect((await gateway.send({ path: '/graphql/?query=%7B__typename%7D', headers: foreign })).status).toBe(403);
  });

  it('for a browser, whose page loads its files by relative paths', async () => {
    await using gateway = await startTestGateway();
    for (const search of ['', '?query=%7B__typename%7D']) {
      const { status, headers } = await gateway.send({ path: `/graphql/${search}`, headers: browser });
      expect([status, headers.location]).toEqual([302, `/graphql${search}`]);
    }
  });
});

describe('/schema.graphql', () => {
  const path = '/schema.graphql';
  const sdl = readFileSync(new URL('../../src/schema/schema.graphql', import.meta.url), 'utf8');

  it('is the SDL of the repository', async () => {
    await using gateway = await startTestGateway();
    for (const headers of [{}, browser, { accept: '*/*' }] as Record<string, string>[]) {
      const answer = await gateway.send({ path, headers });
      expect([answer.status, answer.body]).toEqual([200, sdl]);
      expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
      expect(answer.headers['x-request-id']).toBeDefined();
    }
    const head = await gateway.send({ path, method: 'HEAD' });
    expect([head.status, head.body, head.headers['content-length']]).toEqual([200, '', `${Buffer.byteLength(sdl)}`]);
  });

  it('is served only with introspection', async () => {
    await using gateway = await startTestGateway({ INTROSPECTION: 'false' });
    const answer = await gateway.send({ path });
    expect(answer.status).toBe(404);
    expect(answer.body).not.toContain('ChatMessage');
  });

  it('requires the same credential as operations', async () => {
    await using gateway = await startTestGateway({ GATEWAY_API_KEYS: 'key' });
    for (const headers of [{}, { authorization: 'Bearer other' }] as Record<string, string>[]) {
      const answer = await gateway.send({ path, headers });
      expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, expect.stringContaining('Bearer')]);
      expect(JSON.parse(answer.body).errors[0].extensions.code).toBe('UNAUTHENTICATED');
    }
    expect((await gateway.send({ path, headers: { authorization: 'Bearer key' } })).body).toBe(sdl);
    const other = await gateway.send({ path: '/schema.graphql/', headers: { authorization: 'Bearer key' } });
    expect(other.status).toBe(404);
  });

  it('is not served for other methods, nor to a page of another origin', async () => {
    await using gateway = await startTestGateway();
    expect((await gateway.send({ path, method: 'POST' })).status).toBe(404);
    expect((await gateway.send({ path, headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
  });
});
