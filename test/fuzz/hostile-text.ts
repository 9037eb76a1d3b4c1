import fc from 'fast-check';

const inserted = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
  fc.constantFrom(
    ...'null true -1 1.5 1e3 007 9223372036854775808 "" "５" [2] [[5]] {id:5} ENUM """5""" $undeclared .5 1_0 "'.split(
      ' ',
    ),
    ...['" 5"', '"\\u0000"', '"\\ud800"', '1'.repeat(400), '@include', '@skip(if: $no)', '@nope', '\ufeff', '\r\n'],
    ...'% %zz %ff %00 %c0%af && = # ; + &query=x &variables={ &extensions=7'.split(' '),
  ),
);
const place = fc.nat({ max: 2 ** 20 });
const edit = fc.record({
  at: place,
  to: place,
  length: fc.constantFrom(0, 1, 1, 5, 60),
  added: fc.option(inserted, { nil: undefined, freq: 1 }),
});

/** Makes one to three edits: replacements, deletions, insertions, repetitions. */
export function mutated(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(texts, fc.array(edit, { minLength: 1, maxLength: 3 })).map(([original, edits]) =>
    edits.reduce((text, { at, to, length, added }) => {
      const start = at % (text.length + 1);
      const end = start + length;
      if (added !== undefined) return text.slice(0, start) + added + text.slice(end);
      const other = to % (text.length + 1);
      return text.slice(0, other) + text.slice(start, end) + text.slice(other);
    }, original),
  );
}

const message = (index = 0) => `m${index}: chatMessage(chatId: 2, id: ${index + 1})`;
const times = (count: number, text: (index: number) => string) => Array.from({ length: count }, (_, i) => text(i));
const around = (count: number, open: string, inner: string, close: string) =>
  open.repeat(count) + inner + close.repeat(count);

/** By how many and how deep. */
const templates: readonly ((many: number, deep: number, levels: number) => string)[] = [
  (many) => `{ ${times(Math.min(many, 300), (index) => `${message(index)} { id }`).join(' ')} }`,
  (many) => `{ chatMessagesByKeys(keys: [${times(Math.min(many, 300), (id) => `{chatId:2,id:${id + 1}}`)}]) { id } }`,
  (many) => `{ chatsByIds(ids: [${times(many, String)}]) { messages(last: 100) { nodes { id } } } }`,
  (many) => `{ ${message()} { ${times(many, (index) => `a${index}: text`).join(' ')} } }`,
  (many) => `{ ${message()} { ${'text '.repeat(many * 5)} } }`,
  (many) => `{ ${message()} { text ${'@include(if: true) '.repeat(many)} } }`,
  (_, deep) => `{ ${message()} ${around(deep, '{ attachments ', '{ id }', '}')} }`,
  (_, deep) => `{ ${message()} ${around(deep, '{ ... on ChatMessage ', '{ id }', '}')} }`,
  (_, deep) => `{ ${message()} { ${around(deep, 'chat { messages(last: 1) { nodes { ', 'id', ' } } }')} } }`,
  (_, deep) => '{'.repeat(deep),
  (_, deep) => `{ chatMessage(chatId: 2, id: ${around(deep, '[', '5', ']')}) { id } }`,
  (_, deep) => `query ($v: ${around(deep, '[', 'ID', ']')}) { ${message()} { id } }`,
  () => `{ ${message()} { ...A } } fragment A on ChatMessage { id ...A }`,
  () => `{ ${message()} { ...A } } fragment A on ChatMessage { ...B } fragment B on ChatMessage { ... { ...A } text }`,
  () => `{ ...Q } fragment Q on Query { ${message()} { id } ...Q }`,
  (_many, _deep, levels) =>
    `{ ...B0 } ${times(levels, (at) => `fragment B${at} on Query { ...B${at + 1} ...B${at + 1} }`).join(' ')} fragment B${levels} on Query { ${message()} { id } }`,
  (_many, _deep, levels) =>
    `{ ${message()} { ...B0 } } ${times(levels, (at) => `fragment B${at} on ChatMessage { ...B${at + 1} a${at}: text ...B${at + 1} }`).join(' ')} fragment B${levels} on ChatMessage { z: id }`,
  () => `{ ${message()} { x: id x: text } }`,
  (many) => times(many, (index) => `query Q${index} { ${message()} { id } }`).join(' '),
  () => `query Main { ${message()} { id } } query Main { ${message(1)} { id } }`,
  () => `mutation { ${message()} { id } }`,
  () => `subscription { ${message()} { id } }`,
  () => 'subscription { chatMessageEvents(chatIds: [2]) { __typename } }',
  () => `type Query { x: Int } { ${message()} { id } }`,
  () => `{ ${message()} { ... @defer { id } } }`,
  (many) =>
    `query ($a: ID! = "${'x'.repeat(many * 50)}") { chatMessage(chatId: 2, id: $a) { id } ${message()} { id } }`,
  (many) => `{ ${message()} { id } } #${'x'.repeat(many * 50)}`,
  (many) => `${','.repeat(many * 50)}\ufeff{ ${message()} { id } }`,
  (_, deep) => `{ __schema ${around(Math.min(deep, 300), '{ types { fields { type ', '{ name }', '} } }')} }`,
  (_, deep) => `{ __type(name: "Query") ${around(Math.min(deep, 100), '{ ofType ', '{ name }', '}')} }`,
  () => `{ ${message()} { id } `,
  () => `{ ${message()} { nope attachments ...Nope ...on Nope { id } __schema } }`,
  () => '',
];

/** Documents that an attacker could write. */
export const hostileDocument: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...templates),
        fc.constantFrom(20, 100, 101, 130, 201, 900),
        fc.constantFrom(5, 11, 100, 1_999, 3_000, 20_000),
        fc.constantFrom(3, 8, 25),
      )
      .map(([template, many, deep, levels]) => template(many, deep, levels)),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
);
