import { describe, expect, it } from 'vitest';
import { startTestGateway } from '../support/gateway.ts';

const query = '{ chatMessage(chatId: 2, id: 5) { id } }';
const example = { data: { chatMessage: { id: '5' } } };

const executed = (text: string, executor: string) =>
  Number(new RegExp(`graphql_operations_total\\{executor="${executor}"\\} (\\d+)`).exec(text)?.[1]);

/** What each of three equal requests gets: the first is interpreted, the others are compiled where `isFast`. */
async function thrice(params: object, isFast = true) {
  await using gateway = await startTestGateway();
  const answers: unknown[] = [];
  for (let turn = 0; turn < 3; turn++) {
    const headers = { 'content-type': 'application/json' };
    const { status, body } = await gateway.send({ method: 'POST', headers, body: JSON.stringify(params) });
    answers.push([status, JSON.parse(body)]);
  }
  const { body } = await gateway.send({ path: '/metrics' });
  expect([executed(body, 'interpreted'), executed(body, 'compiled')]).toEqual(isFast ? [1, 2] : [3, 0]);
  return answers;
}

const all = (answer: unknown) => [answer, answer, answer].map((each) => [200, each]);

describe('names next to a query that GraphQL over HTTP does not define are ignored:', () => {
  it.each<object>([
    { id: '1' },
    { documentId: 'abc' },
    { doc_id: 'abc' },
    { key: '1' },
    { id: { nested: [1] }, documentId: 7, debugName: null },
    { '': 1, constructor: 1, toString: 'x' },
  ])('%j', async (more) => {
    expect(await thrice({ query, ...more })).toEqual(all(example));
    expect(await thrice({ ...more, query })).toEqual(all(example));
  });

  it('__proto__', async () => {
    const body = JSON.parse(`{"__proto__":{"query":"{ x }","operationName":"X"},"query":"${query}"}`);
    expect(await thrice(body)).toEqual(all(example));
  });

  it.each(['id=1', 'documentId=abc', 'doc_id=abc', 'key=1&utm_source=x'])('%s by GET', async (more) => {
    await using gateway = await startTestGateway();
    const { body } = await gateway.send({ path: `/graphql?query=${encodeURIComponent(query)}&${more}` });
    expect(JSON.parse(body)).toEqual(example);
  });

  it('an id without a query is refused', async () => {
    await using gateway = await startTestGateway();
    for (const name of ['id', 'documentId', 'doc_id', 'key']) {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ [name]: query });
      const answer = await gateway.send({ method: 'POST', headers, body });
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body).errors[0].message).toMatch(/^The request has no query/);
    }
  });

  it('with trusted documents the ids keep their meaning, and other names are ignored', async () => {
    await using gateway = await startTestGateway({}, {}, new Map([['abc', query]]));
    const headers = { 'content-type': 'application/json' };
    for (const params of [{ documentId: 'abc' }, { id: 'abc' }, { doc_id: 'abc', key: 1, debugName: 'x' }]) {
      const { body } = await gateway.send({ method: 'POST', headers, body: JSON.stringify(params) });
      expect(JSON.parse(body)).toEqual(example);
    }
    const refused = await gateway.send({ method: 'POST', headers, body: JSON.stringify({ query, id: 'other' }) });
    expect(refused.status).toBe(400);
  });
});

describe('an empty operationName counts as none', () => {
  it.each<object>([
    { operationName: '' },
    { operationName: null },
    { operationName: '', variables: null, extensions: null },
    { operationName: '', id: '1' },
  ])('in %j', async (more) => {
    expect(await thrice({ query, ...more })).toEqual(all(example));
    expect(await thrice({ query: `query A ${query}`, ...more })).toEqual(all(example));
  });

  it('by GET', async () => {
    await using gateway = await startTestGateway();
    const { body } = await gateway.send({ path: `/graphql?query=${encodeURIComponent(query)}&operationName=` });
    expect(JSON.parse(body)).toEqual(example);
  });

  it('when the document has several operations, none of which is chosen', async () => {
    await using gateway = await startTestGateway();
    const { errors } = await (
      await fetch(gateway.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: 'query A { __typename } query B { __typename }', operationName: '' }),
      })
    ).json();
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_REQUEST' } }]);
  });

  it.each([0, false, ' ', [], {}])('unlike %j, which is not empty', async (operationName) => {
    await using gateway = await startTestGateway();
    const headers = { 'content-type': 'application/json', accept: 'application/graphql-response+json' };
    const body = JSON.stringify({ query, operationName });
    expect((await gateway.send({ method: 'POST', headers, body })).status).toBe(400);
    expect(gateway.calls).toEqual([]);
  });
});
