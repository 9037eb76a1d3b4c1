import { isLinqId } from '../datasources/model.ts';

/** The only chats that a caller may read; undefined is all. */
export type ChatAccess = ReadonlySet<string> | undefined;

/** Whether a caller may read what belongs to this chat. Every read passes here; others are as if they did not exist. */
export function mayRead(access: ChatAccess, { chatId }: { readonly chatId: string }): boolean {
  return access === undefined || access.has(chatId);
}

/** From the claim `linq_chats` of a JWT: a list of chat ids, or absent. */
export function chatsOf(claim: unknown): ChatAccess | 'malformed' {
  if (claim === undefined) return undefined;
  if (!Array.isArray(claim)) return 'malformed';
  const ids = claim.map((id: unknown) => (Number.isSafeInteger(id) ? String(id) : id));
  return ids.every((id): id is string => typeof id === 'string' && isLinqId(id)) ? new Set(ids) : 'malformed';
}
