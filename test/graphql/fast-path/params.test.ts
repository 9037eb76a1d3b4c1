import { expect, it } from 'vitest';
import { startTestGateway } from '../../support/gateway.ts';

const query = 'query Main { chatMessage(chatId: 2, id: 5) { id } }';
const found = { data: { chatMessage: { id: '5' } } };

it.each([
  ['id', { id: '1' }],
  ['documentId', { documentId: 'sha256:1' }],
  ['doc_id', { doc_id: '1' }],
  ['key', { key: 7 }],
  ['names of Object.prototype', { constructor: 1, toString: {}, hasOwnProperty: null }],
  ['nothing, but an empty operation name', { operationName: '' }],
  ['null for everything', { operationName: null, variables: null, extensions: null }],
  ['other extensions', { extensions: { clientLibrary: { name: 'x', version: '1' } } }],
])('%s beside a query changes nothing, and does not keep the operation from the fast path', async (_what, more) => {
  await using gateway = await startTestGateway();
  for (let turn = 0; turn < 3; turn++) {
    const { status, body } = await gateway.send({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, ...more }),
    });
    expect([status, JSON.parse(body)]).toEqual([200, found]);
  }
  const { body } = await gateway.send({ path: '/metrics' });
  expect(body).toContain('graphql_operations_total{executor="compiled"} 2\n');
});

it.each([
  ['variables', []],
  ['variables', 'text'],
  ['extensions', []],
  ['extensions', 'text'],
  ['operationName', 7],
  ['operationName', 'Missing'],
])('%s that are %j are refused each time, with the same response', async (name, value) => {
  await using gateway = await startTestGateway();
  const bodies = [];
  for (let turn = 0; turn < 4; turn++) {
    const params = turn === 0 ? { query } : { query, [name]: value };
    const { body } = await gateway.send({
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'test-1' },
      body: JSON.stringify(params),
    });
    if (turn > 0) bodies.push(body);
  }
  expect(JSON.parse(bodies[0] ?? '')).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  expect(new Set(bodies).size).toBe(1);
});
