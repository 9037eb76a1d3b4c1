import { expect, it } from 'vitest';
import { startTestGateway } from './support/gateway.ts';
import { startUpstream } from './support/upstream.ts';

const query = '{ chatMessage(chatId: 1, id: 224) { id text } }';

it("uses the caller's token unchanged if there is one, and the gateway's own otherwise", async () => {
  await using gateway = await startTestGateway();
  for (const token of ['caller-a', '  caller b!"§', undefined, '']) {
    await gateway.query(query, {}, token === undefined ? {} : { 'x-linq-integration-token': token });
  }
  expect(gateway.calls.map(({ headers }) => headers['x-linq-integration-token'])).toEqual([
    'caller-a',
    'caller b!"§', // a header's value starts and ends without spaces
    'the-gateways-own',
    'the-gateways-own',
  ]);
});

it('forwards no other header of the caller to Linq, and no header of Linq to the caller', async () => {
  await using upstream = await startUpstream((response) => {
    response.writeHead(200, { 'set-cookie': 'a=b', 'x-upstream': '1' }).end('{"data":{"id":224}}');
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  const answer = await gateway.send({
    path: `/graphql?query=${encodeURIComponent(query)}`,
    headers: { authorization: 'Bearer x', cookie: 'c=d' },
  });
  expect(Object.keys(answer.headers).sort()).toEqual([
    'cache-control',
    'connection',
    'content-length',
    'content-type',
    'date',
    'keep-alive',
    'x-content-type-options',
    'x-request-id',
  ]);
  await using sandboxed = await startTestGateway();
  await sandboxed.query(query, {}, { authorization: 'Bearer x', cookie: 'c=d' });
  expect(Object.keys(sandboxed.calls[0]?.headers ?? {}).sort()).toEqual([
    'connection',
    'host',
    'x-linq-integration-token',
  ]);
});

it('never returns to one token what another token has read, however the reads overlap', async () => {
  // Answers whoever asks with their own token, once both have asked.
  const waiting: (() => void)[] = [];
  await using upstream = await startUpstream((response, request) => {
    const token = String(request.headers['x-linq-integration-token']);
    waiting.push(() => response.end(JSON.stringify({ data: { id: 224, text: `for ${token}` } })));
    if (waiting.length % 2 === 0) for (const answer of waiting.slice(-2)) answer();
  });
  await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
  for (let round = 0; round < 10; round++) {
    const answers = await Promise.all(
      ['a', 'b'].map((token) => gateway.query(query, {}, { 'x-linq-integration-token': token })),
    );
    expect(answers.map(({ data }) => data.chatMessage.text)).toEqual(['for a', 'for b']);
  }
});

it('without any token fails the read without a request to Linq, and still executes introspection', async () => {
  await using gateway = await startTestGateway({ LINQ_INTEGRATION_TOKEN: '' });
  const answer = await gateway.query('{ chatMessage(chatId: 1, id: 224) { id } __schema { queryType { name } } }');
  expect(answer).toMatchObject({
    data: { chatMessage: null, __schema: { queryType: { name: 'Query' } } },
    errors: [{ path: ['chatMessage'], extensions: { code: 'UNAUTHENTICATED', retryable: false } }],
  });
  expect(gateway.calls).toEqual([]);
});
