import type { createClient } from '@redis/client';

/** Values and numbers with decimals come as bytes. */
type TypeMapping = { 36: typeof Buffer }; // RESP_TYPES.BLOB_STRING
// biome-ignore lint/complexity/noBannedTypes: what the client's own types call none
export type RedisClient = ReturnType<typeof createClient<{}, {}, {}, 3, TypeMapping>>;

/** How long a reply may take: a read waits for Redis no longer. In milliseconds. */
const patienceMs = 100;
/** Opening a connection may take longer: nobody waits for it but the start. */
const connectMs = 1_000;
const retryMs = 250;
/** A Redis that is there but refuses a command does so again: it is left alone for so long. In milliseconds. */
const refusedMs = 30_000;

interface ConnectionOptions {
  readonly url: string;
  /** Speaks first on each new connection, which counts as up when that succeeded. */
  readonly greet: (client: RedisClient) => Promise<void>;
  /** Told once of each change: an error's code where Redis went away, or was not there at first. */
  readonly onChange: (isUp: boolean, reason?: string) => void;
}

/**
 * One connection to Redis or Valkey that may be lost at any time: then it is opened anew, four times a second, and meanwhile
 * nobody waits. Whatever goes wrong with an essential command, its timeout included, counts as the loss of the connection.
 */
export class RedisConnection {
  readonly #options: ConnectionOptions;
  /** Open, or being opened. */
  #client: RedisClient | undefined;
  #state: 'unknown' | 'up' | 'away' | 'closed' = 'unknown';
  #retry: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  /** Resolves, and never rejects, when the first attempt has ended; the others are made by themselves. */
  async open(): Promise<void> {
    const { createClient, RESP_TYPES } = await import('@redis/client'); // where Redis is not used, it is not loaded
    if (this.#state === 'closed') return;
    const client: RedisClient = createClient({
      url: this.#options.url,
      name: 'linq-graphql-gateway',
      disableOfflineQueue: true,
      maintNotifications: 'disabled', // a command that Redis Enterprise alone knows
      commandOptions: {
        timeout: 0, // ours covers the wait for the reply as well
        typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer },
      },
      socket: { reconnectStrategy: false, connectTimeout: connectMs },
    });
    this.#client = client;
    client.on('error', (error) => this.#lose(client, error));
    try {
      await within(connectMs, client.connect());
      await within(patienceMs, this.#options.greet(client));
      if (this.#client === client) this.#enter('up');
    } catch (error) {
      this.#lose(client, error);
    }
  }

  /** The command's reply; undefined when Redis is away, and when it refuses what is not essential. Never rejects. */
  async ask<T>(command: (client: RedisClient) => Promise<T>, isEssential = true): Promise<T | undefined> {
    const client = this.#client;
    if (client === undefined || this.#state !== 'up') return undefined;
    try {
      return await within(patienceMs, command(client));
    } catch (error) {
      if (isEssential || !isRefusal(error)) this.#lose(client, error);
      return undefined;
    }
  }

  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#retry);
    if (this.#client?.isOpen) this.#client.destroy();
    this.#client = undefined;
  }

  #lose(client: RedisClient, error: unknown): void {
    if (client !== this.#client) return; // it was lost already
    this.#client = undefined;
    if (client.isOpen) client.destroy();
    this.#retry = setTimeout(() => void this.open(), isRefusal(error) ? refusedMs : retryMs).unref();
    this.#enter('away', reasonOf(error));
  }

  #enter(state: 'up' | 'away', reason?: string): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onChange(state === 'up', reason);
  }
}

class NoReplyError extends Error {}

/** Whether Redis answered, with an error such as WRONGTYPE or NOPERM; while it starts, it is as good as away. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^(?!LOADING|MASTERDOWN|READONLY)[A-Z]{2,20} /.test(error.message);
}

/** In so many parts the time is waited for: one in which this process is too busy to look at its sockets counts once. */
const parts = 5;

function within<T>(ms: number, reply: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let left = parts;
    const waitOn = () => {
      // After the last part one more look at the sockets: timers come first.
      if (left-- > 0) timer = setTimeout(waitOn, ms / parts);
      else setImmediate(() => reject(new NoReplyError()));
    };
    let timer: NodeJS.Timeout;
    waitOn();
    reply.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** A word that is safe to log: Node's code of an error, the one that Redis begins its errors with, or the error's class. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return /^[A-Z]{2,20}(?= )/.exec(error.message)?.[0] ?? error.constructor.name;
}
