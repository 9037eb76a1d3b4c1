import { getIntrospectionQuery } from 'graphql';
import { describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const asking = [
  '{ __schema { queryType { name } } }',
  '{ __type(name: "ChatMessage") { name fields { name } } }',
  '{ harmless: __schema { types { name } } }',
  '{ text: __type(name: "Query") { name } }',
  '{ ...A } fragment A on Query { ... { ...B } } fragment B on Query { innocent: __schema { types { name } } }',
  'query ($yes: Boolean = true) { __schema @include(if: $yes) { types { name } } }',
  'query ($name: String! = "Query") { __type(name: $name) { name } }',
  '{ chatMessage(chatId: 1, id: 224) { id } __schema { description } }',
  '{ _sdl }',
  '{ plain: _service { text: sdl } }',
  '{ ...A } fragment A on Query { _service { ...B } } fragment B on _Service { sdl }',
  getIntrospectionQuery(),
];

/** Documents with a slip, and the name that is meant. */
const slips: [slip: string, query: string, variables: object | undefined, meant: string][] = [
  ['a field', '{ chatMesage(chatId: 1, id: 224) { id } }', undefined, 'chatMessage'],
  ['a field of a type', '{ chatMessage(chatId: 1, id: 224) { sentAtt } }', undefined, 'sentAt'],
  ['an argument', '{ chatMessage(chatIdd: 1, id: 224) { id } }', undefined, 'chatId'],
  ['a type', 'fragment F on ChatMesage { id } { chatMessage(chatId: 1, id: 224) { ...F } }', undefined, 'ChatMessage'],
  ['the type of a variable', 'query ($id: IDD!) { chatMessage(chatId: 1, id: $id) { id } }', { id: 1 }, 'ID'],
  ['a directive, or what it takes', '{ __typename @skip(iff: true, if: false) }', undefined, 'if'],
  ['a field of an input', '{ chatMessagesByKeys(keys: [{ chatIdd: 1, id: 224 }]) { id } }', undefined, 'chatId'],
  [
    'a field of a variable',
    'query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { id } }',
    { keys: [{ chatIdd: '1', chatId: '1', id: '224' }] },
    'chatId',
  ],
];

async function messagesFor(gateway: TestGateway, query: string, variables?: object): Promise<string> {
  const { data, errors = [] } = await gateway.query(query, variables);
  expect(data).toBeUndefined();
  expect(errors.length).toBeGreaterThan(0);
  return errors.map(({ message }) => message).join('\n');
}

describe('with INTROSPECTION=false', () => {
  const env = { INTROSPECTION: 'false' };

  it.each(asking)('%s is refused without a request to Linq', async (query) => {
    await using gateway = await startTestGateway(env);
    const variables = { yes: true, name: 'ChatMessage' };
    for (let turn = 0; turn < 3; turn++) {
      const { data, errors } = await gateway.query(query, turn === 0 ? undefined : variables);
      expect(data).toBeUndefined();
      expect(errors?.[0]?.extensions).toMatchObject({ code: 'GRAPHQL_VALIDATION_FAILED', retryable: false });
    }
    const byGet = await gateway.send({ path: `/graphql?query=${encodeURIComponent(query)}` });
    expect(JSON.parse(byGet.body)).not.toHaveProperty('data');
    expect(gateway.calls).toEqual([]);
  });

  it('__typename is allowed, because the caches of clients need it', async () => {
    await using gateway = await startTestGateway(env);
    for (let turn = 0; turn < 3; turn++) {
      expect(
        await gateway.query('{ __typename kind: __typename chatMessage(chatId: 1, id: 224) { __typename } }'),
      ).toEqual({ data: { __typename: 'Query', kind: 'Query', chatMessage: { __typename: 'ChatMessage' } } });
    }
  });

  it.each(slips)('a misspelled name in %s gets no suggestion', async (_slip, query, variables) => {
    await using gateway = await startTestGateway(env);
    const messages = await messagesFor(gateway, query, variables);
    expect(messages).not.toMatch(/did you mean/i);
    const byGet = await gateway.send({
      path: `/graphql?${new URLSearchParams({ query, ...(variables && { variables: JSON.stringify(variables) }) })}`,
    });
    expect(byGet.body).not.toMatch(/did you mean/i);
  });

  it('the fast path makes no suggestion', async () => {
    await using gateway = await startTestGateway(env);
    const query = 'query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { id } }';
    for (let turn = 0; turn < 4; turn++) await gateway.query(query, { keys: [{ chatId: '1', id: '224' }] });
    expect((await gateway.send({ path: '/metrics' })).body).toContain('executor="compiled"} 3');
    expect(await messagesFor(gateway, query, { keys: [{ chatIdd: '1', id: '224' }] })).not.toMatch(/did you mean/i);
  });
});

describe('with INTROSPECTION=true', () => {
  it.each(asking)('%s is executed', async (query) => {
    await using gateway = await startTestGateway();
    for (let turn = 0; turn < 3; turn++) {
      const { data, errors } = await gateway.query(query);
      expect(errors).toBeUndefined();
      expect(data).toBeDefined();
    }
  });

  it.each(slips)('a misspelled name in %s gets a suggestion', async (_slip, query, variables, meant) => {
    await using gateway = await startTestGateway();
    const messages = await messagesFor(gateway, query, variables);
    expect(messages).toMatch(/Did you mean/);
    expect(messages).toContain(meant);
  });
});
