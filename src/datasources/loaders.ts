import DataLoader from 'dataloader';
import type { ChatMessage, MessageKey } from './model.ts';

type ReadMessage = (key: MessageKey) => Promise<ChatMessage | null>;

/** What a resolver may ask for. Made anew for each request, so that nothing one caller loaded can reach another. */
export interface Loaders {
  /** Null when Linq knows no such message; rejects with an `UpstreamError`. One read for each distinct key. */
  readonly message: ReadMessage;
}

/**
 * `checkCost` is told how many distinct messages the operation has asked for, before any of them is read; when it throws,
 * none is. Fields ask in one go, before the first batch leaves, so this counts exactly what the operation wants: through
 * fragments, aliases, lists and conditions.
 */
export function createLoaders(readMessage: ReadMessage, checkCost: (messages: number) => void): Loaders {
  let asked = 0;
  // Linq reads one message at a time. Answering with promises, not with their results, lets each key settle by itself:
  // a slow or failing one holds up nobody. A bulk route would change this function and nothing else.
  const messages = new DataLoader<MessageKey, Promise<ChatMessage | null>, string>(
    async (keys) => {
      asked += keys.length;
      checkCost(asked);
      return keys.map((key) => readMessage(key));
    },
    { cacheKeyFn: ({ chatId, id }) => `${chatId}/${id}` },
  );
  return { message: (key) => messages.load(key).then((message) => message) };
}
