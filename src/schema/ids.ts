import { type ChatKey, isLinqId, type LinqId, type MessageKey } from '../datasources/model.ts';
import { badUserInput } from '../errors/client-errors.ts';

/** For descriptions: an example follows. */
export const idForm = 'A decimal integer from 1 to 9223372036854775807, such as';

/** The arguments as a key that may join a URL; throws `BAD_USER_INPUT`, naming the argument behind `prefix`. */
export function messageKey(key: { chatId: string | number; id: string | number }, prefix = ''): MessageKey {
  return { chatId: linqId(key.chatId, `${prefix}chatId`), id: linqId(key.id, `${prefix}id`) };
}

/** `argument` names the id in the error. */
export function chatKey(id: string | number, argument: string): ChatKey {
  return { chatId: linqId(id, argument) };
}

function linqId(id: string | number, argument: string): LinqId {
  const value = String(id);
  if (isLinqId(value)) return value;
  const got = JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  throw badUserInput(`${argument} must be a decimal integer from 1 to 9223372036854775807, got ${got}.`);
}
