/** The only chats that a caller may read; undefined is all of them. */
export type ChatAccess = ReadonlySet<string> | undefined;

/** The one check that every read passes: `createContext` gives loaders no other way to read. */
export function mayRead(access: ChatAccess, { chatId }: { readonly chatId: string }): boolean {
  return access === undefined || access.has(chatId);
}
