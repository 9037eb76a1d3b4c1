import DataLoader from 'dataloader';
import type { ChatMessage, MessageKey } from './model.ts';

type ReadMessage = (key: MessageKey) => Promise<ChatMessage | null>;

/** What a resolver may ask for. Made anew for each request, so that nothing one caller loaded can reach another. */
export interface Loaders {
  /** Null when Linq knows no such message; rejects with an `UpstreamError`. One read for each distinct key. */
  readonly message: ReadMessage;
  /** To be told the length of each list, as its entries are asked for. Rejects when the operation is too costly. */
  expect(entries: number): Promise<void>;
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

/** Joins the batch of the list's messages, so that they are let through or refused together. */
interface Listed {
  readonly entries: number;
}

/** `onBatch` is told how many messages each batch has, before any of them is read. */
export function createLoaders(readMessage: ReadMessage, check: CostCheck, onBatch: (size: number) => void): Loaders {
  // Of what was let through: who asked for too much may still ask for less.
  let distinct = 0;
  let entries = 0;
  // Linq reads one message at a time. Answering with promises, not with their results, lets each key settle by itself:
  // a slow or failing one holds up nobody. A bulk route would change this function and nothing else.
  const asked = new DataLoader<MessageKey | Listed, Promise<ChatMessage | null>, unknown>(
    async (batch) => {
      let messages = 0;
      let listed = 0;
      for (const one of batch) {
        if ('entries' in one) listed += one.entries;
        else messages++;
      }
      check.entries(entries + listed);
      try {
        check.distinctMessages(distinct + messages);
      } catch (error) {
        // A list that is not too long in itself stays, and each of its entries fails.
        for (const one of batch) asked.clear(one);
        return batch.map((one) => ('entries' in one ? nothing : (error as Error)));
      }
      distinct += messages;
      entries += listed;
      if (messages > 0) onBatch(messages);
      return batch.map((one) => ('entries' in one ? nothing : readMessage(one)));
    },
    { cacheKeyFn: (one) => ('entries' in one ? one : `${one.chatId}/${one.id}`) },
  );
  return {
    message: (key) => asked.load(key).then((message) => message),
    expect: async (entries) => void (await asked.load({ entries })),
  };
}

const nothing = Promise.resolve(null);
