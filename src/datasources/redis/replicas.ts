import { randomUUID } from 'node:crypto';
import type { TokenDigest } from '../token.ts';
import { type RedisClient, RedisConnection } from './connection.ts';
import type { Draw, Drawn, SharedPermits } from './shared-bucket.ts';

/** How often a replica says that it is there. In milliseconds. */
const beatMs = 1_000;
/** One that is silent for so long no longer counts. In milliseconds. */
const silentMs = 5_000;
/** A count of replicas that shrinks is believed when the connection is as old as this: after a restart all come back one by one. */
const settledMs = 10_000;

/** Counts the replicas that were heard of lately, this one included. */
const beat = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ${silentMs})
redis.call('PEXPIRE', KEYS[1], ${2 * silentMs})
return redis.call('ZCARD', KEYS[1])`;

/**
 * The token bucket of \`TokenBucket\`, in Redis and by its clock. Where several replicas wait for permits each gets a fair
 * part of what is there. (Ours, since rate-limiter-flexible counts in fixed windows, which let through twice the rate at
 * their edges, and neither its queue nor its burst limiter says when a call will have its turn.)
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

interface ReplicasOptions {
  readonly url: string;
  /** Of Linq: gateways of another have nothing to share. */
  readonly origin: string;
  /** How many to reckon with as long as Redis was never there. */
  readonly atLeast: number;
  readonly onChange: (
    isUp: boolean,
    details: { readonly replicas: number; readonly reason: string | undefined },
  ) => void;
}

/**
 * What all gateways with the same Redis share: the permits of each token, its pauses, and room for values. Keys hold
 * digests of tokens, never tokens. While Redis is away nothing here waits, and nothing fails.
 */
export class Replicas implements SharedPermits {
  readonly #id = randomUUID();
  readonly #prefix: string;
  readonly #connection: RedisConnection;
  #count: number;
  #upSince = 0;
  #beats: NodeJS.Timeout | undefined;
  #onPause: (token: TokenDigest, ms: number) => void = () => {};

  constructor({ url, origin, atLeast, onChange }: ReplicasOptions) {
    this.#prefix = `linq-gateway:${new URL(origin).host}:`;
    this.#count = atLeast;
    this.#connection = new RedisConnection({
      url,
      greet: async (client) => {
        this.#upSince = performance.now();
        await Promise.all([this.#beat(client), this.#listen(client)]);
      },
      onChange: (isUp, reason) => onChange(isUp, { replicas: this.#count, reason }),
    });
  }

  get isUp(): boolean {
    return this.#connection.isUp;
  }

  /** How many share; while Redis is away, the last that was known. */
  get count(): number {
    return this.#count;
  }

  /** Resolves, and never rejects, when Redis is there or was not to be had. */
  async open(): Promise<void> {
    this.#beats = setInterval(() => void this.#connection.ask((client) => this.#beat(client)), beatMs).unref();
    await this.#connection.open();
  }

  async close(): Promise<void> {
    clearInterval(this.#beats);
    await this.#connection.ask((client) => client.zRem(`${this.#prefix}replicas`, this.#id));
    this.#connection.close();
  }

  async draw(token: TokenDigest, { perSecond, burst, wanted, most, returned }: Draw): Promise<Drawn | undefined> {
    const reply = await this.#connection.ask((client) =>
      client.eval(draw, {
        keys: [`${this.#prefix}permits:${token}`, `${this.#prefix}waiting:${token}`],
        arguments: [perSecond, burst, wanted, most, returned, this.#id].map(String),
      }),
    );
    if (!Array.isArray(reply)) return undefined;
    const [granted, left, waiting] = reply.map(Number);
    return { granted: granted ?? 0, left: left ?? 0, waiting: waiting ?? 1 };
  }

  /** Holds the token's calls back in the other replicas. */
  announcePause(token: TokenDigest, ms: number): void {
    const message = `${this.#id} ${token} ${Math.ceil(ms)}`;
    void this.#connection.ask((client) => client.publish(`${this.#prefix}pauses`, message));
  }

  /** What to do when another replica announces a pause. */
  onPause(listener: (token: TokenDigest, ms: number) => void): void {
    this.#onPause = listener;
  }

  /** Undefined when there is none, or Redis is away. */
  async read(name: string): Promise<Buffer | undefined> {
    const value = await this.#connection.ask((client) => client.get(`${this.#prefix}${name}`), false);
    return value ?? undefined;
  }

  /** Kept for as long as this, in milliseconds, or less. */
  write(name: string, value: Buffer, ms: number): void {
    const key = `${this.#prefix}${name}`;
    const expiration = { type: 'PX', value: ms } as const;
    void this.#connection.ask((client) => client.set(key, value, { expiration }), false);
  }

  async #beat(client: RedisClient): Promise<void> {
    const count = Number(await client.eval(beat, { keys: [`${this.#prefix}replicas`], arguments: [this.#id] }));
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
