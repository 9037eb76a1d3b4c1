import { describe, expect, it } from 'vitest';
import { startTestGateway } from '../support/gateway.ts';
import { bearer, example, post, query } from './requests.ts';

const introspection = '{ __schema { queryType { name } } }';
const accepts = ['application/json', 'application/graphql-response+json'];

describe('API keys', () => {
  const env = { GATEWAY_API_KEYS: 'first-key, second-key' };

  it('are all accepted where several are configured, with the scheme in any case', async () => {
    await using gateway = await startTestGateway(env);
    for (const authorization of ['Bearer first-key', 'Bearer second-key', 'bearer first-key', 'BEARER   second-key']) {
      expect(await gateway.query(query, {}, { authorization })).toEqual(example);
    }
  });

  it.each([
    ['none', undefined, 'Bearer'],
    ['an empty one', '', 'Bearer error="invalid_token"'],
    ['another one', 'Bearer third-keyy', 'Bearer error="invalid_token"'],
    ['one in other letters', 'Bearer First-Key', 'Bearer error="invalid_token"'],
    ['the beginning of one', 'Bearer first-ke', 'Bearer error="invalid_token"'],
    ['one with more behind it', 'Bearer first-key2', 'Bearer error="invalid_token"'],
    ['both at once', 'Bearer first-key, second-key', 'Bearer error="invalid_token"'],
    ['the list as it is configured', 'Bearer first-key,second-key', 'Bearer error="invalid_token"'],
    ['one of another scheme', 'Basic first-key', 'Bearer error="invalid_token"'],
    ['one without a scheme', 'first-key', 'Bearer error="invalid_token"'],
    ['a JWT where none are configured', 'Bearer eyJhbGciOiJub25lIn0.e30.', 'Bearer error="invalid_token"'],
    ['a very long one', `Bearer ${'k'.repeat(9_000)}`, 'Bearer error="invalid_token"'],
  ])('refuse %s with 401, for each method and operation', async (_what, authorization, challenge) => {
    await using gateway = await startTestGateway(env);
    const credential = authorization === undefined ? {} : { authorization };
    for (const text of [query, introspection, '{ __typename }', '{']) {
      for (const accept of accepts) {
        const headers = { ...credential, accept, 'x-request-id': 'abc' };
        for (const answer of [
          await post(gateway, text, headers),
          await gateway.send({ path: `/graphql?query=${encodeURIComponent(text)}`, headers }),
        ]) {
          expect(answer.status).toBe(401);
          expect(answer.headers['www-authenticate']).toBe(challenge);
          expect(answer.headers['content-type']).toBe(`${accept}; charset=utf-8`);
          expect(answer.headers['x-request-id']).toBe('abc');
          expect(JSON.parse(answer.body)).toEqual({
            errors: [
              {
                message: expect.stringContaining('This gateway requires a credential'),
                extensions: { code: 'UNAUTHENTICATED', retryable: false, requestId: 'abc' },
              },
            ],
          });
        }
      }
    }
    expect(gateway.calls).toEqual([]);
    expect(gateway.log).toEqual([]);
  });

  it("are required in addition to a caller's own Linq token, which is no credential of the gateway", async () => {
    await using gateway = await startTestGateway(env);
    const own = { 'x-linq-integration-token': 'first-key' };
    expect((await post(gateway, query, own)).status).toBe(401);
    expect(gateway.calls).toEqual([]);
    expect(await gateway.query(query, {}, { ...own, ...bearer('first-key') })).toEqual(example);
    expect(gateway.calls.map(({ headers }) => headers['x-linq-integration-token'])).toEqual(['first-key']);
  });

  it('are required with GATEWAY_ALLOW_ANONYMOUS as well', async () => {
    await using gateway = await startTestGateway({ ...env, GATEWAY_ALLOW_ANONYMOUS: 'true' });
    expect((await post(gateway, query)).status).toBe(401);
  });

  it('count only in the Authorization header', async () => {
    await using gateway = await startTestGateway(env);
    const path = `/graphql?query=${encodeURIComponent(query)}&access_token=first-key&authorization=Bearer%20first-key`;
    expect((await gateway.send({ path, headers: { cookie: 'authorization=Bearer first-key' } })).status).toBe(401);
  });

  it("are not required for GraphiQL's page, but for every request of the page", async () => {
    await using gateway = await startTestGateway(env);
    const path = `/graphql?query=${encodeURIComponent(query)}`;
    const page = await gateway.send({ path, headers: { accept: 'text/html' } });
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect((await gateway.send({ method: 'POST', path, headers: { accept: 'text/html, */*' } })).status).toBe(401);
    expect((await post(gateway, query, { accept: 'text/html, */*' })).status).toBe(401);
    expect(gateway.calls).toEqual([]);
  });

  it('are required before a body is read, and before a known operation is executed', async () => {
    await using gateway = await startTestGateway(env);
    for (let turn = 0; turn < 4; turn++) await gateway.query(query, {}, bearer('first-key'));
    const calls = gateway.calls.length;
    for (const headers of [{}, bearer('first-ke')] as Record<string, string>[]) {
      expect((await post(gateway, query, headers)).status).toBe(401);
      const large = await gateway.send({
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: 'x'.repeat(200_000),
      });
      expect(large.status).toBe(401);
    }
    expect(gateway.calls).toHaveLength(calls);
  });
});
