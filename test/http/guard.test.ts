import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { startTestGateway } from '../support/gateway.ts';

const path = '/graphql?query=%7B__typename%7D';

it.each(['evil.example', 'evil.example:4000', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1', '[::2]'])(
  'refuses a request for host %s with 421 while it trusts every user of this machine',
  async (host) => {
    await using gateway = await startTestGateway();
    for (const headers of [{ host }, { host, accept: 'text/html' }] as Record<string, string>[]) {
      const answer = await gateway.send({ path, headers });
      expect(answer.status).toBe(421);
      expect(JSON.parse(answer.body).errors[0].extensions).toEqual({
        code: 'BAD_REQUEST',
        retryable: false,
        requestId: answer.headers['x-request-id'],
      });
    }
  },
);

it.each([
  'localhost',
  'localhost:4000',
  'LOCALHOST',
  'gateway.localhost:1',
  '127.0.0.1',
  '127.9.9.9:80',
  '[::1]',
  '[::1]:4000',
  '[0:0:0:0:0:0:0:1]',
])('executes a request for host %s', async (host) => {
  await using gateway = await startTestGateway();
  expect((await gateway.send({ path, headers: { host } })).status).toBe(200);
});

it.each([{ GATEWAY_ALLOW_ANONYMOUS: 'true' }, { LINQ_INTEGRATION_TOKEN: '' }])(
  'accepts any host with %o',
  async (env) => {
    await using gateway = await startTestGateway(env);
    expect((await gateway.send({ path, headers: { host: 'gateway.example' } })).status).toBe(200);
  },
);

it.each([
  ['^^', path],
  ['a b', path],
  ['localhost:99999', '/'],
  ['127.999.1.1', path],
  ['localhost', `http://a@localhost${path}`],
  ['localhost', `ftp://localhost${path}`],
  ['localhost', '*'],
  ['localhost?', path],
  ['localhost#', path],
  ['localhost/x', path],
  ['localhost/graphql?query={__typename}#', path],
  ['localhost\\x', path],
  ['a@localhost', path],
])(
  'refuses host "%s" with path %s, which form no URL, with 400 and a message of the gateway',
  async (host, requestPath) => {
    await using gateway = await startTestGateway();
    const answer = await gateway.send({ path: requestPath, headers: { host } });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body).errors[0]).toMatchObject({
      message: 'The Host header and the path do not form a URL: send plain ones, such as localhost:4000 and /graphql.',
      extensions: { code: 'BAD_REQUEST' },
    });
  },
);

it.each([
  '/nowhere',
  '/nowhere/graphql',
  '/nowhere?x=/graphql',
  '/graphql/x',
  '/graphql//',
  '/',
  '/health',
  '/Schema.graphql',
])('returns 404 at %s, with the path of GraphQL', async (nowhere) => {
  await using gateway = await startTestGateway();
  const headers = { accept: 'application/json', 'content-type': 'application/json' };
  for (const method of ['GET', 'POST']) {
    const answer = await gateway.send({
      path: nowhere,
      method,
      headers,
      body: method === 'POST' ? '{"query":"{__typename}"}' : '',
    });
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.body)).toEqual({
      errors: [
        {
          message: 'There is nothing at this path. GraphQL is at /graphql.',
          extensions: { code: 'BAD_REQUEST', retryable: false, requestId: answer.headers['x-request-id'] },
        },
      ],
    });
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  }
});

it('refuses with 421 a request that names no host, before and after it has seen one that does', async () => {
  await using gateway = await startTestGateway();
  const { port } = new URL(gateway.url);
  const statusWithoutHost = async () => {
    const body = '{"query":"{__typename}"}';
    const socket = connect(Number(port), '127.0.0.1');
    socket.end(
      `POST /graphql HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const [answer] = await once(socket, 'data');
    return String(answer).slice(9, 12);
  };
  expect(await statusWithoutHost()).toBe('421');
  await gateway.query('{ __typename }');
  expect(await statusWithoutHost()).toBe('421');
});

it('is alive at /livez', async () => {
  await using gateway = await startTestGateway();
  expect((await gateway.send({ path: '/livez' })).status).toBe(200);
});

it.each(['multipart/mixed', 'image/png', 'text/html'])('refuses a request that accepts only %s', async (accept) => {
  await using gateway = await startTestGateway({ GRAPHIQL: 'false' });
  const answer = await gateway.send({ path, headers: { accept } });
  expect(answer.status).toBe(406);
  expect(JSON.parse(answer.body).errors[0].extensions.code).toBe('BAD_REQUEST');
});

it.each(['text/event-stream, application/json', 'application/*;q=0.1', '*/*', 'APPLICATION/JSON; charset=utf-8'])(
  'responds with JSON to a client that accepts %s',
  async (accept) => {
    await using gateway = await startTestGateway();
    const answer = await gateway.send({ path, headers: { accept } });
    expect(JSON.parse(answer.body)).toEqual({ data: { __typename: 'Query' } });
  },
);

it('does not go on reading a body that it has refused', async () => {
  await using gateway = await startTestGateway();
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.write(
    'POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n',
  );
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1.1 413 /);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {}); // a reset is fine
  const more = () => {
    while (!socket.destroyed && socket.write('x'.repeat(65_536)));
  };
  socket.on('drain', more);
  more();
  await closed;
});
