import fc from 'fast-check';
import { leafFields, selectionOfAll } from '../../support/property-fields.ts';

/** A document, and what its variables are called in it. */
export interface Document {
  readonly query: string;
  readonly operationName: string;
  readonly names: Readonly<Record<VariableKey, string>>;
}

export interface Request {
  /** The body. With `comment`, the same document at the same places, but one that was not sent before. */
  body(comment?: string): string;
  readonly headers: Record<string, string>;
}

type VariableKey = 'c' | 'i' | 'k' | 'm' | 'r' | 'yes' | 'no' | 'n' | 's' | 'size';
const variableKeys: readonly VariableKey[] = ['c', 'i', 'k', 'm', 'r', 'yes', 'no', 'n', 's', 'size'];

const cursorOf = (position: string) => Buffer.from(position).toString('base64url');

/** Names that JavaScript treats specially. */
const oddNames = [
  ...Object.getOwnPropertyNames(Object.prototype),
  'then',
  'toJSON',
  'prototype',
  'length',
  'arguments',
];

/** Types and defaults. A nullable variable with a default may be null explicitly, which is then an error where it is used. */
const definitions: Readonly<Record<VariableKey, readonly string[]>> = {
  c: ['ID!', 'ID! = 2', 'ID = 1', 'ID = "2"', 'ID! = 9007199254740993'],
  i: ['ID!', 'ID! = 9007199254740995', 'ID = 224', 'ID = "77"', 'ID = 18014398509481985', 'ID = 9223372036854775808'],
  k: [
    '[ChatMessageKey!]!',
    '[ChatMessageKey!]! = []',
    '[ChatMessageKey!] = [{ chatId: 2, id: 9007199254740993 }, { id: "5", chatId: 2 }]',
    '[ChatMessageKey!]! = { chatId: 1, id: 224 }',
  ],
  m: [
    'ChatMessageKey!',
    'ChatMessageKey = { chatId: 1, id: 9007199254740995 }',
    'ChatMessageKey! = { id: 7, chatId: 2 }',
  ],
  r: [
    '[_Any!]! = []',
    '[_Any!] = [{ __typename: "ChatMessage", chatId: 1, id: 9007199254740993 }, { __typename: "Chat", id: 2 }, { nested: [{ a: 1.5 }, null] }]',
    '[_Any!]! = { __typename: "ChatMessage", chatId: "2", id: 9223372036854775807 }',
  ],
  yes: ['Boolean!', 'Boolean = true', 'Boolean! = true', 'Boolean = false'],
  no: ['Boolean = false', 'Boolean! = false', 'Boolean = true'],
  s: ['String', `String = "${cursorOf('1:2:1700000000000:500000')}"`, 'String = null', 'String = "x"'],
  size: ['Int', 'Int! = 3', 'Int = 1', 'Int = 0', 'Int = null'],
  n: ['String = "ChatMessage"', 'String! = "Reaction"', 'String = "Missing"'],
};

const leaf = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...leafFields('ChatMessage'),
      '__typename',
      'other: text',
      'text @include(if: $yes)',
      'sentAt @skip(if: $yes)',
      'id @skip(if: $no) @include(if: $yes)',
    ),
  },
  // The same name always stands for the same field, so that selections can be merged.
  {
    weight: 1,
    arbitrary: fc
      .nat(oddNames.length - 1)
      .map((index) => `${oddNames[index]}: ${['text', 'id', '__typename'][index % 3]}`),
  },
);
const nested = fc.constantFrom(
  `attachments { ${leafFields('Attachment').join(' ')} __typename }`,
  'attachments { file: filename ... on Attachment @include(if: $yes) { fileSize } }',
  '__proto__more: attachments { __proto__: id constructor: url }',
  `reactions ${selectionOfAll('Reaction')}`,
  'reactions { id toString: reaction hasOwnProperty: __typename }',
  'reactions @include(if: $no) { id }',
  '...Some',
  '...Some @skip(if: $no)',
  '... on ChatMessage { isRead attachments { id } }',
  '... @skip(if: $no) { editedAt }',
  `chat ${selectionOfAll('Chat')}`,
  'again: chat { toString: service isGroup people: participants { constructor: address } __typename }',
  'chat @include(if: $yes) { id }',
  `sender { ${leafFields('ChatParticipant').join(' ')} __typename }`,
  'chat { messages(last: 2) { nodes { id chat { id } sender { address } } pageInfo { hasPreviousPage } } }',
);
const selection = fc
  .tuple(fc.uniqueArray(leaf, { minLength: 1, maxLength: 6 }), fc.uniqueArray(nested, { maxLength: 3 }))
  .map(([leaves, others]) => `{ ${[...leaves, ...others].join(' ')} }`);
// Chats that answer at once: messages, none, failures, a body that drifts.
const key = fc.record({
  chatId: fc.constantFrom('1', '2', '2', '401', '403', '404', '600', '601', '602', '0', '-1', 'x'),
  id: fc.constantFrom('224', '5', '77', '999999', '4000000', '9007199254740993', '9007199254740995', '007', ''),
});
const field = fc.oneof(
  {
    weight: 3,
    arbitrary: key.map(
      ({ chatId, id }) => `chatMessage(chatId: "${chatId}", id: ${/^[1-9]\d*$/.test(id) ? id : JSON.stringify(id)})`,
    ),
  },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      'chatMessage(chatId: $c, id: $i)',
      'chatMessage(id: $i, chatId: 2)',
      'chatMessagesByKeys(keys: $k)',
      'chatMessagesByKeys(keys: [$m, { chatId: 2, id: 9 }])',
      'chatMessagesByKeys(keys: [{ chatId: $c, id: $i }, { id: 9007199254740993, chatId: 2 }])',
      'chatMessagesByKeys(keys: [])',
    ),
  },
);
const chatField = fc.constantFrom(
  'chat(id: $c)',
  'chat(id: "2")',
  'chat(id: 404)',
  'chat(id: 403)',
  'chat(id: 602)',
  'chat(id: "x")',
  'chatsByIds(ids: [$c, 2, 1, 2, 401, 0])',
  'chatsByIds(ids: [])',
);
const chatSelection = fc
  .uniqueArray(
    fc.constantFrom(
      'id',
      'displayName',
      'service',
      'isGroup',
      'messageCount',
      '__typename',
      'other: displayName',
      'participants { id address service joinedAt }',
      '__proto__: service',
      'id @skip(if: $yes)',
      '... on Chat { isGroup }',
      'messages { nodes { id text chat { id } } }',
      'newest: messages(last: 3) { edges { cursor node { ...Some sender { id } } } pageInfo { endCursor startCursor } }',
      'oldest: messages(first: 2, after: $s) { nodes { id chat { displayName messages(first: 1) { nodes { id } } } } }',
      'since: messages(sentSince: "2020-01-01T00:00:00Z", last: $size, before: $s) { __typename nodes { constructor: text } }',
      'bad: messages(last: $size, first: 1) { nodes { id } }',
      'foreign: messages(before: "no cursor") { nodes { id } }',
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((fields) => `{ ${fields.join(' ')} }`);
const rarely = fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });

export const document: fc.Arbitrary<Document> = fc
  .record({
    fields: fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fc.tuple(field, selection) },
        { weight: 1, arbitrary: fc.tuple(chatField, chatSelection) },
      ),
      { minLength: 1, maxLength: 5 },
    ),
    aliases: fc.shuffledSubarray(oddNames, { minLength: 12 }),
    isOdd: fc.record({ aliases: fc.boolean(), variables: rarely, operation: rarely, fragment: rarely }),
    types: fc.record(
      Object.fromEntries(variableKeys.map((name) => [name, fc.constantFrom(...definitions[name])])) as Record<
        VariableKey,
        fc.Arbitrary<string>
      >,
    ),
    hasDirectives: rarely,
    second: fc.boolean(),
    literal: rarely,
    introspection: rarely,
    rootDirective: rarely,
  })
  .map(({ fields, aliases, isOdd, types, hasDirectives, second, literal, introspection, rootDirective }) => {
    const alias = (index: number) => (isOdd.aliases ? aliases[index] : `f${index}`);
    const names = Object.fromEntries(
      variableKeys.map((name, index) => [name, isOdd.variables ? aliases.at(-1 - index) : name]),
    ) as Record<VariableKey, string>;
    const operationName = isOdd.operation ? (aliases[0] as string) : 'Main';
    const fragment = isOdd.fragment ? (aliases[1] as string) : 'Some';
    const body = [
      ...fields.map(([call, selected], index) => `${alias(index)}: ${call} ${selected}`),
      '__typename',
      `${alias(6)}: chatMessage(chatId: $c, id: $i) ${rootDirective ? '@include(if: $yes)' : ''} { ...Some }`,
      `more: _entities(representations: $r) { __typename ... on ChatMessage { id text ...Some } ... on Chat { id displayName newest: messages(last: 1) { nodes { id } } } }`,
      literal
        ? 'e: _entities(representations: [{ __typename: "ChatMessage", chatId: $c, id: 9007199254740993 }, 7]) { ...Some }'
        : '',
      introspection ? 'type: __type(name: $n) { name fields(includeDeprecated: $no) { name } }' : '',
    ].join('\n');
    const whole = `${body}\n} fragment Some on ChatMessage { text id } ${second ? 'query Other { __typename }' : ''}`;
    const chosen = hasDirectives ? whole : whole.replace(/ @\w+\(if: \$\w+\)/g, '');
    const used = new Set([...chosen.matchAll(/\$(\w+)/g)].map(([, name]) => name));
    const declared = variableKeys.filter((name) => used.has(name)).map((name) => `$${name}: ${types[name]}`);
    const query = `query Main${declared.length > 0 ? `(${declared.join(', ')})` : ''} {\n${chosen}`
      .replace(/\$(\w+)/g, (_match, name: VariableKey) => `$${names[name]}`)
      .replace('query Main', `query ${operationName}`)
      .replaceAll('...Some', `...${fragment}`)
      .replace('fragment Some', `fragment ${fragment}`);
    return { query, operationName, names };
  });

/** Stands for a JSON number that JavaScript would round. */
const bigNumber = (digits: string) => `number ${digits}`;

const junk: fc.Arbitrary<unknown> = fc.constantFrom(
  null,
  null,
  true,
  1.5,
  -1,
  0,
  2 ** 53,
  1e300,
  '',
  ' 1',
  '1 ',
  '９',
  [1],
  { id: 1 },
  '9223372036854775808',
  bigNumber('9007199254740993'),
  bigNumber('12345678901234567890'),
  bigNumber('1e400'),
);
const anId = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('224', '5', '77', '404', '1', '2', '9007199254740993') },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 1_000 }) },
  { weight: 1, arbitrary: junk },
);
/** Not those that answer late, or open the circuit breaker for others. */
const aChat = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom<unknown>('1', '2', 1, 2, 2, '403', 404, '602', '9007199254740995') },
  { weight: 1, arbitrary: junk },
);
const representation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ __typename: fc.constant('ChatMessage'), chatId: aChat, id: anId }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ __typename: 'Chat', id: 1 }, { __typename: 'Chat', id: '2' }, {}, 7, 'x', [], true, {
      __typename: 'ChatMessage',
    }),
  },
);
const aKey = fc.record({ chatId: aChat, id: anId });
const aBoolean = (odd: readonly unknown[]) =>
  fc.oneof({ weight: 9, arbitrary: fc.boolean() }, { weight: 1, arbitrary: fc.constantFrom(null, ...odd) });
const variables: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record(
      {
        c: aChat,
        i: anId,
        k: fc.oneof(
          { weight: 8, arbitrary: fc.array(aKey, { maxLength: 4 }) },
          {
            weight: 1,
            arbitrary: fc.constantFrom(null, {}, { chatId: 1, id: 5 }, [null], [{ chatId: 1 }], [{ id: 1, x: 2 }]),
          },
        ),
        m: fc.oneof({ weight: 8, arbitrary: aKey }, { weight: 1, arbitrary: fc.constantFrom(null, [], { id: 1 }) }),
        yes: aBoolean(['true', 1]),
        no: aBoolean([0]),
        s: fc.constantFrom(null, '', cursorOf('1:2:1700000000000:500000'), cursorOf('1:1:1700000000000:5'), 7),
        size: fc.constantFrom(null, 1, 2, 5, 100, 101, 0, -1, 1.5, '3'),
        n: fc.constantFrom('Query', 'ChatMessage', 'Nope', '__proto__', null, 7),
        r: fc.oneof(
          { weight: 9, arbitrary: fc.array(representation, { maxLength: 4 }) },
          { weight: 1, arbitrary: fc.constantFrom(null, 'x') },
        ),
        extra: fc.constant('not declared'),
      },
      { requiredKeys: ['c', 'i', 'yes', 'm', 'k'] },
    ),
  },
  { weight: 2, arbitrary: fc.record({ c: aChat, i: anId, k: fc.constant([]) }, { requiredKeys: [] }) },
  { weight: 1, arbitrary: fc.constantFrom(null, undefined, [], 'x', 7, {}) },
);
const accept = fc.constantFrom(
  undefined,
  '*/*',
  '*/*;q=1',
  'application/json',
  'application/json;q=1',
  'application/graphql-response+json',
  'application/graphql-response+json, application/json',
  'application/json, text/plain',
  'text/html, application/graphql-response+json',
);
const headers = fc.oneof(
  { weight: 8, arbitrary: fc.constant({}) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Record<string, string>>(
      { 'x-linq-integration-token': 'a-token-of-the-callers' },
      { 'x-linq-integration-token': '' },
      { 'x-request-timeout-ms': '5000' },
      { 'x-request-timeout-ms': 'soon' },
      { 'x-linq-explain': 'true' },
      { 'x-linq-explain': 'yes' },
      { 'content-type': 'application/json; charset=utf-8' },
      { 'content-type': 'Application/JSON' },
      { 'content-type': 'text/plain' },
    ),
  },
);
const malformed = fc
  .constantFrom(
    '',
    '{',
    'null',
    '[]',
    '"text"',
    '{"query":7}',
    '{"query":null}',
    '{"variables":{}}',
    '{"query":""}',
    '{"query":"{"}',
    '{"query":"{ __typename }","query":"{ nope }"}',
    '{"__proto__":{"query":"{ __typename }"}}',
  )
  .map((body) => () => body);

/** An operation of one of these documents, as a client sends it. */
export function bodyFor(documents: readonly Document[]): fc.Arbitrary<Request['body']> {
  return fc
    .record({
      document: fc.constantFrom(...documents),
      variables,
      operationName: fc.oneof(
        { weight: 8, arbitrary: fc.constant('its own') },
        { weight: 1, arbitrary: fc.constantFrom(undefined, null, '', 'Other', 'Missing', 7) },
      ),
      more: fc.oneof(
        { weight: 9, arbitrary: fc.constant({}) },
        {
          weight: 1,
          arbitrary: fc.constantFrom<object>(
            { extensions: {} },
            { extensions: null },
            { extensions: { persistedQuery: 1 } },
            { extensions: 'x' },
            { surplus: 1 },
            { constructor: 1, id: '1' },
          ),
        },
      ),
    })
    .map(({ document: { query, names, operationName: own }, variables, operationName, more }) => {
      const isObject = typeof variables === 'object' && variables !== null && !Array.isArray(variables);
      const renamed = isObject
        ? Object.fromEntries(Object.entries(variables).map(([name, value]) => [renameWith(names, name), value]))
        : variables;
      const params = { variables: renamed, operationName: operationName === 'its own' ? own : operationName, ...more };
      return (comment?: string) =>
        JSON.stringify({ query: comment === undefined ? query : `${query} # ${comment}`, ...params }).replace(
          /"number ([\de]+)"/g,
          '$1',
        );
    });
}

function renameWith(names: Document['names'], name: string): string {
  return new Map<string, string>(Object.entries(names)).get(name) ?? name;
}

/** Requests for a few documents, each of which is sent several times. */
export function sampleRequests(count: number, seed: number): { documents: readonly string[]; requests: Request[] } {
  const documents = fc.sample(document, { numRuns: 20, seed });
  const request = fc
    .tuple(
      fc.oneof({ weight: 30, arbitrary: bodyFor(documents) }, { weight: 1, arbitrary: malformed }),
      headers,
      accept,
    )
    .map(([body, headers, accept]) => ({
      body,
      headers: { 'content-type': 'application/json', ...headers, ...(accept !== undefined && { accept }) },
    }));
  const warmUps = documents.map(({ query, operationName }) => JSON.stringify({ query, operationName }));
  return { documents: warmUps, requests: fc.sample(request, { numRuns: count, seed }) };
}
