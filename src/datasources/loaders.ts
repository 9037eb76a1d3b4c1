import DataLoader from 'dataloader';
import { callsOf, readMessagePage } from './linq/message-page.ts';
import { chatRoute } from './linq/routes/chat.ts';
import { chatMessageRoute } from './linq/routes/chat-message.ts';
import { chatMessagesRoute } from './linq/routes/chat-messages.ts';
import type {
  Chat,
  ChatKey,
  ChatMessage,
  ChatMessageConnection,
  Cost,
  Keys,
  MessageKey,
  MessagePageKey,
  Resources,
  Target,
} from './model.ts';
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
export class BatchedLoaders implements Loaders {
  readonly #source: Source;
  readonly #options: LoaderOptions;
  readonly #loader: DataLoader<Request, unknown, string | Declaration>;
  // Of admitted batches: after a refused batch, an operation may still load a smaller one.
  #distinct = 0;
  #entries = 0;
  #places = 0;
  /** Paths that were declared and may not be loaded yet. */
  readonly #declared = new Set<string>();
  /** Paths that were loaded, are being loaded, or need no read. */
  readonly #loaded = new Map<string | Declaration, Promise<unknown>>();
  /** Sends the pending batch, if there is one. */
  #send: (() => void) | undefined;
  /** For all that is read until it comes. */
  #turn: Promise<void> | undefined;

  constructor(source: Source, options: LoaderOptions) {
    this.#source = source;
    this.#options = options;
    const batchScheduleFn = (send: () => void) => {
      this.#send = send;
    };
    this.#loader = new DataLoader((batch) => this.#startBatch(batch), {
      cacheMap: this.#loaded,
      cacheKeyFn: (request) => ('loadables' in request ? request : request.path),
      ...(options.batching === 'manual' && { batchScheduleFn }),
    });
  }

  message(key: MessageKey): Promise<ChatMessage | null> {
    return this.#load(this.#loadableOf({ loader: 'message', key }));
  }

  chat(key: ChatKey): Promise<Chat | null> {
    return this.#load(this.#loadableOf({ loader: 'chat', key }));
  }

  messages(key: MessagePageKey): Promise<ChatMessageConnection | null> {
    return this.#load(this.#loadableOf({ loader: 'messages', key }));
  }

  async declare({ targets, listEntries, readPlaces }: Cost): Promise<void> {
    const loadables = targets.map((target) => this.#loadableOf(target));
    await this.#loader.load({ loadables, listEntries, readPlaces });
  }

  isTooCostly(reads: number, entries: number): boolean {
    const { limits } = this.#options;
    try {
      limits.distinctReads(reads);
      limits.listEntries(entries);
      return false;
    } catch {
      return true;
    }
  }

  dispatch(): void {
    const send = this.#send;
    this.#send = undefined;
    send?.();
  }

  /** A path belongs to one loader, so what is loaded under it is a value of that loader. */
  #load<Value>(loadable: Loadable): Promise<Value | null> {
    return this.#loader.load(loadable) as Promise<Value | null>;
  }

  #loadableOf(target: Target): Loadable {
    if (target.loader === 'message') return this.#one(chatMessageRoute, target.key);
    if (target.loader === 'chat') return this.#one(chatRoute, target.key);
    const { key } = target;
    return { path: JSON.stringify(key), calls: callsOf(key), start: () => this.#readPage(key) };
  }

  #one<Key extends ChatKey, Value>(route: Route<Key, Value>, key: Key): Loadable {
    return { path: route.path(key), calls: 1, start: () => this.#source.read(route, key) };
  }

  async #readPage(key: MessagePageKey): Promise<ChatMessageConnection | null> {
    const startedAt = performance.now();
    const page = await readMessagePage(
      key,
      (list) => this.#source.read(chatMessagesRoute, list, performance.now() - startedAt),
      (parameter) => this.#source.reportDrift(chatMessagesRoute.template, parameter, 'ignored'),
    );
    for (const message of page?.nodes ?? []) this.#loader.prime(this.#one(chatMessageRoute, message), message);
    return page;
  }

  /**
   * Linq has no bulk route. A batch of promises, not of their results, lets each key settle by itself: a slow or failing
   * one delays no other. A bulk route would change this function and nothing else.
   */
  async #startBatch(batch: readonly Request[]): Promise<(Promise<unknown> | Error)[]> {
    const { limits, onBatch } = this.#options;
    let calls = 0;
    let undeclared = 0;
    let listed = 0;
    let placed = 0;
    let later: Map<string, number> | undefined;
    for (const request of batch) {
      if ('loadables' in request) {
        listed += request.listEntries;
        placed += request.readPlaces;
        later ??= new Map();
        for (const { path, calls } of request.loadables) {
          if (!this.#loaded.has(path) && !this.#declared.has(path)) later.set(path, calls);
        }
      } else {
        calls += request.calls;
        if (!this.#declared.has(request.path)) undeclared += request.calls;
      }
    }
    for (const calls of later?.values() ?? []) undeclared += calls;
    limits.listEntries(this.#entries + listed);
    limits.readPlaces(this.#places + placed);
    try {
      limits.distinctReads(this.#distinct + undeclared);
    } catch (error) {
      // The list itself is not too long: each of its entries fails.
      for (const request of batch) this.#loader.clear(request);
      return batch.map((request) => ('loadables' in request ? nothing : (error as Error)));
    }
    this.#distinct += undeclared;
    this.#entries += listed;
    this.#places += placed;
    for (const path of later?.keys() ?? []) this.#declared.add(path);
    if (calls > 0) onBatch(calls);
    return batch.map((request) => ('loadables' in request ? nothing : this.#start(request)));
  }

  #start(request: Loadable): Promise<unknown> {
    const { takeTurn } = this.#options;
    const value = request.start();
    if (takeTurn === undefined) return value;
    const inTurn = async () => {
      this.#turn ??= takeTurn().finally(() => {
        this.#turn = undefined;
      });
      await this.#turn;
      return value;
    };
    return value.then(inTurn, inTurn);
  }
}

const nothing = Promise.resolve(null);
