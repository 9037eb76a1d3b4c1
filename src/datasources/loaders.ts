import DataLoader from 'dataloader';
import { chatRoute } from './linq/routes/chat.ts';
import { chatMessageRoute } from './linq/routes/chat-message.ts';
import type { ChatKey, Keys, Resources } from './model.ts';
import type { Route } from './reads/route.ts';

/** All routes that loaders read; the labels of metrics are known from the start. */
export const routes: readonly { readonly template: string }[] = [chatMessageRoute, chatRoute];

/** Null when Linq knows no such resource, and when the caller may not read its chat; rejects with an `UpstreamError`. */
export type ReadRoute = <Key extends ChatKey, Value>(route: Route<Key, Value>, key: Key) => Promise<Value | null>;

/** One read for each distinct key. */
type Load = {
  readonly [Name in keyof Resources]: (key: Keys[Name]) => Promise<Resources[Name] | null>;
};

/** The reads that resolvers can request. New for each request, so that nothing one caller loaded can reach another. */
export interface Loaders extends Load {
  /** Declares the length of a list before its items load; rejects when over the cost limit. */
  chargeListEntries(count: number): Promise<void>;
  /** Sends the pending batch now. Only for loaders with `batching: 'manual'`. */
  dispatch(): void;
}

/** Limits on the cost of an operation. Each gets the sum so far and throws when it is too high; then nothing is read. */
interface CostLimits {
  distinctReads(sum: number): void;
  /** Entries of lists, including duplicates. */
  listEntries(sum: number): void;
}

interface LoaderOptions {
  readonly limits: CostLimits;
  /** Called with the number of reads of each batch, before any of them begins. */
  readonly onBatch: (size: number) => void;
  /** `tick`: a batch is sent when all promise jobs of the tick have run. `manual`: when `dispatch` is called. */
  readonly batching: 'tick' | 'manual';
}

/** A member of a batch: a read, or the length of a list, so that a list and its items are admitted or refused together. */
type Request = { readonly path: string; start(): Promise<unknown> } | { readonly entries: number };

/**
 * All fields join a batch before it is sent, so the sums are exactly what the operation reads, through fragments, aliases,
 * lists and conditions. One loader serves all routes, so that their reads are counted and sent together.
 */
export function createLoaders(read: ReadRoute, { limits, onBatch, batching }: LoaderOptions): Loaders {
  // Of admitted batches: after a refused batch, an operation may still load a smaller one.
  let distinct = 0;
  let entries = 0;
  let dispatch = () => {};

  // Linq has no bulk route. A batch of promises, not of their results, lets each key settle by itself: a slow or failing
  // one delays no other. A bulk route would change this function and nothing else.
  const loader = new DataLoader<Request, unknown, unknown>(
    async (batch) => {
      let reads = 0;
      let listed = 0;
      for (const request of batch) {
        if ('entries' in request) listed += request.entries;
        else reads++;
      }
      limits.listEntries(entries + listed);
      try {
        limits.distinctReads(distinct + reads);
      } catch (error) {
        // The list itself is not too long: each of its entries fails.
        for (const request of batch) loader.clear(request);
        return batch.map((request) => ('entries' in request ? nothing : (error as Error)));
      }
      distinct += reads;
      entries += listed;
      if (reads > 0) onBatch(reads);
      return batch.map((request) => ('entries' in request ? nothing : request.start()));
    },
    {
      cacheKeyFn: (request) => ('entries' in request ? request : request.path),
      ...(batching === 'manual' && {
        batchScheduleFn: (send: () => void) => {
          dispatch = send;
        },
      }),
    },
  );

  /** A path belongs to one route, so what is loaded under it is a value of that route. */
  const load = <Key extends ChatKey, Value>(route: Route<Key, Value>, key: Key) =>
    loader.load({ path: route.path(key), start: () => read(route, key) }) as Promise<Value | null>;

  return {
    message: (key) => load(chatMessageRoute, key),
    chat: (key) => load(chatRoute, key),
    chargeListEntries: async (count) => void (await loader.load({ entries: count })),
    dispatch: () => {
      const send = dispatch;
      dispatch = () => {};
      send();
    },
  };
}

const nothing = Promise.resolve(null);
