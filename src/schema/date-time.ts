import { GraphQLScalarType } from 'graphql';
import { builder } from './builder.ts';

/**
 * Linq's own text: the decoder has made sure that it is a date-time. In a larger graph this may become the scalar of others too,
 * who have a `Date` where we have text.
 */
const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  description:
    'An RFC 3339 date-time, passed through exactly as Linq sends it, with offset and milliseconds, such as ' +
    '`2025-05-21T15:30:00.123-05:00`. Offsets vary: parse values before comparing them.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  coerceOutputValue: (value) => (value instanceof Date ? value.toISOString() : String(value)),
});

builder.addScalarType('DateTime', DateTime);
