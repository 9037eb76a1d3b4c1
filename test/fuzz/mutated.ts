import fc from 'fast-check';

const inserted = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
  fc.constantFrom(
    ...'null true -1 1.5 1e3 007 9223372036854775808 "" "５" [2] [[5]] {id:5} ENUM """5""" $undeclared .5 1_0 "'.split(
      ' ',
    ),
    ...['" 5"', '"\\u0000"', '"\\ud800"', '1'.repeat(400), '@include', '@skip(if: $no)', '@nope', '\ufeff', '\r\n'],
  ),
);
const place = fc.nat({ max: 2 ** 20 });
const edit = fc.record({
  at: place,
  to: place,
  length: fc.constantFrom(0, 1, 1, 5, 60),
  text: fc.oneof(inserted, fc.constant(undefined)),
});

/** Makes one to three edits: deletions, insertions, repetitions. */
export function mutated(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(texts, fc.array(edit, { minLength: 1, maxLength: 3 })).map(([original, edits]) =>
    edits.reduce((text, { at, to, length, text: added }) => {
      const start = at % (text.length + 1);
      const end = Math.min(text.length, start + length);
      if (added !== undefined) return text.slice(0, start) + added + text.slice(end);
      const other = to % (text.length + 1);
      return text.slice(0, other) + text.slice(start, end) + text.slice(other);
    }, original),
  );
}
