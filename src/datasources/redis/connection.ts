import type { createClient } from '@redis/client';

/** Values and numbers with decimals come as bytes. */
type TypeMapping = { 36: typeof Buffer }; // RESP_TYPES.BLOB_STRING
// biome-ignore lint/complexity/noBannedTypes: the client's types use it for no modules
export type RedisClient = ReturnType<typeof createClient<{}, {}, {}, 3, TypeMapping>>;

/** The longest that a read waits for a reply of Redis. In milliseconds, as all of these. */
const replyTimeoutMs = 100;
/** Longer, because only startup waits for a connection. */
const connectMs = 1_000;
const retryMs = 250;
/** Delay before the next attempt when Redis refused a command, since it would refuse it again. */
const refusedMs = 30_000;

interface ConnectionOptions {
  readonly url: string;
  /** Sends the first commands of each new connection, which is up when they have succeeded. */
  readonly onConnect: (client: RedisClient) => Promise<void>;
  /** Called once for each change; `reason` is the code of the error that closed or prevented the connection. */
  readonly onChange: (isUp: boolean, reason?: string) => void;
}

/**
 * One connection to Redis or Valkey that may be lost at any time. It is then reopened, four times a second, and commands
 * return at once meanwhile. Any failure of an essential command, a timeout included, counts as the loss of the connection.
 */
export class RedisConnection {
  readonly #options: ConnectionOptions;
  /** Open, or being opened. */
  #client: RedisClient | undefined;
  #state: 'unknown' | 'up' | 'down' | 'closed' = 'unknown';
  #retry: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  /** Resolves when the first attempt has ended; later attempts run in the background. Never rejects. */
  async open(): Promise<void> {
    const { createClient, RESP_TYPES } = await import('@redis/client'); // not loaded unless Redis is used
    if (this.#state === 'closed') return;
    const client: RedisClient = createClient({
      url: this.#options.url,
      name: 'linq-graphql-gateway',
      disableOfflineQueue: true,
      maintNotifications: 'disabled', // a command of Redis Enterprise only
      commandOptions: {
        timeout: 0, // it would not cover the wait for the reply; `within` does
        typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer },
      },
      socket: { reconnectStrategy: false, connectTimeout: connectMs },
    });
    this.#client = client;
    client.on('error', (error) => this.#lose(client, error));
    try {
      await within(connectMs, client.connect());
      await within(replyTimeoutMs, this.#options.onConnect(client));
      if (this.#client === client) this.#enter('up');
    } catch (error) {
      this.#lose(client, error);
    }
  }

  /**
   * The command's reply; undefined while Redis is down, and when a command that is not essential fails. Never rejects. `waitMs` is
   * how long Redis may hold back its reply, in milliseconds.
   */
  async run<T>(
    command: (client: RedisClient) => Promise<T>,
    { isEssential = true, waitMs = 0 }: { readonly isEssential?: boolean; readonly waitMs?: number } = {},
  ): Promise<T | undefined> {
    const client = this.#client;
    if (client === undefined || this.#state !== 'up') return undefined;
    try {
      return await within(waitMs + replyTimeoutMs, command(client));
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
    if (client !== this.#client) return; // already replaced
    this.#client = undefined;
    if (client.isOpen) client.destroy();
    this.#retry = setTimeout(() => void this.open(), isRefusal(error) ? refusedMs : retryMs).unref();
    this.#enter('down', reasonOf(error));
  }

  #enter(state: 'up' | 'down', reason?: string): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onChange(state === 'up', reason);
  }
}

class NoReplyError extends Error {}

/** Whether Redis replied with an error such as WRONGTYPE or NOPERM. A Redis that is starting counts as down. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^(?!LOADING|MASTERDOWN|READONLY)[A-Z]{2,20} /.test(error.message);
}

/** The timeout is measured in parts, so that a moment in which this process is too busy to read its sockets counts for one part only. */
const parts = 5;

function within<T>(ms: number, reply: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let left = parts;
    const waitOn = () => {
      // After the last part the sockets are read once more: timers run before them.
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

/** A word that is safe to log: Node's error code, the first word of an error of Redis, or the name of the error class. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return /^[A-Z]{2,20}(?= )/.exec(error.message)?.[0] ?? error.constructor.name;
}
