import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { bodyFor, document } from '../graphql/fast-path/requests.ts';
import { mostly } from './headers.ts';
import { hostileDocument, mutated } from './hostile-text.ts';

/** Few messages, so that reads overlap; each token has texts of its own. */
const ids = fc.uniqueArray(fc.integer({ min: 10, max: 60 }), { minLength: 1, maxLength: 5 });
const selection = '{ chatId id text sentFrom attachments { filename fileSize } }';
const aliased = (numbers: readonly number[], idOf: (id: number) => unknown) =>
  numbers.map((id) => `m${id}: chatMessage(chatId: 2, id: ${idOf(id)}) ${selection}`).join(' ');

/** What the sandbox adds to each text that it sends for this token, which itself must appear in no response. */
export const signatureOf = (token: string): string =>
  ` for ${createHash('sha256').update(token).digest('hex').slice(0, 12)}`;

/** What the sandbox has, as docs/explore.md describes it. */
const messageOf = (id: number, token: string) => ({
  chatId: '2',
  id: `${id}`,
  text: `${id % 11 === 0 ? '' : `Message ${id} of the sandbox`}${signatureOf(token)}`,
  sentFrom: `+1555${`${id}`.padStart(7, '0')}`,
  attachments: id % 11 === 0 ? [{ filename: `document-${id}.pdf`, fileSize: 1_000 + id }] : [],
});

export interface Operation {
  readonly params: { readonly query: string; readonly variables?: object };
  /** The `data` of its response. */
  data(token: string): object;
}

const dataOf = (numbers: readonly number[]) => (token: string) =>
  Object.fromEntries(numbers.map((id) => [`m${id}`, messageOf(id, token)]));

export const validOperation: fc.Arbitrary<Operation> = fc.oneof(
  ids.map((numbers) => ({ params: { query: `{ ${aliased(numbers, (id) => id)} }` }, data: dataOf(numbers) })),
  ids.map((numbers) => ({
    params: {
      query: `query (${numbers.map((id) => `$v${id}: ID!`)}) { ${aliased(numbers, (id) => `$v${id}`)} }`,
      variables: Object.fromEntries(numbers.map((id) => [`v${id}`, `${id}`])),
    },
    data: dataOf(numbers),
  })),
  ids.map((numbers) => ({
    params: {
      query: `query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) ${selection} }`,
      variables: { keys: numbers.map((id) => ({ chatId: 2, id: id % 2 ? id : `${id}` })) },
    },
    data: (token: string) => ({ chatMessagesByKeys: numbers.map((id) => messageOf(id, token)) }),
  })),
);

/** Reads of these chats are slow or fail for every caller. Rare, so that the breaker stays closed. */
const harmfulChats = [429, 4290, 500, 502, 504, 598, 599, 603];

const ofDocument = (documents: fc.Arbitrary<string>) =>
  fc
    .tuple(documents, fc.constantFrom<object>({}, {}, {}, { variables: { i: 5 } }, { operationName: 'Main' }))
    .map(([query, more]) => JSON.stringify({ query, ...more }));

const oddValues = fc.oneof(
  fc.constantFrom<unknown>(2 ** 53, 1e300, '007', '５', '9223372036854775808', '\u0000', '\ud800', { toString: 1 }),
  fc.constantFrom<unknown>([5], [[5]], [null], { id: 5 }, 'x'.repeat(3_000)),
  fc.jsonValue({ maxDepth: 2 }),
);
const oddMembers = fc
  .tuple(
    fc.constantFrom(...'query variables operationName extensions id documentId __proto__ constructor'.split(' ')),
    oddValues,
  )
  .map(([name, value]) => `{"query":"{ __typename }",${JSON.stringify(name)}:${JSON.stringify(value)}}`);

const whole = '{"query":"{ __typename }"}';
const nestedVariable = (depth: number) => `${'['.repeat(depth)}1${']'.repeat(depth)}`;
const oddTexts = fc.oneof(
  fc.json(),
  fc.constantFrom('', '[]', '{}', 'undefined', '{"query":{}}', '{"__proto__":{}}', '\u0000', `\ufeff${whole}`),
  fc.constantFrom(`[${whole},${whole}]`, whole + whole, `${' '.repeat(100_000)}${whole}`, 'query=%7B__typename%7D'),
  // Could exhaust the stack of a parser.
  fc.constantFrom(10, 5_000, 100_000).map((depth) => '['.repeat(depth)),
  fc
    .constantFrom(10, 5_000, 12_000)
    .map((depth) => `{"query":"{ __typename }","variables":{"i":${nestedVariable(depth)},"n":9007199254740993}}`),
  fc.constantFrom(
    `{"query":"{","query":"{ __typename }","variables":{"i":1e400,"i":1${'0'.repeat(400)}}}`,
    '{"query":"{ __typename }","extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}',
  ),
);

/** Bodies of requests for GraphQL. Some of their documents are sent repeatedly, so that they have plans. */
export function randomBody(seed: number): fc.Arbitrary<string> {
  const known = fc.constantFrom(...fc.sample(document, { numRuns: 200, seed }));
  const operation = (documents: typeof document) => documents.chain((one) => bodyFor([one])).map((body) => body());
  const anyOperation = fc.oneof(operation(known), operation(document));
  const anyDocument = document.map(({ query }) => query);
  const harmful = fc.constantFrom(...harmfulChats).map((chat) => `{ chatMessage(chatId: ${chat}, id: 5) { id } }`);
  return fc.oneof(
    { weight: 120, arbitrary: anyOperation },
    { weight: 40, arbitrary: ofDocument(hostileDocument) },
    { weight: 24, arbitrary: ofDocument(mutated(anyDocument)) },
    { weight: 12, arbitrary: mutated(anyOperation) },
    { weight: 4, arbitrary: fc.tuple(anyOperation, fc.nat(200)).map(([text, length]) => text.slice(0, length)) },
    { weight: 6, arbitrary: oddMembers },
    { weight: 6, arbitrary: oddTexts },
    { weight: 1, arbitrary: ofDocument(harmful) },
  );
}

const tooMany = `[${'2,'.repeat(51)}]`;
export const randomSubscription: fc.Arbitrary<string> = fc
  .record({
    chatIds: mostly(fc.constant('[2]'), fc.constantFrom('2', '[1, "2", 3]', '[]', '[403]', '["x"]', '$c', tooMany), 2),
    more: mostly(fc.constant(''), fc.constantFrom(', kinds: [GAP]', ', kinds: []', ', after: "x"', ', after: $c'), 2),
    fields: fc.constantFrom(
      '__typename',
      'cursor kind',
      'kind messageId',
      'messageId message { id text chat { id } }',
      'nope',
      '...A',
    ),
  })
  .map(({ chatIds, more, fields }) => `subscription { chatMessageEvents(chatIds: ${chatIds}${more}) { ${fields} } }`)
  .chain((query) => ofDocument(mostly(fc.constant(query), mutated(fc.constant(query)), 4)));
