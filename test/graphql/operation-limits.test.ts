import { getIntrospectionQuery } from 'graphql';
import { describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

const post = (gateway: TestGateway, params: unknown, headers: Record<string, string> = {}) =>
  gateway.send({
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(params),
  });

interface Refused {
  readonly query: string;
  readonly variables?: object;
  readonly found: number;
  /** As the message names it. */
  readonly what: string;
  readonly limit: number;
  readonly variable: string;
}

/** Refused as a whole before Linq is asked, however often it is sent and whatever is accepted. */
async function expectRefusal(gateway: TestGateway, { query, variables, found, what, limit, variable }: Refused) {
  const calls = gateway.calls.length;
  for (const [accept, status] of [
    ['application/json', 200],
    ['application/graphql-response+json', 400],
  ] as const) {
    for (let turn = 0; turn < 3; turn++) {
      const answer = await post(gateway, { query, variables }, { accept, 'x-request-id': 'abc' });
      const { data, errors } = JSON.parse(answer.body);
      expect(errors[0].message).toBe(
        `The operation has ${found} ${what}; the limit is ${limit} (${variable}). Ask for less at once.`,
      );
      expect(errors[0].extensions).toEqual({ code: 'OPERATION_TOO_COSTLY', retryable: false, requestId: 'abc' });
      expect(data).toBeUndefined();
      expect(answer.status).toBe(status);
    }
  }
  expect(gateway.calls).toHaveLength(calls);
  expect(gateway.log).toEqual([]);
}

const key = (index: number) => `{ chatId: 2, id: ${index + 1} }`;
const representation = (index: number) => `{ __typename: "ChatMessage", chatId: 2, id: ${index + 1} }`;
const keysOf = (count: number) => times(count, (index) => ({ chatId: '2', id: `${index + 1}` }));
const byKeys = 'query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { id } }';

const aliases = (count: number) => `{ ${times(count, (index) => `a${index}: __typename`).join(' ')} }`;
const directives = (count: number) => `{ ${times(count, () => '... @skip(if: false) { __typename }').join(' ')} }`;
const tokens = (count: number) => `{ ${times(count - 2, () => '__typename').join(' ')} }`;
const laughs = (levels: number, last: string) =>
  `{ chatMessage(chatId: 2, id: 5) { ...F0 } } ${times(
    levels,
    (level) => `fragment F${level} on ChatMessage { ...F${level + 1} ...F${level + 1} }`,
  ).join(' ')} fragment F${levels} on ChatMessage { ${last} }`;

describe('an operation is refused before a request is sent to Linq', () => {
  const cases: [what: string, env: Record<string, string>, refused: Refused][] = [
    [
      'that is an alias bomb',
      {},
      {
        query: `{ ${times(201, (index) => `a${index}: chatMessage(chatId: 2, id: ${index % 90}) { id }`).join(' ')} }`,
        found: 201,
        what: 'aliases',
        limit: 200,
        variable: 'MAX_ALIASES',
      },
    ],
    [
      'whose aliases are in fragments that are spread often',
      {},
      {
        query: `{ ${times(3, (index) => `a${index}: chatMessage(chatId: 2, id: 5) { ...F ...F }`).join(' ')} }
          fragment F on ChatMessage { ${times(40, (index) => `f${index}: text`).join(' ')} }`,
        found: 243,
        what: 'aliases',
        limit: 200,
        variable: 'MAX_ALIASES',
      },
    ],
    [
      'that doubles its aliases from fragment to fragment thirty times',
      {},
      { query: laughs(30, 'a: id'), found: 2 ** 30, what: 'aliases', limit: 200, variable: 'MAX_ALIASES' },
    ],
    [
      'that doubles its directives from fragment to fragment thirty times',
      {},
      {
        query: laughs(30, 'id @skip(if: false)'),
        found: 2 ** 30,
        what: 'directives',
        limit: 50,
        variable: 'MAX_DIRECTIVES',
      },
    ],
    [
      'that is a depth bomb',
      {},
      {
        query: `${'{ chatMessage(chatId: 2, id: 5) '.repeat(200)}{ id }${'}'.repeat(200)}`,
        found: 201,
        what: 'levels of fields',
        limit: 10,
        variable: 'MAX_DEPTH',
      },
    ],
    [
      'whose depth is in fragments',
      { MAX_DEPTH: '2' },
      {
        query: `query Q { ...A } fragment A on Query { chatMessage(chatId: 2, id: 5) { ... on ChatMessage { ...B } } }
          fragment B on ChatMessage { reactions { id } }`,
        found: 3,
        what: 'levels of fields',
        limit: 2,
        variable: 'MAX_DEPTH',
      },
    ],
    [
      'that is flooded with directives',
      {},
      {
        query: `{ chatMessage(chatId: 2, id: 5) { id ${'@include(if: true) '.repeat(500)} } }`,
        found: 500,
        what: 'directives',
        limit: 50,
        variable: 'MAX_DIRECTIVES',
      },
    ],
    [
      'that is flooded with directives on fragments and itself',
      {},
      {
        query: `query Q @a { ${times(13, () => '...F @skip(if: false)').join(' ')} }
          fragment F on Query @b { ... @include(if: true) { __typename @include(if: true) } }`,
        found: 53,
        what: 'directives',
        limit: 50,
        variable: 'MAX_DIRECTIVES',
      },
    ],
    [
      'that has a million tokens',
      { MAX_BODY_BYTES: '10000000' },
      { query: `{${' a'.repeat(999_998)}}`, found: 1_000_000, what: 'tokens', limit: 4_000, variable: 'MAX_TOKENS' },
    ],
    [
      'that has too many tokens before the first malformed one',
      {},
      { query: `{${' a'.repeat(4_000)} \u0000`, found: 4_001, what: 'tokens', limit: 4_000, variable: 'MAX_TOKENS' },
    ],
    [
      'whose variables name too many messages',
      {},
      {
        query: byKeys,
        variables: { keys: keysOf(500) },
        found: 500,
        what: 'distinct reads',
        limit: 100,
        variable: 'MAX_READS_PER_OPERATION',
      },
    ],
  ];
  it.each(cases)('%s', async (_what, env, refused) => {
    await using gateway = await startTestGateway(env);
    await expectRefusal(gateway, refused);
  });

  it.each([
    ['spreads itself', '{ ...A } fragment A on Query { __typename ...A }'],
    [
      'spreads itself by way of others',
      '{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...A }',
    ],
  ])('if its fragment %s', async (_what, query) => {
    await using gateway = await startTestGateway();
    for (let turn = 0; turn < 3; turn++) {
      const { data, errors } = await gateway.query(query);
      expect(data).toBeUndefined();
      expect(errors?.[0]).toMatchObject({
        message: expect.stringContaining('Cannot spread fragment'),
        extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
      });
    }
  });

  it('if it is part of a batch', async () => {
    await using gateway = await startTestGateway();
    const query = '{ chatMessage(chatId: 2, id: 5) { id } }';
    for (const batch of [[{ query }], times(1_000, () => ({ query })), []]) {
      const answer = await post(gateway, batch);
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body).errors).toMatchObject([{ extensions: { code: 'BAD_REQUEST' } }]);
    }
    expect(gateway.calls).toEqual([]);
  });

  it.each(['mutation', 'subscription'])('if it is a %s, however it is sent', async (kind) => {
    await using gateway = await startTestGateway();
    const query = `${kind} { chatMessage(chatId: 2, id: 5) { id } }`;
    for (const answer of [
      await post(gateway, { query }),
      await gateway.send({ path: `/graphql?query=${encodeURIComponent(query)}` }),
      await gateway.send({ path: `/graphql?query=${encodeURIComponent(`query Q { __typename } ${query}`)}` }),
    ]) {
      const { data, errors } = JSON.parse(answer.body);
      expect(data).toBeUndefined();
      expect(errors[0].extensions.code).toMatch(/^(GRAPHQL_VALIDATION_FAILED|BAD_REQUEST)$/);
    }
    expect(gateway.calls).toEqual([]);
    expect(gateway.log).toEqual([]);
  });

  it('if its variables are nested too deeply', async () => {
    await using gateway = await startTestGateway();
    for (const nested of [
      '['.repeat(40_000) + ']'.repeat(40_000),
      `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
      `[${'{"chatId":'.repeat(5_000)}1${'}'.repeat(5_000)}]`,
    ]) {
      const body = `{"query":${JSON.stringify(byKeys)},"variables":{"keys":${nested}}}`;
      for (let turn = 0; turn < 3; turn++) {
        const answer = await gateway.send({ method: 'POST', headers: { 'content-type': 'application/json' }, body });
        const { data, errors } = JSON.parse(answer.body);
        expect(data).toBeUndefined();
        expect(errors.length).toBeLessThan(100);
        expect(errors[0].extensions.code).toMatch(/^(BAD_USER_INPUT|BAD_REQUEST)$/);
        expect(answer.body.length).toBeLessThan(50_000);
      }
    }
    expect(gateway.calls).toEqual([]);
    expect(gateway.log).toEqual([]);
  });

  it('if its body is too large and sent in chunks, without a length', async () => {
    await using gateway = await startTestGateway();
    const answer = await gateway.send({
      method: 'POST',
      headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      body: JSON.stringify({ query: `{ chatMessage(chatId: 2, id: 5) { id } } #${'x'.repeat(102_400)}` }),
    });
    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.body).errors).toMatchObject([
      { message: 'The body is larger than MAX_BODY_BYTES: ask for less at once.', extensions: { code: 'BAD_REQUEST' } },
    ]);
    expect(gateway.calls).toEqual([]);
  });
});

describe('the distinct messages of an operation are counted exactly', () => {
  const over = { found: 101, what: 'distinct reads', limit: 100, variable: 'MAX_READS_PER_OPERATION' };
  const fields = (count: number, from = 0) =>
    times(count, (index) => `m${from + index}: chatMessage(chatId: 2, id: ${from + index + 1}) { id }`).join(' ');

  const forms: [what: string, query: (count: number) => string, variables?: (count: number) => object][] = [
    ['in fields', (count) => `{ ${fields(count)} }`],
    ['in a list of keys', (count) => `{ chatMessagesByKeys(keys: [${times(count, key).join(' ')}]) { id } }`],
    ['in a variable', () => byKeys, (count) => ({ keys: keysOf(count) })],
    [
      'in fragments',
      (count) =>
        `{ ...A ... { ...B } } fragment A on Query { ${fields(50)} } fragment B on Query { ${fields(count - 50, 50)} }`,
    ],
    [
      'in fields and lists together',
      (count) => `{ ${fields(50)} chatMessagesByKeys(keys: [${times(count, key).join(' ')}]) { id } }`,
    ],
    [
      'in representations',
      (count) =>
        `{ _entities(representations: [${times(count, representation).join(' ')}]) { ... on ChatMessage { id } } }`,
    ],
    [
      'in fields, keys and representations together',
      (count) => `{ ${fields(40)}
      chatMessagesByKeys(keys: [${times(80, key).join(' ')}]) { id }
      _entities(representations: [${times(count, representation).join(' ')}]) { ... on ChatMessage { id } } }`,
    ],
    [
      'in the default of a variable',
      (count) =>
        `query ($keys: [ChatMessageKey!]! = [${times(count, key).join(' ')}]) { chatMessagesByKeys(keys: $keys) { id } }`,
    ],
  ];
  it.each(forms)('%s: 100 pass, 101 are refused', async (_what, query, variables) => {
    await using gateway = await startTestGateway();
    await expectRefusal(gateway, { query: query(101), variables: variables?.(101) ?? {}, ...over });
    for (let turn = 0; turn < 3; turn++) {
      const { data, errors } = await gateway.query(query(100), variables?.(100));
      expect(errors).toBeUndefined();
      expect(Object.values(data).flat()).not.toContain(null);
    }
    expect(gateway.calls).toHaveLength(300);
  });

  it('also when the same operation was sent before with fewer', async () => {
    await using gateway = await startTestGateway();
    for (let turn = 0; turn < 4; turn++) await gateway.query(byKeys, { keys: keysOf(1) });
    expect((await gateway.send({ path: '/metrics' })).body).toContain('executor="compiled"} 3');
    await expectRefusal(gateway, { query: byKeys, variables: { keys: keysOf(101) }, ...over });
    expect(gateway.calls).toHaveLength(4);
  });

  it('once for the same message, however often it is selected', async () => {
    await using gateway = await startTestGateway({ MAX_ALIASES: '300', MAX_TOKENS: '10000' });
    const query = `{
      ${times(300, (index) => `m${index}: chatMessage(chatId: 2, id: ${index % 2 ? '5' : '"5"'}) { id }`).join(' ')}
      chatMessagesByKeys(keys: [${times(300, () => key(4)).join(' ')}]) { id }
    }`;
    const { data, errors } = await gateway.query(query);
    expect(errors).toBeUndefined();
    expect(data.m299).toEqual({ id: '5' });
    expect(data.chatMessagesByKeys).toHaveLength(300);
    expect(gateway.calls).toHaveLength(1);
  });

  it('without those that are skipped, have a malformed id, or are in another operation of the document', async () => {
    await using gateway = await startTestGateway({ MAX_DIRECTIVES: '200' });
    const query = `
      query Mine($no: Boolean! = false) {
        ${fields(60)}
        ... @include(if: $no) { ${fields(60, 100)} }
        ${times(30, (index) => `bad${index}: chatMessage(chatId: 2, id: 0) { id }`).join(' ')}
        list: chatMessagesByKeys(keys: [${times(60, key).join(' ')}]) @skip(if: true) { id }
      }
      query Other { ${times(20, (index) => `o${index}: chatMessage(chatId: 2, id: ${index + 500}) { id }`).join(' ')} }`;
    const answer = await gateway.send({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, operationName: 'Mine' }),
    });
    const { data, errors } = JSON.parse(answer.body);
    expect(errors).toHaveLength(30);
    expect(errors.every((error: { extensions: object }) => 'code' in error.extensions)).toBe(true);
    expect(data.m59).toEqual({ id: '60' });
    expect(gateway.calls).toHaveLength(60);
  });

  // Nothing bounds how often one message is repeated: aliases times keys. 200 x 4000 hold the process up for half a minute.
  it('although an operation that selects one message a hundred thousand times is refused', async () => {
    await using gateway = await startTestGateway();
    const query = `query ($keys: [ChatMessageKey!]!) {
      ${times(25, (index) => `a${index}: chatMessagesByKeys(keys: $keys) { id }`).join(' ')}
    }`;
    const answer = await gateway.query(query, { keys: times(4_000, () => ({ chatId: 2, id: 5 })) });
    expect(answer.errors?.[0]?.extensions['code']).toBe('OPERATION_TOO_COSTLY');
  });
});

describe('each limit lets through what it allows, and is raised by its variable', () => {
  const cases: [variable: string, limit: number, what: string, query: (count: number) => string][] = [
    ['MAX_ALIASES', 200, 'aliases', aliases],
    ['MAX_DIRECTIVES', 50, 'directives', directives],
    [
      'MAX_TOKENS',
      4_000,
      'tokens',
      (count) => `${tokens(200)} ${times(count - 200, () => '# not a token\n,').join('')}`,
    ],
    [
      'MAX_READS_PER_OPERATION',
      100,
      'distinct reads',
      (count) => `{ chatMessagesByKeys(keys: [${times(count, key).join(' ')}]) { id } }`,
    ],
  ];
  it.each(cases)('%s is %i', async (variable, limit, what, query) => {
    await using gateway = await startTestGateway();
    await using raised = await startTestGateway({ [variable]: `${limit + 1}` });
    expect((await gateway.query(query(limit))).errors).toBeUndefined();
    if (variable !== 'MAX_TOKENS') {
      const calls = gateway.calls.length;
      await expectRefusal(gateway, { query: query(limit + 1), found: limit + 1, what, limit, variable });
      expect(gateway.calls).toHaveLength(calls);
    }
    expect((await raised.query(query(limit + 1))).errors).toBeUndefined();
  });

  it('MAX_DEPTH counts leaves and the root', async () => {
    const query = '{ chatMessage(chatId: 2, id: 5) { reactions { id } } }';
    await using two = await startTestGateway({ MAX_DEPTH: '2' });
    await expectRefusal(two, { query, found: 3, what: 'levels of fields', limit: 2, variable: 'MAX_DEPTH' });
    await using three = await startTestGateway({ MAX_DEPTH: '3' });
    expect((await three.query(query)).errors).toBeUndefined();
  });

  it('MAX_BODY_BYTES counts bytes, not characters', async () => {
    const body = (bytes: number) => {
      const start = '{"query":"{ __typename } # ';
      return `${start}${'ä'.repeat((bytes - start.length - 2) / 2)}"}`;
    };
    await using gateway = await startTestGateway({ MAX_BODY_BYTES: '1001' });
    await using raised = await startTestGateway({ MAX_BODY_BYTES: '1003' });
    const send = (to: TestGateway, bytes: number) =>
      to.send({ method: 'POST', headers: { 'content-type': 'application/json' }, body: body(bytes) });
    expect(Buffer.byteLength(body(1001))).toBe(1001);
    expect((await send(gateway, 1001)).status).toBe(200);
    expect((await send(gateway, 1003)).status).toBe(413);
    expect((await send(raised, 1003)).status).toBe(200);
  });
});

describe('introspection', () => {
  it("has its own limit, which GraphiQL's query does not exceed", async () => {
    await using gateway = await startTestGateway();
    const query = getIntrospectionQuery({
      descriptions: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      oneOf: true,
    });
    for (let turn = 0; turn < 3; turn++) {
      const { data, errors } = await gateway.query(query);
      expect(errors).toBeUndefined();
      expect(data.__schema.queryType.name).toBe('Query');
    }
  });

  it.each([
    ['one level too many', `{ __schema { types { ${'ofType { '.repeat(18)} name ${'} '.repeat(18)} } } }`],
    [
      'a list in a list in a list, which multiplies',
      '{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }',
    ],
  ])('is refused if it has %s', async (_what, query) => {
    await using gateway = await startTestGateway();
    for (let turn = 0; turn < 3; turn++) {
      const { data, errors } = await gateway.query(query);
      expect(data).toBeUndefined();
      expect(errors?.[0]?.extensions['code']).toMatch(/^(OPERATION_TOO_COSTLY|GRAPHQL_VALIDATION_FAILED)$/);
    }
  });
});

// graphql-jit (augmentFieldNodeTree) follows every spread: a document that was seen before costs 2^levels to compile.
it('counts fragments that repeat one field without aliases as one field, also the second time', async () => {
  await using gateway = await startTestGateway();
  const startedAt = performance.now();
  for (let turn = 0; turn < 3; turn++) {
    expect(await gateway.query(laughs(22, 'id'))).toEqual({ data: { chatMessage: { id: '5' } } });
  }
  expect(gateway.calls).toHaveLength(3);
  expect(performance.now() - startedAt).toBeLessThan(500);
});

it('checks every operation of a document, not only the one that is named', async () => {
  await using gateway = await startTestGateway();
  const query = `query Cheap { chatMessage(chatId: 2, id: 5) { id } } query Costly ${aliases(201)}`;
  for (let turn = 0; turn < 3; turn++) {
    const { data, errors } = JSON.parse((await post(gateway, { query, operationName: 'Cheap' })).body);
    expect(data).toBeUndefined();
    expect(errors).toMatchObject([{ extensions: { code: 'OPERATION_TOO_COSTLY' } }]);
  }
  expect(gateway.calls).toEqual([]);
});

it('refuses documents whose fields take too long to compare', async () => {
  await using gateway = await startTestGateway();
  for (const query of [tokens(4_000), `{ ${'...{__typename}'.repeat(900)} }`]) {
    expect((await gateway.query(query)).errors?.[0]?.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED');
  }
});
