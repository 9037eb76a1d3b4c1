import DataLoader from 'dataloader';
import type { ChatMessage, MessageKey } from './model.ts';

type ReadMessage = (key: MessageKey) => Promise<ChatMessage | null>;

/** What a resolver may ask for. Made anew for each request, so that nothing one caller loaded can reach another. */
export interface Loaders {
  /** Null when Linq knows no such message; rejects with an `UpstreamError`. One read for each distinct key. */
  readonly message: ReadMessage;
  /** To be told the length of each list, before its entries are asked for. Throws when the operation is too costly. */
  expect(entries: number): void;
}

/**
 * What an operation may cost. Each is told the sum so far, and throws when that is too much: then nothing of the operation
 * is read. Fields ask in one go, before the first batch leaves, so the sums are exactly what the operation wants, through
 * fragments, aliases, lists and conditions.
 */
interface CostCheck {
  distinctMessages(sum: number): void;
  /** Entries of lists, whether or not they are the same message. */
  entries(sum: number): void;
}

/** `onBatch` is told the size of each batch, before any of it is read. */
export function createLoaders(readMessage: ReadMessage, check: CostCheck, onBatch: (size: number) => void): Loaders {
  let distinct = 0;
  let entries = 0;
  // Linq reads one message at a time. Answering with promises, not with their results, lets each key settle by itself:
  // a slow or failing one holds up nobody. A bulk route would change this function and nothing else.
  const messages = new DataLoader<MessageKey, Promise<ChatMessage | null>, string>(
    async (keys) => {
      distinct += keys.length;
      check.entries(entries);
      check.distinctMessages(distinct);
      onBatch(keys.length);
      return keys.map((key) => readMessage(key));
    },
    { cacheKeyFn: ({ chatId, id }) => `${chatId}/${id}` },
  );
  return {
    message: (key) => messages.load(key).then((message) => message),
    expect(more) {
      entries += more;
      check.entries(entries);
    },
  };
}
