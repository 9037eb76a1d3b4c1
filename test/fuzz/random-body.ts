import fc from 'fast-check';
import { bodyFor, document } from '../graphql/fast-path/requests.ts';
import { hostileDocument } from './hostile-document.ts';
import { mutated } from './mutated.ts';

/** Reads of these chats are slow or fail for every caller. Rare, so that the breaker stays closed. */
const harmfulChats = [429, 4290, 500, 502, 504, 598, 599, 603];

const operation = document.chain((one) => bodyFor([one])).map((body) => body());
const ofDocument = (documents: fc.Arbitrary<string>) =>
  fc
    .tuple(documents, fc.constantFrom<object>({}, {}, {}, { variables: { i: 5 } }, { operationName: 'Main' }))
    .map(([query, more]) => JSON.stringify({ query, ...more }));

const oddValues = fc.constantFrom<unknown>(
  ...[null, true, 0, -1, 1.5, 1e300, 2 ** 53, '', '007', '５', '9223372036854775808', '\u0000', '\ud800'],
  ...[[], {}, [5], [[5]], [null], { id: 5 }, { toString: 1 }, 'x'.repeat(3_000)],
);
const oddMembers = fc
  .tuple(
    fc.constantFrom(
      'query',
      'variables',
      'operationName',
      'extensions',
      'id',
      'documentId',
      '__proto__',
      'constructor',
    ),
    oddValues,
  )
  .map(([name, value]) => `{"query":"{ __typename }",${JSON.stringify(name)}:${JSON.stringify(value)}}`);

const whole = '{"query":"{ __typename }"}';
const oddTexts = fc.constantFrom(
  ...['', 'null', '7', '"x"', '[]', '{}', 'undefined', '{"query":{}}', '{"__proto__":{}}', '\u0000'],
  ...[
    `[${whole},${whole}]`,
    `\ufeff${whole}`,
    whole + whole,
    `${' '.repeat(100_000)}${whole}`,
    'query=%7B__typename%7D',
  ],
  ...[10, 5_000, 100_000].map((depth) => '['.repeat(depth)),
  // Could exhaust the stack of a parser.
  ...[10, 5_000, 12_000].map(
    (depth) =>
      `{"query":"{ __typename }","variables":{"i":${'['.repeat(depth)}1${']'.repeat(depth)},"n":9007199254740993}}`,
  ),
  `{"query":"{","query":"{ __typename }","variables":{"i":1e400,"i":1${'0'.repeat(400)}}}`,
  '{"query":"{ __typename }","extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}',
);

const oddBytes = fc.constantFrom('ff', 'c0af', 'eda080', '80', 'f8888080', '00');

/** Bodies of POST requests; `known` are operations whose documents are sent repeatedly, so that they have plans. */
export function randomBody(known: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const texts = fc.oneof(
    { weight: 60, arbitrary: known },
    { weight: 60, arbitrary: operation },
    { weight: 40, arbitrary: ofDocument(hostileDocument) },
    { weight: 24, arbitrary: ofDocument(mutated(document.map(({ query }) => query))) },
    { weight: 12, arbitrary: mutated(operation) },
    { weight: 4, arbitrary: fc.tuple(operation, fc.nat(200)).map(([text, length]) => text.slice(0, length)) },
    { weight: 6, arbitrary: oddMembers },
    { weight: 6, arbitrary: oddTexts },
    {
      weight: 1,
      arbitrary: ofDocument(
        fc.constantFrom(...harmfulChats).map((chat) => `{ chatMessage(chatId: ${chat}, id: 5) { id } }`),
      ),
    },
  );
  const broken = fc.tuple(texts, fc.nat(500), oddBytes).map(([text, at, hex]) => {
    const body = Buffer.from(text);
    return Buffer.concat([body.subarray(0, at), Buffer.from(hex, 'hex'), body.subarray(at)]);
  });
  return fc.oneof(
    { weight: 96, arbitrary: texts.map((text) => Buffer.from(text)) },
    { weight: 3, arbitrary: broken },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.from(bytes)) },
  );
}

/** The same operations as the query of a GET request. */
export const randomQuery: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: operation },
      { weight: 1, arbitrary: ofDocument(hostileDocument) },
      { weight: 1, arbitrary: ofDocument(mutated(document.map(({ query }) => query))) },
    ),
    fc.oneof(
      { weight: 9, arbitrary: fc.constant('') },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          ...'% %zz %ff %00 && = # ? ; + %c0%af &query=x &variables={ &extensions=7'.split(' '),
        ),
      },
    ),
    fc.nat(500),
  )
  .map(([body, odd, at]) => {
    const params: Record<string, unknown> = JSON.parse(body);
    const text = new URLSearchParams(
      Object.entries(params).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, typeof value === 'string' ? value : JSON.stringify(value)]],
      ),
    ).toString();
    return text.slice(0, at) + odd + text.slice(at);
  });
