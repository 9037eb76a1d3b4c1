import { randomUUID } from 'node:crypto';
import type { TokenDigest } from '../token.ts';
import { type RedisClient, RedisConnection } from './connection.ts';
import type { Draw, Drawn, SharedPermits } from './shared-bucket.ts';

/** Interval of the heartbeat. In milliseconds, as all of these. */
const heartbeatMs = 1_000;
/** A replica without a heartbeat for this long is no longer counted. */
const silentMs = 5_000;
/** A lower count of replicas is accepted when the connection is this old: after a restart of Redis they reconnect one by one. */
const settledMs = 10_000;

/** Counts the replicas with a recent heartbeat, including this one. */
const heartbeat = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ${silentMs})
redis.call('PEXPIRE', KEYS[1], ${2 * silentMs})
return redis.call('ZCARD', KEYS[1])`;

/**
 * The bucket of `TokenBucket`, in Redis and by its clock. When several replicas wait for permits, each gets a fair part of
 * them. See docs/decisions/redis-script.md.
 */
const draw = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local perSecond, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local most, returned, replica = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local kept = redis.call('HMGET', KEYS[1], 'permits', 'at')
local permits = burst
if kept[1] and kept[2] then
  permits = kept[1] + returned + math.max(0, now - kept[2]) * perSecond / 1000
end
permits = math.min(permits, burst, most)
redis.call('ZREM', KEYS[2], replica)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 3000)
local waiting = redis.call('ZCARD', KEYS[2]) + 1
local granted = math.max(0, math.min(wanted, math.floor(permits), math.ceil(permits / waiting)))
permits = permits - granted
redis.call('HSET', KEYS[1], 'permits', permits, 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - permits) * 1000 / perSecond) + 1000)
if granted < wanted then
  redis.call('ZADD', KEYS[2], now, replica)
  redis.call('PEXPIRE', KEYS[2], 4000)
end
return {granted, tostring(permits), waiting}`;

/** Of commands that Redis may refuse without harm to the others. */
const optional = { isEssential: false };

interface ReplicasOptions {
  readonly url: string;
  /** Of Linq: only gateways with the same one share. */
  readonly origin: string;
  /** Assumed number of replicas until Redis is reachable for the first time. */
  readonly atLeast: number;
  readonly onChange: (
    isUp: boolean,
    details: { readonly replicas: number; readonly reason: string | undefined },
  ) => void;
}

/**
 * What all gateways with the same Redis share: the permits and pauses of each token, and cached values. Keys contain
 * digests of tokens, never tokens. While Redis is down nothing here waits or fails.
 */
export class Replicas implements SharedPermits {
  readonly #id = randomUUID();
  readonly #prefix: string;
  readonly #connection: RedisConnection;
  #count: number;
  #upSince = 0;
  #heartbeats: NodeJS.Timeout | undefined;
  #onPause: (token: TokenDigest, ms: number) => void = () => {};

  constructor({ url, origin, atLeast, onChange }: ReplicasOptions) {
    this.#prefix = `linq-gateway:${new URL(origin).host}:`;
    this.#count = atLeast;
    this.#connection = new RedisConnection({
      url,
      onConnect: async (client) => {
        this.#upSince = performance.now();
        await Promise.all([this.#heartbeat(client), this.#listen(client)]);
      },
      onChange: (isUp, reason) => onChange(isUp, { replicas: this.#count, reason }),
    });
  }

  get isUp(): boolean {
    return this.#connection.isUp;
  }

  /** The number of replicas; while Redis is down, the last known one. */
  get count(): number {
    return this.#count;
  }

  /** Resolves when the first attempt to connect has ended. Never rejects. */
  async open(): Promise<void> {
    this.#heartbeats = setInterval(
      () => void this.#connection.run((client) => this.#heartbeat(client)),
      heartbeatMs,
    ).unref();
    await this.#connection.open();
  }

  async close(): Promise<void> {
    clearInterval(this.#heartbeats);
    await this.#connection.run((client) => client.zRem(`${this.#prefix}replicas`, this.#id));
    this.#connection.close();
  }

  async draw(token: TokenDigest, { perSecond, burst, wanted, most, returned }: Draw): Promise<Drawn | undefined> {
    const reply = await this.#connection.run((client) =>
      client.eval(draw, {
        keys: [`${this.#prefix}permits:${token}`, `${this.#prefix}waiting:${token}`],
        arguments: [perSecond, burst, wanted, most, returned, this.#id].map(String),
      }),
    );
    if (!Array.isArray(reply)) return undefined;
    const [granted, left, waiting] = reply.map(Number);
    return { granted: granted ?? 0, left: left ?? 0, waiting: waiting ?? 1 };
  }

  /** Pauses the token's calls in the other replicas. */
  announcePause(token: TokenDigest, ms: number): void {
    const message = `${this.#id} ${token} ${Math.ceil(ms)}`;
    void this.#connection.run((client) => client.publish(`${this.#prefix}pauses`, message));
  }

  /** Sets the listener for pauses that other replicas announce. */
  onPause(listener: (token: TokenDigest, ms: number) => void): void {
    this.#onPause = listener;
  }

  /** Undefined when there is none, or while Redis is down. */
  async read(name: string): Promise<Buffer | undefined> {
    const value = await this.#connection.run((client) => client.get(`${this.#prefix}${name}`), optional);
    return value ?? undefined;
  }

  /** Stores a value for at most `ms` milliseconds. */
  write(name: string, value: Buffer, ms: number): void {
    const key = `${this.#prefix}${name}`;
    const expiration = { type: 'PX', value: ms } as const;
    void this.#connection.run((client) => client.set(key, value, { expiration }), optional);
  }

  /** The name of a key in Redis. */
  key(name: string): string {
    return `${this.#prefix}${name}`;
  }

  /** The reply of a script that gets the keys of these names; undefined if it fails, and while Redis is down. */
  run(script: string, names: readonly string[], args: readonly string[]): Promise<unknown> {
    const keys = names.map((name) => this.key(name));
    return this.#connection.run((client) => client.eval(script, { keys, arguments: [...args] }), optional);
  }

  async #heartbeat(client: RedisClient): Promise<void> {
    const count = Number(await client.eval(heartbeat, { keys: [`${this.#prefix}replicas`], arguments: [this.#id] }));
    const hasSettled = performance.now() - this.#upSince > settledMs;
    this.#count = hasSettled ? count : Math.max(count, this.#count);
  }

  async #listen(client: RedisClient): Promise<void> {
    await client.subscribe(`${this.#prefix}pauses`, (message) => {
      const [, replica, token, ms] = /^([\w-]{36}) ([\w-]{43}) (\d{1,4})$/.exec(message) ?? [];
      if (token !== undefined && replica !== this.#id) this.#onPause(token as TokenDigest, Number(ms));
    });
  }
}
