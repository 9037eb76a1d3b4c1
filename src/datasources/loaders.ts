import DataLoader from 'dataloader';
import { callsOf, readMessagePage } from './linq/message-page.ts';
import { chatRoute } from './linq/routes/chat.ts';
import { chatMessageRoute } from './linq/routes/chat-message.ts';
import { chatMessagesRoute } from './linq/routes/chat-messages.ts';
import type { ChatKey, Cost, Keys, MessagePageKey, Resources, Target } from './model.ts';
import type { Route } from './reads/route.ts';
import type { DriftKind } from './upstream-metrics.ts';

/** All routes that loaders read; the labels of metrics are known from the start. */
export const routes: readonly { readonly template: string }[] = [chatMessageRoute, chatRoute, chatMessagesRoute];

/** What loaders need of the caller. */
export interface Source {
  /**
   * Null when Linq knows no such resource, and when the caller may not read its chat; rejects with an `UpstreamError`.
   * `elapsedMs` is the part of the caller's timeout that earlier calls of the same read took.
   */
  read<Key extends ChatKey, Value>(route: Route<Key, Value>, key: Key, elapsedMs?: number): Promise<Value | null>;
  readonly reportDrift: (route: string, path: string, kind: DriftKind) => void;
}

/** One read for each distinct key. */
type Load = {
  readonly [Name in keyof Resources]: (key: Keys[Name]) => Promise<Resources[Name] | null>;
};

/** The reads that resolvers can request. New for each request, so that nothing one caller loaded can reach another. */
export interface Loaders extends Load {
  /**
   * Declares what will be read, before the first of it is; rejects when over the cost limit. What is declared is not counted
   * again when it is loaded.
   */
  declare(cost: Cost): Promise<void>;
  /** Whether so many distinct reads, or list entries, are over the cost limit by themselves. */
  isTooCostly(reads: number, listEntries: number): boolean;
  /** Sends the pending batch now. Only for loaders with `batching: 'manual'`. */
  dispatch(): void;
}

/** Limits on the cost of an operation. Each gets the sum so far and throws when it is too high; then nothing is read. */
interface CostLimits {
  distinctReads(sum: number): void;
  listEntries(sum: number): void;
  readPlaces(sum: number): void;
}

interface LoaderOptions {
  readonly limits: CostLimits;
  /** Called with the number of reads of each batch, before any of them begins. */
  readonly onBatch: (size: number) => void;
  /** `tick`: a batch is sent when all promise jobs of the tick have run. `manual`: when `dispatch` is called. */
  readonly batching: 'tick' | 'manual';
  /** Awaited before values or errors reach the fields, which then compute. Undefined is at once. */
  readonly takeTurn?: (() => Promise<void>) | undefined;
}

/** A member of a batch: a read, or a declaration, so that reads and what follows from them are admitted or refused together. */
type Request = Loadable | Declaration;

interface Declaration extends Pick<Cost, 'listEntries' | 'readPlaces'> {
  readonly loadables: readonly Loadable[];
}

interface Loadable {
  /** Identifies what is read; the path of its call, if it is one. */
  readonly path: string;
  readonly calls: number;
  start(): Promise<unknown>;
}

/**
 * All fields join a batch before it is sent, so the sums are exactly what the operation reads, through fragments, aliases,
 * lists and conditions. One loader serves all routes, so that their reads are counted and sent together.
 */
export function createLoaders(source: Source, { limits, onBatch, batching, takeTurn }: LoaderOptions): Loaders {
  // Of admitted batches: after a refused batch, an operation may still load a smaller one.
  let distinct = 0;
  let entries = 0;
  let places = 0;
  /** Paths that were declared and may not be loaded yet. */
  const declared = new Set<string>();
  /** Paths that were loaded, are being loaded, or need no read. */
  const loaded = new Map<string | Declaration, Promise<unknown>>();
  let dispatch = () => {};
  /** For all that is read until it comes. */
  let turn: Promise<void> | undefined;

  // Linq has no bulk route. A batch of promises, not of their results, lets each key settle by itself: a slow or failing
  // one delays no other. A bulk route would change this function and nothing else.
  const loader = new DataLoader<Request, unknown, string | Declaration>(
    async (batch) => {
      let calls = 0;
      let undeclared = 0;
      let listed = 0;
      let placed = 0;
      const later = new Map<string, number>();
      for (const request of batch) {
        if ('loadables' in request) {
          listed += request.listEntries;
          placed += request.readPlaces;
          for (const { path, calls } of request.loadables) {
            if (!loaded.has(path) && !declared.has(path)) later.set(path, calls);
          }
        } else {
          calls += request.calls;
          if (!declared.has(request.path)) undeclared += request.calls;
        }
      }
      for (const calls of later.values()) undeclared += calls;
      limits.listEntries(entries + listed);
      limits.readPlaces(places + placed);
      try {
        limits.distinctReads(distinct + undeclared);
      } catch (error) {
        // The list itself is not too long: each of its entries fails.
        for (const request of batch) loader.clear(request);
        return batch.map((request) => ('loadables' in request ? nothing : (error as Error)));
      }
      distinct += undeclared;
      entries += listed;
      places += placed;
      for (const path of later.keys()) declared.add(path);
      if (calls > 0) onBatch(calls);
      return batch.map((request) => ('loadables' in request ? nothing : started(request)));
    },
    {
      cacheMap: loaded,
      cacheKeyFn: (request) => ('loadables' in request ? request : request.path),
      ...(batching === 'manual' && {
        batchScheduleFn: (send: () => void) => {
          dispatch = send;
        },
      }),
    },
  );

  const started = (request: Loadable): Promise<unknown> => {
    const value = request.start();
    if (takeTurn === undefined) return value;
    const inTurn = async () => {
      turn ??= takeTurn().finally(() => {
        turn = undefined;
      });
      await turn;
      return value;
    };
    return value.then(inTurn, inTurn);
  };

  const one = <Key extends ChatKey, Value>(route: Route<Key, Value>, key: Key): Loadable => ({
    path: route.path(key),
    calls: 1,
    start: () => source.read(route, key),
  });

  const readPage = async (key: MessagePageKey) => {
    const startedAt = performance.now();
    const page = await readMessagePage(
      key,
      (list) => source.read(chatMessagesRoute, list, performance.now() - startedAt),
      (parameter) => source.reportDrift(chatMessagesRoute.template, parameter, 'ignored'),
    );
    for (const message of page?.nodes ?? []) loader.prime(one(chatMessageRoute, message), message);
    return page;
  };

  const loadables: { readonly [Name in keyof Resources]: (key: Keys[Name]) => Loadable } = {
    message: (key) => one(chatMessageRoute, key),
    chat: (key) => one(chatRoute, key),
    messages: (key) => ({ path: JSON.stringify(key), calls: callsOf(key), start: () => readPage(key) }),
  };
  const loadableOf = <Name extends keyof Resources>({ loader, key }: Target<Name>) => loadables[loader](key);

  /** A path belongs to one loader, so what is loaded under it is a value of that loader. */
  const load =
    <Name extends keyof Resources>(name: Name) =>
    (key: Keys[Name]) =>
      loader.load(loadables[name](key)) as Promise<Resources[Name] | null>;

  return {
    message: load('message'),
    chat: load('chat'),
    messages: load('messages'),
    declare: async ({ targets, listEntries, readPlaces }) =>
      void (await loader.load({ loadables: targets.map(loadableOf), listEntries, readPlaces })),
    isTooCostly: (reads, entries) => {
      try {
        limits.distinctReads(reads);
        limits.listEntries(entries);
        return false;
      } catch {
        return true;
      }
    },
    dispatch: () => {
      const send = dispatch;
      dispatch = () => {};
      send();
    },
  };
}

const nothing = Promise.resolve(null);
