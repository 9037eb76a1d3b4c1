import { GraphQLScalarType, type ValueNode } from 'graphql';
import { builder } from './builder.ts';

/**
 * Linq's own text: the decoder has made sure that it is a date-time. In a larger graph this may become the scalar of others too,
 * who have a `Date` where we have text. Arguments are checked where they are used, so that errors name them.
 */
const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  description:
    'An RFC 3339 date-time, passed through exactly as Linq sends it, with offset and milliseconds, such as ' +
    '`2025-05-21T15:30:00.123-05:00`. Offsets vary: parse values before comparing them.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  coerceOutputValue: text,
  coerceInputValue: text,
  parseValue: text,
  coerceInputLiteral: literal,
  parseLiteral: literal,
});

builder.addScalarType('DateTime', DateTime);

function text(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

/** Undefined for what cannot be a date-time. */
function literal(node: ValueNode): string | undefined {
  return 'value' in node ? String(node.value) : undefined;
}
