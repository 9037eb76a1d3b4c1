import { execute, GraphQLError, parse } from 'graphql';
import { createSchema } from 'graphql-yoga';
import { describe, expect, it } from 'vitest';
import { executeOperation } from '../../src/graphql/execute-operation.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

interface Sent {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a response has whatever shape the test requested
  readonly body: any;
  readonly text: string;
}

/**
 * Sends an operation three times: interpreted, then twice planned if it has a plan. The responses must have the same bytes.
 * `variables` is JSON, since an object cannot be written with a property named `__proto__`.
 */
async function sendThrice(gateway: TestGateway, query: string, variables = '{}', accept = '*/*'): Promise<Sent> {
  const responses = [];
  for (let turn = 0; turn < 3; turn++) {
    const { status, body } = await gateway.send({
      method: 'POST',
      headers: { 'content-type': 'application/json', accept, 'x-request-id': 'test-1' },
      body: `{"query":${JSON.stringify(query)},"variables":${variables}}`,
    });
    responses.push({ status, body });
  }
  const [first, ...others] = responses;
  for (const other of others) expect(other).toEqual(first);
  const { status, body } = first as { status: number; body: string };
  return { status, body: JSON.parse(body), text: body };
}

/** The ids of the messages that were read, as chat/message. */
const keysRead = ({ calls }: TestGateway) => [
  ...new Set(calls.map(({ path }) => path.replace(/.*chats\/(\d+)\/chat_messages\/(\d+)$/, '$1/$2'))),
];

const summaryOf = ({ errors = [] }: Sent['body']) =>
  errors.map(({ path, extensions }: GraphQLError) => [path, extensions['code']]);

const operationsOf = async (gateway: TestGateway, executor: string) => {
  const { body } = await gateway.send({ path: '/metrics' });
  return Number(new RegExp(`graphql_operations_total{executor="${executor}"} (\\d+)`).exec(body)?.[1]);
};

describe('an id in the default of a variable keeps all its digits', () => {
  const big = '9007199254740995';
  it.each([
    ['an argument', `query ($id: ID! = ${big}) { chatMessage(chatId: 1, id: $id) { id } }`, [`1/${big}`]],
    ['an argument, nullable', `query ($id: ID = ${big}) { chatMessage(chatId: 1, id: $id) { id } }`, [`1/${big}`]],
    [
      'both arguments',
      `query ($c: ID! = ${big}, $i: ID! = 9223372036854775807) { chatMessage(chatId: $c, id: $i) { id } }`,
      [`${big}/9223372036854775807`],
    ],
    [
      'a field of an input object',
      `query ($id: ID! = ${big}) { chatMessagesByKeys(keys: [{ chatId: 1, id: $id }]) { id } }`,
      [`1/${big}`],
    ],
    [
      'a default that is an input object',
      `query ($k: ChatMessageKey! = { chatId: 1, id: ${big} }) { chatMessagesByKeys(keys: [$k]) { id } }`,
      [`1/${big}`],
    ],
    [
      'a default that is a list',
      `query ($k: [ChatMessageKey!]! = [{ chatId: 1, id: ${big} }, { chatId: 2, id: 18014398509481985 }]) { chatMessagesByKeys(keys: $k) { id } }`,
      [`1/${big}`, '2/18014398509481985'],
    ],
    [
      'a default that becomes a list of one',
      `query ($k: [ChatMessageKey!]! = { chatId: ${big}, id: 1 }) { chatMessagesByKeys(keys: $k) { id } }`,
      [`${big}/1`],
    ],
    [
      'a default of a list in a list of keys',
      `query ($id: ID! = ${big}) { chatMessagesByKeys(keys: { chatId: 2, id: $id }) { id } }`,
      [`2/${big}`],
    ],
    [
      'a default of a representation',
      `query ($r: [_Any!]! = [{ __typename: "ChatMessage", chatId: 1, id: ${big} }]) { _entities(representations: $r) { __typename } }`,
      [`1/${big}`],
    ],
    [
      'a default inside a representation',
      `query ($id: ID! = ${big}) { _entities(representations: [{ __typename: "ChatMessage", chatId: 1, id: $id }]) { __typename } }`,
      [`1/${big}`],
    ],
    ['a default that is text', `query ($id: ID! = "${big}") { chatMessage(chatId: 1, id: $id) { id } }`, [`1/${big}`]],
    ['no default, but a literal', `{ chatMessage(chatId: 1, id: ${big}) { id } }`, [`1/${big}`]],
  ])('of %s', async (_where, query, keys) => {
    await using gateway = await startTestGateway();
    const { body } = await sendThrice(gateway, query);
    expect(body.errors).toBeUndefined();
    expect(keysRead(gateway)).toEqual(keys);
  });

  it('unless it is not a valid id: then it is refused, not rounded', async () => {
    await using gateway = await startTestGateway();
    const { body } = await sendThrice(
      gateway,
      'query ($a: ID = 9223372036854775808, $b: ID = -1) { a: chatMessage(chatId: 1, id: $a) { id } b: chatMessage(chatId: 1, id: $b) { id } }',
    );
    expect(summaryOf(body)).toEqual([
      [['a'], 'BAD_USER_INPUT'],
      [['b'], 'BAD_USER_INPUT'],
    ]);
    expect(body.errors[0].message).toContain('"9223372036854775808"');
    expect(gateway.calls).toEqual([]);
  });
});

describe('an explicit null for a variable', () => {
  const ok = 'ok: chatMessage(chatId: 1, id: 224) { id }';
  const answered = { ok: { id: '224' } };

  it.each([
    [
      'an argument',
      `query ($x: ID = 2) { ${ok} bad: chatMessage(chatId: 1, id: $x) { text } }`,
      { ...answered, bad: null },
      [['bad']],
    ],
    [
      'two arguments',
      `query ($x: ID = 2) { ${ok} bad: chatMessage(chatId: $x, id: $x) { text } }`,
      { ...answered, bad: null },
      [['bad']],
    ],
    [
      'an argument of two fields',
      `query ($x: ID = 2) { ${ok} a: chatMessage(chatId: $x, id: 1) { text } b: chatMessage(chatId: 1, id: $x) { text } }`,
      { ...answered, a: null, b: null },
      [['a'], ['b']],
    ],
    [
      'an argument in a fragment',
      `query ($x: ID = 2) { ${ok} ...F } fragment F on Query { bad: chatMessage(chatId: 1, id: $x) { text } }`,
      { ...answered, bad: null },
      [['bad']],
    ],
    [
      'introspection: a name',
      `query ($x: String = "Query") { ${ok} bad: __type(name: $x) { name } }`,
      { ...answered, bad: null },
      [['bad']],
    ],
    [
      'introspection: a switch',
      `query ($x: Boolean = false) { ${ok} bad: __type(name: "Attachment") { fields(includeDeprecated: $x) { name } } }`,
      { ...answered, bad: { fields: null } },
      [['bad', 'fields']],
    ],
    [
      '@include on a field below',
      `query ($x: Boolean = true) { ${ok} bad: chatMessage(chatId: 2, id: 5) { text @include(if: $x) } }`,
      { ...answered, bad: null },
      [['bad']],
    ],
    [
      '@skip on a fragment below',
      `query ($x: Boolean = true) { ${ok} bad: chatMessage(chatId: 2, id: 5) { ... @skip(if: $x) { text } } }`,
      { ...answered, bad: null },
      [['bad']],
    ],
    [
      '@include on a spread below',
      `query ($x: Boolean = true) { ${ok} bad: chatMessage(chatId: 2, id: 5) { ...F @include(if: $x) } } fragment F on ChatMessage { text }`,
      { ...answered, bad: null },
      [['bad']],
    ],
  ])('fails only the field that uses it: %s', async (_where, query, data, paths) => {
    await using gateway = await startTestGateway();
    const { status, body } = await sendThrice(gateway, query, '{"x":null}');
    expect(status).toBe(200);
    expect(body.data).toEqual(data);
    expect(summaryOf(body)).toEqual(paths.map((path) => [path, 'BAD_USER_INPUT']));
    expect(body.errors[0].message).toContain('$x');
    expect(body.errors[0].extensions).toEqual({ code: 'BAD_USER_INPUT', retryable: false, requestId: 'test-1' });
    expect(gateway.log).toEqual([]);
  });

  it.each([
    ['a list', 'query ($x: [ChatMessageKey!] = []) { bad: chatMessagesByKeys(keys: $x) { id } }'],
    [
      'an entry of a list',
      'query ($x: ChatMessageKey = { chatId: 1, id: 2 }) { bad: chatMessagesByKeys(keys: [$x]) { id } }',
    ],
    [
      'a field of an input object',
      'query ($x: ID = 2) { bad: chatMessagesByKeys(keys: [{ chatId: 1, id: $x }]) { id } }',
    ],
    ['a list of representations', 'query ($x: [_Any!] = []) { bad: _entities(representations: $x) { __typename } }'],
    ['a representation', 'query ($x: _Any = 1) { bad: _entities(representations: [$x]) { __typename } }'],
  ])('nulls all data where that field cannot be null, with the path of that field: %s', async (_where, query) => {
    await using gateway = await startTestGateway();
    const { status, body } = await sendThrice(gateway, query, '{"x":null}');
    expect(status).toBe(200);
    expect(body.data).toBeNull();
    expect(summaryOf(body)).toEqual([[['bad'], 'BAD_USER_INPUT']]);
    expect(gateway.calls).toEqual([]);
  });

  it.each([
    ['a variable that cannot be null', 'query ($x: ID!) { chatMessage(chatId: 1, id: $x) { id } }'],
    ['one with a default', 'query ($x: ID! = 2) { chatMessage(chatId: 1, id: $x) { id } }'],
    ['a list', 'query ($x: [ChatMessageKey!]! = []) { chatMessagesByKeys(keys: $x) { id } }'],
    [
      '@include on a root field',
      'query ($x: Boolean = true) { chatMessage(chatId: 1, id: 224) @include(if: $x) { id } }',
    ],
    [
      '@skip on a fragment of root fields',
      'query ($x: Boolean = true) { ... @skip(if: $x) { chatMessage(chatId: 1, id: 224) { id } } }',
    ],
    [
      '@include that is declared as non-null',
      'query ($x: Boolean!) { chatMessage(chatId: 1, id: 224) @include(if: $x) { id } }',
    ],
  ])('fails the whole request: %s', async (_where, query) => {
    await using gateway = await startTestGateway();
    const { status, body } = await sendThrice(gateway, query, '{"x":null}');
    expect(status).toBe(200);
    expect(body.data ?? null).toBeNull();
    expect(summaryOf(body)).toEqual([[undefined, 'BAD_USER_INPUT']]);
    const other = await sendThrice(gateway, query, '{"x":null}', 'application/graphql-response+json');
    expect(other.status).toBe(400);
    expect(gateway.calls).toEqual([]);
  });

  it('is an entry or a value where the type allows it', async () => {
    await using gateway = await startTestGateway();
    const { body } = await sendThrice(
      gateway,
      'query ($x: _Any = 1) { e: _entities(representations: [{ __typename: "ChatMessage", chatId: 1, id: $x }]) { __typename } }',
      '{"x":null}',
    );
    expect(body.data).toEqual({ e: [null] });
    expect(summaryOf(body)).toEqual([[['e', 0], 'BAD_USER_INPUT']]);
  });

  it('a variable that is left out takes its default, also on the fast path', async () => {
    await using gateway = await startTestGateway();
    const query = 'query ($x: ID = 5) { chatMessage(chatId: 2, id: $x) { id } }';
    expect((await sendThrice(gateway, query)).body).toEqual({ data: { chatMessage: { id: '5' } } });
    expect(await operationsOf(gateway, 'compiled')).toBe(2);
    expect((await sendThrice(gateway, query, '{"x":"6"}')).body).toEqual({ data: { chatMessage: { id: '6' } } });
    expect((await sendThrice(gateway, query, '{"x":null}')).body.data).toEqual({ chatMessage: null });
  });
});

/** Those of Object.prototype, and others that JavaScript or Node treat specially. */
const oddNames = [
  ...Object.getOwnPropertyNames(Object.prototype),
  'then',
  'toJSON',
  'prototype',
  'length',
  'name',
  'nodes',
];

describe.each(oddNames)('the name %s is like any other', (name) => {
  it('for a variable', async () => {
    await using gateway = await startTestGateway();
    const query = `query ($${name}: ID!) { chatMessage(chatId: 2, id: $${name}) { id } }`;
    const missing = await sendThrice(gateway, query);
    expect(missing.body.data).toBeUndefined();
    expect(summaryOf(missing.body)).toEqual([[undefined, 'BAD_USER_INPUT']]);
    expect(gateway.calls).toEqual([]);
    const { body } = await sendThrice(gateway, query, `{"${name}":"5"}`);
    expect(body).toEqual({ data: { chatMessage: { id: '5' } } });
    expect(await operationsOf(gateway, 'compiled')).toBe(3); // planned since its first execution, which failed
    const nulled = await sendThrice(gateway, query, `{"${name}":null}`);
    expect(summaryOf(nulled.body)).toEqual([[undefined, 'BAD_USER_INPUT']]);
  });

  it('for a variable with a default, in a list of keys, and by GET', async () => {
    await using gateway = await startTestGateway();
    const query = `query ($${name}: ID = 7) { chatMessagesByKeys(keys: [{ chatId: 2, id: $${name} }]) { id } }`;
    expect((await sendThrice(gateway, query)).body).toEqual({ data: { chatMessagesByKeys: [{ id: '7' }] } });
    expect((await sendThrice(gateway, query, `{"${name}":"8"}`)).body.data).toEqual({
      chatMessagesByKeys: [{ id: '8' }],
    });
    expect((await sendThrice(gateway, query, `{"${name}":9,"big":12345678901234567}`)).body.data).toEqual({
      chatMessagesByKeys: [{ id: '9' }],
    });
    const search = new URLSearchParams({ query, variables: `{"${name}":"6"}` });
    const byGet = await gateway.send({ path: `/graphql?${search}` });
    expect(JSON.parse(byGet.body)).toEqual({ data: { chatMessagesByKeys: [{ id: '6' }] } });
  });

  it('for response keys, at the root and below, and for operations and fragments', async () => {
    await using gateway = await startTestGateway();
    const query = `query ${name} {
      ${name}: chatMessage(chatId: 1, id: 224) { ${name}: text sentFrom attachments { ${name}: id } ...${name} }
      last: chatMessage(chatId: 2, id: 5) { id }
    } fragment ${name} on ChatMessage { reactions { id ${name}: reaction } }`;
    const { text } = await sendThrice(gateway, query);
    expect(await operationsOf(gateway, 'compiled')).toBe(2);
    const plain = await sendThrice(gateway, query.replaceAll(name, 'plain_one'));
    expect(text).toBe(plain.text.replaceAll('plain_one', name));
    expect(text).toContain(`{"${name}":{"${name}":"`);
  });

  it('for the response key of a field that fails', async () => {
    await using gateway = await startTestGateway();
    const { text, body } = await sendThrice(
      gateway,
      `{ ${name}: chatMessage(chatId: 403, id: 1) { id } last: chatMessage(chatId: 2, id: 5) { ${name}: id } }`,
    );
    expect(text).toContain(`"data":{"${name}":null,"last":{"${name}":"5"}}`);
    expect(summaryOf(body)).toEqual([[[name], 'FORBIDDEN']]);
  });
});

it('the response key __proto__ keeps its place among others of one object', async () => {
  await using gateway = await startTestGateway();
  const { text } = await sendThrice(
    gateway,
    '{ chatMessage(chatId: 1, id: 224) { __proto__: id sentFrom constructor: chatId } }',
  );
  expect(text).toMatch(/^\{"data":\{"chatMessage":\{"__proto__":"224","sentFrom":".+","constructor":"1"\}\}\}$/);
});

describe('errors that graphql-js reports without a code', () => {
  const schema = createSchema({
    typeDefs: `
      scalar Broken
      input Range { from: Int! = 1 to: Int }
      type Query {
        item(id: ID!, range: Range): Item
        list: [Item]
        abstract: Node
        thrown(id: ID): String
        broken: Int
        serialized: Broken
        parsed(value: Broken): String
      }
      interface Node { id: ID }
      type Item implements Node { id: ID required: String! }
    `,
    resolvers: {
      Query: {
        item: () => ({}),
        list: () => 7,
        abstract: () => ({ __typename: 'Missing' }),
        thrown: () => {
          throw new GraphQLError('Argument "Query.thrown(id:)" has invalid value: a message like those of graphql-js.');
        },
        broken: () => 'text',
        serialized: () => 1,
        parsed: () => 'fine',
      },
    },
  });
  const codesOf = async (query: string, variableValues: Record<string, unknown>, run = executeOperation) => {
    const { errors = [] } = await run({ schema, document: parse(query), variableValues });
    return errors.map(({ path, extensions }) => [path?.join('.'), extensions['code']]);
  };

  it.each([
    ['a null argument', 'query ($x: ID = 1) { item(id: $x) { id } }', 'item'],
    ['a null in an input object', 'query ($x: Int = 1) { item(id: 1, range: { from: $x }) { id } }', 'item'],
    ['a null for a directive', 'query ($x: Boolean = true) { item(id: 1) { id @skip(if: $x) } }', 'item'],
  ])('are the client’s where an argument does not fit: %s', async (_what, query, path) => {
    expect(await codesOf(query, { x: null })).toEqual([[path, 'BAD_USER_INPUT']]);
    // When this fails, graphql-js tells these errors apart by itself, and executeOperation is not needed any more.
    expect(await codesOf(query, { x: null }, async (args) => execute(args))).toEqual([[path, undefined]]);
  });

  it.each([
    ['null for a field that cannot be null', '{ item(id: 1) { required } }', 'item.required'],
    ['no list', '{ list { id } }', 'list'],
    ['an abstract type that is none', '{ abstract { id } }', 'abstract'],
    ['an error that a resolver throws, whatever its message', 'query ($x: ID = 1) { thrown(id: $x) }', 'thrown'],
    ['a leaf that cannot be serialized', '{ broken }', 'broken'],
  ])('stay ours where the schema or a resolver is at fault: %s', async (_what, query, path) => {
    expect(await codesOf(query, { x: null })).toEqual([[path, undefined]]);
  });

  it('are distinguished within one response', async () => {
    const query = 'query ($x: ID = 1) { item(id: $x) { id } broken thrown(id: $x) }';
    expect(await codesOf(query, { x: null })).toEqual([
      ['item', 'BAD_USER_INPUT'],
      ['broken', undefined],
      ['thrown', undefined],
    ]);
  });
});
