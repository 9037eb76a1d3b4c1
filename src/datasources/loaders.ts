import DataLoader from 'dataloader';
import type { LinqClient } from './linq/client.ts';
import type { ChatMessage, MessageKey } from './model.ts';

/** What a resolver may ask for. Made anew for each request, so that nothing one caller loaded can reach another. */
export interface Loaders {
  /** Null when Linq knows no such message; rejects with an `UpstreamError`. One upstream read for each distinct key. */
  message(key: MessageKey): Promise<ChatMessage | null>;
}

export function createLoaders(client: LinqClient): Loaders {
  // Linq reads one message at a time. Answering with promises, not with their results, lets each key settle by itself:
  // a slow or failing one holds up nobody. A bulk route would change this function and nothing else.
  const messages = new DataLoader<MessageKey, Promise<ChatMessage | null>, string>(
    async (keys) => keys.map((key) => client.getMessage(key)),
    { cacheKeyFn: ({ chatId, id }) => `${chatId}/${id}` },
  );
  return { message: async (key) => messages.load(key) };
}
