import { GraphQLScalarType } from 'graphql';
import { isLinqId, type LinqId, type MessageKey } from '../datasources/model.ts';
import { badUserInput } from '../errors/client-errors.ts';

/**
 * Linq's own text: the decoder has made sure that it is a date-time. No argument takes one. In a larger graph this may become
 * the scalar of others too, who have a `Date` where we have text.
 */
export const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  description:
    'An RFC 3339 date-time, passed through exactly as Linq sends it, with offset and milliseconds, such as ' +
    '`2025-05-21T15:30:00.123-05:00`. Offsets vary: parse values before comparing them.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  coerceOutputValue: (value) => (value instanceof Date ? value.toISOString() : String(value)),
});

/** The arguments as a key that may join a URL; throws `BAD_USER_INPUT`, naming the argument behind `prefix`. */
export function messageKey(key: { chatId: string | number; id: string | number }, prefix = ''): MessageKey {
  return { chatId: linqId(String(key.chatId), `${prefix}chatId`), id: linqId(String(key.id), `${prefix}id`) };
}

function linqId(value: string, argument: string): LinqId {
  if (isLinqId(value)) return value;
  const got = JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  throw badUserInput(`${argument} must be a decimal integer from 1 to 9223372036854775807, got ${got}.`);
}
