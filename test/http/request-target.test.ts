import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const body = '{"query":"{ __typename }"}';

/** Sends these lines and this body, as no client library would; returns the whole response. */
async function raw(gateway: TestGateway, requestLine: string, ...headers: string[]): Promise<string> {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  const hasBody = requestLine.startsWith('POST');
  const own = hasBody ? ['content-type: application/json', `content-length: ${body.length}`] : [];
  const lines = [requestLine, ...headers, ...own, 'connection: close', '', hasBody ? body : ''];
  socket.write(lines.join('\r\n'));
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await once(socket, 'close');
  return text;
}

const statusOf = (response: string) => Number(/^HTTP\/1\.1 (\d+) /.exec(response)?.[1]);
const jsonOf = (response: string) => JSON.parse(response.slice(response.indexOf('\r\n\r\n') + 4));

const anonymous = { GATEWAY_ALLOW_ANONYMOUS: 'true' };

describe('a request with more or fewer than one Host header', () => {
  const several = [
    ['host: localhost', 'host: localhost'],
    ['host: localhost', 'host: evil.example'],
    ['host: evil.example', 'Host: localhost'],
    ['HOST: localhost', 'x-other: 1', 'hOsT: localhost', 'host: localhost'],
    ['host: localhost', 'host:'],
  ];
  it.each(several)('is refused with 400: %s, %s', async (...headers) => {
    await using gateway = await startTestGateway();
    for (let turn = 0; turn < 3; turn++) await gateway.query('{ __typename }'); // the host and the operation are known
    for (const requestLine of ['POST /graphql HTTP/1.1', 'GET /metrics HTTP/1.1', 'GET /livez HTTP/1.1']) {
      const response = await raw(gateway, requestLine, ...headers);
      expect(statusOf(response)).toBe(400);
      expect(jsonOf(response).errors).toMatchObject([
        { message: 'The request has several Host headers: send one.', extensions: { code: 'BAD_REQUEST' } },
      ]);
    }
    expect(gateway.calls).toEqual([]);
  });

  it.each([{}, anonymous])('is refused with 400 if HTTP/1.1 has none, with %o', async (env) => {
    await using gateway = await startTestGateway(env);
    for (const requestLine of [
      'POST /graphql HTTP/1.1',
      'GET /livez HTTP/1.1',
      'GET http://localhost/livez HTTP/1.1',
    ]) {
      const response = await raw(gateway, requestLine);
      expect(statusOf(response)).toBe(400);
      expect(jsonOf(response).errors[0].message).toBe('The request has no Host header: send one.');
    }
  });

  it.each(['the first of all', 'one after another was executed'])(
    'is refused with 421 if HTTP/1.0 has none and only loopback names are accepted: %s',
    async (which) => {
      await using gateway = await startTestGateway();
      if (which !== 'the first of all') await gateway.query('{ __typename }');
      expect(statusOf(await raw(gateway, 'POST /graphql HTTP/1.0'))).toBe(421);
    },
  );

  it('is executed if HTTP/1.0 has none and every host is accepted', async () => {
    await using gateway = await startTestGateway(anonymous);
    expect(jsonOf(await raw(gateway, 'POST /graphql HTTP/1.0'))).toEqual({ data: { __typename: 'Query' } });
  });

  it.each([{}, anonymous])(
    'is refused with 400 where its Host is empty, also as the first of all, with %o',
    async (env) => {
      await using gateway = await startTestGateway(env);
      for (let turn = 0; turn < 3; turn++) {
        expect(statusOf(await raw(gateway, 'POST /graphql HTTP/1.1', 'host:'))).toBe(400);
        await gateway.query('{ __typename }');
      }
    },
  );
});

describe('a request target in absolute form', () => {
  it.each([
    'POST http://localhost/graphql HTTP/1.1',
    'POST http://127.0.0.1:4000/graphql HTTP/1.1',
    'POST HTTP://LOCALHOST:80/graphql HTTP/1.1',
    'POST https://[::1]/graphql HTTP/1.1',
    'POST http://localhost/graphql?unknown=1 HTTP/1.1',
    'GET http://localhost/graphql?query=%7B__typename%7D HTTP/1.1',
    'GET http://localhost/graphql/?query=%7B__typename%7D HTTP/1.1',
  ])('is accepted: %s', async (requestLine) => {
    await using gateway = await startTestGateway();
    for (let turn = 0; turn < 3; turn++) {
      const response = await raw(gateway, requestLine, 'host: localhost');
      expect(jsonOf(response)).toEqual({ data: { __typename: 'Query' } });
    }
  });

  it.each(['/livez', '/metrics', '/schema.graphql'])('leads to %s', async (path) => {
    await using gateway = await startTestGateway();
    expect(statusOf(await raw(gateway, `GET http://localhost${path} HTTP/1.1`, 'host: localhost'))).toBe(200);
  });

  it('without a path is /', async () => {
    await using gateway = await startTestGateway();
    for (const target of ['http://localhost', 'http://localhost?x=/graphql'])
      expect(statusOf(await raw(gateway, `GET ${target} HTTP/1.1`, 'host: localhost'))).toBe(404);
  });

  it('replaces the Host header, also where only loopback names are accepted', async () => {
    await using gateway = await startTestGateway();
    for (let turn = 0; turn < 3; turn++) {
      const rebound = await raw(gateway, 'POST http://evil.example/graphql HTTP/1.1', 'host: localhost');
      expect(statusOf(rebound)).toBe(421);
      const ours = await raw(gateway, 'POST http://localhost/graphql HTTP/1.1', 'host: evil.example');
      expect(statusOf(ours)).toBe(200);
    }
  });

  it("is what a page's origin is compared with", async () => {
    await using gateway = await startTestGateway();
    const target = 'GET http://localhost:4000/graphql?query=%7B__typename%7D HTTP/1.1';
    const own = await raw(gateway, target, 'host: localhost:1', 'origin: http://localhost:4000');
    const foreign = await raw(gateway, target, 'host: localhost:1', 'origin: http://localhost:1');
    expect([statusOf(own), statusOf(foreign)]).toEqual([200, 403]);
  });

  it.each([
    'http://user@localhost/graphql',
    'http://user:password@localhost/graphql',
    'http://localhost@evil.example/graphql',
    'http://localhost\\/graphql',
    'http://localhost:99999/graphql',
    'http:///graphql',
    'ftp://localhost/graphql',
    '*',
  ])('is refused with 400 where it is %s', async (target) => {
    await using gateway = await startTestGateway();
    expect(statusOf(await raw(gateway, `POST ${target} HTTP/1.1`, 'host: localhost'))).toBe(400);
  });
});
