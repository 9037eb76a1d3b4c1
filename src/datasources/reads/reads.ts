import type { Token, TokenDigest } from '../token.ts';
import { UpstreamError } from '../upstream-error.ts';
import type { TraceCall, UpstreamMetrics } from '../upstream-metrics.ts';
import { Breaker } from './breaker.ts';
import type { CreateBucket } from './bucket.ts';
import type { CallerRate, DelayedRead } from './caller-rate.ts';
import type { Cancellation } from './cancellation.ts';
import type { Connection } from './connection.ts';
import { Deadlines } from './deadlines.ts';
import type { CallQueue } from './lane.ts';
import { Limiter } from './limiter.ts';
import { type Freshness, Read, type ReadCache, type ReadEnvironment } from './read.ts';
import type { ReadReport } from './read-report.ts';
import { RetryBudget } from './retry-budget.ts';
import type { Route } from './route.ts';
import { Waiter } from './waiter.ts';

export interface ReadsOptions {
  /** One for each call that may be in flight. */
  readonly connections: readonly Connection[];
  /** Total time for one read, and the longest timeout of a reader. In milliseconds. */
  readonly timeoutMs: number;
  /** Queue size; when the queue is full, reads fail with `overloaded`. */
  readonly maxQueue: number;
  readonly createBucket: CreateBucket;
  /** Reads that one caller may start in a second; undefined is unlimited. */
  readonly callerReadsPerSecond?: number | undefined;
  readonly cache?: ReadCache | undefined;
  readonly metrics: UpstreamMetrics;
  readonly reportDrift: ReadEnvironment['reportDrift'];
  /** Undefined without tracing. */
  readonly traceCall?: TraceCall | undefined;
  /** Called for each pause after a 429, so that other processes pause too. In milliseconds. */
  readonly onPause?: ((token: Token, ms: number) => void) | undefined;
}

/** The caller and options of a read. */
export interface Reader {
  /** An opaque id of the caller, which has its own turns and rate; undefined for one that is known by its token alone. */
  readonly caller?: string | undefined;
  /** Without one a read fails with `no-token` and no call is sent. */
  readonly token: Token | undefined;
  /** In milliseconds. */
  readonly timeoutMs: number;
  readonly freshness: Freshness;
  /** For the log alone. */
  readonly requestId?: string | undefined;
  readonly cancellation: Cancellation;
}

/** All upstream reads of a process. */
export class Reads {
  readonly #environment: ReadEnvironment;
  readonly #connections: readonly Connection[];
  readonly #maxQueue: number;
  #isClosed = false;

  constructor(options: ReadsOptions) {
    const { connections, maxQueue, createBucket, callerReadsPerSecond, metrics, onPause } = options;
    const onAdmit = (queuedMs: number) => metrics.queueWait(queuedMs);
    const limiter = new Limiter({ connections, maxQueue, createBucket, callerReadsPerSecond, onAdmit });
    this.#connections = connections;
    this.#maxQueue = maxQueue;
    this.#environment = {
      timeoutMs: options.timeoutMs,
      limiter,
      breaker: new Breaker((state) => metrics.breaker(state)),
      budget: new RetryBudget(),
      deadlines: new Deadlines(),
      metrics,
      reportDrift: options.reportDrift,
      cache: options.cache,
      traceCall: options.traceCall,
      pause: (token, ms) => {
        limiter.pause(token.digest, ms);
        onPause?.(token, ms);
      },
    };
  }

  /** Null when the upstream knows no such resource; rejects with an `UpstreamError`. `report` is filled in before. */
  get<Key, Value>(
    route: Route<Key, Value>,
    key: Key,
    reader: Reader,
    report?: ReadReport | undefined,
  ): Promise<Value | null> {
    return new Promise((resolve, reject) => {
      const { caller, token, cancellation, timeoutMs } = reader;
      const environment = this.#environment;
      const { metrics } = environment;
      if (token === undefined || this.#isClosed || cancellation.isCanceled) {
        const error = new UpstreamError(token === undefined ? 'no-token' : 'cancelled');
        error.route = route;
        metrics.read(route.template, error.fault, 0);
        report?.end(error.fault, undefined, 0, performance.now());
        return reject(error);
      }
      const now = performance.now();
      const waiter = new Waiter({ resolve, reject }, cancellation, now, timeoutMs, report);
      environment.deadlines.add(waiter, timeoutMs);
      const queue = environment.limiter.queueOf(caller, token.digest, now);
      const { rate } = queue.lane;
      if (rate === undefined || rate.admits()) this.#join(waiter, queue, route, key, reader, token, now);
      else this.#delay(waiter, rate, route, key, reader, token, now);
    });
  }

  #join<Key, Value>(
    waiter: Waiter,
    queue: CallQueue<Connection>,
    route: Route<Key, Value>,
    key: Key,
    { freshness, requestId }: Reader,
    token: Token,
    now: number,
  ): void {
    const environment = this.#environment;
    const path = route.path(key);
    const current = freshness === 'shared' ? queue.token.reads[path] : undefined;
    // An older read is stuck: it is no longer joined.
    if (current !== undefined && now - current.startedAt < environment.timeoutMs) {
      environment.metrics.sharedFlight(route.template);
      if (waiter.report !== undefined) waiter.report.isShared = true;
      current.join(waiter, queue, now);
      return;
    }
    const target = { route, key, path, group: route.group(key), token, freshness, requestId };
    const read = new Read(environment, queue, target, now);
    read.join(waiter, queue, now);
    read.start(now);
  }

  /** The caller is over its rate: the read starts when the rate allows it, or fails at once if that is after its deadline. */
  #delay<Key, Value>(
    waiter: Waiter,
    rate: CallerRate,
    route: Route<Key, Value>,
    key: Key,
    reader: Reader,
    token: Token,
    now: number,
  ): void {
    const { deadlines, limiter, metrics } = this.#environment;
    const end = (error: UpstreamError) => {
      deadlines.remove(waiter);
      error.route = route;
      const endedAt = performance.now();
      metrics.read(route.template, error.fault, endedAt - waiter.startedAt);
      waiter.report?.end(error.fault, undefined, 0, endedAt);
      waiter.reject(error);
    };
    const { waitMs } = rate;
    if (now + waitMs > waiter.deadline || rate.waiting >= this.#maxQueue) {
      end(new UpstreamError('caller-limited').after(waitMs));
      return;
    }
    const delayed: DelayedRead = {
      start: (startedAt) => {
        const queue = limiter.queueOf(reader.caller, token.digest, startedAt);
        this.#join(waiter, queue, route, key, reader, token, startedAt);
      },
    };
    waiter.read = {
      rejectOne: (_waiter, error) => {
        rate.remove(delayed);
        end(error);
      },
    };
    rate.delay(delayed);
  }

  /** The lane in which a caller has its turns. */
  laneOf({ caller, token }: Pick<Reader, 'caller' | 'token'>): string {
    return token === undefined ? (caller ?? 'anonymous') : this.#environment.limiter.laneOf(caller, token.digest);
  }

  /** Pauses the calls of this token, as another process announced. */
  pause(tokenDigest: TokenDigest, ms: number): void {
    this.#environment.limiter.pause(tokenDigest, ms);
  }

  /** Rejects all current and later reads with `cancelled` and closes the connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#environment.deadlines.cancelAll();
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}
