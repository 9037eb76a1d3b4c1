import type { Token, TokenDigest } from '../token.ts';
import { UpstreamError } from '../upstream-error.ts';
import type { TraceCall, UpstreamMetrics } from '../upstream-metrics.ts';
import { Breaker } from './breaker.ts';
import type { CreateBucket } from './bucket.ts';
import type { Cancellation } from './cancellation.ts';
import type { Connection } from './connection.ts';
import { Deadlines } from './deadlines.ts';
import { Limiter } from './limiter.ts';
import { type Freshness, Read, type ReadCache, type ReadEnvironment } from './read.ts';
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
  #isClosed = false;

  constructor(options: ReadsOptions) {
    const { connections, maxQueue, createBucket, metrics, onPause } = options;
    const onAdmit = (queuedMs: number) => metrics.queueWait(queuedMs);
    const limiter = new Limiter({ connections, maxQueue, createBucket, onAdmit });
    this.#connections = connections;
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

  /** Null when the upstream knows no such resource; rejects with an `UpstreamError`. */
  get<Key, Value>(route: Route<Key, Value>, key: Key, reader: Reader): Promise<Value | null> {
    return new Promise((resolve, reject) => {
      const { token, cancellation, timeoutMs, freshness, requestId } = reader;
      const environment = this.#environment;
      const { metrics } = environment;
      if (token === undefined || this.#isClosed || cancellation.isCanceled) {
        const error = new UpstreamError(token === undefined ? 'no-token' : 'cancelled');
        error.route = route;
        metrics.read(route.template, error.fault, 0);
        return reject(error);
      }
      const now = performance.now();
      const waiter = new Waiter({ resolve, reject }, cancellation, now, timeoutMs);
      environment.deadlines.add(waiter, timeoutMs);
      const lane = environment.limiter.laneOf(token.digest);
      const path = route.path(key);
      const current = freshness === 'shared' ? lane.token.reads[path] : undefined;
      // An older read is stuck: it is no longer joined.
      if (current !== undefined && now - current.startedAt < environment.timeoutMs) {
        metrics.sharedFlight(route.template);
        current.join(waiter, now);
        return;
      }
      const read = new Read(environment, lane, { route, key, path, token, freshness, requestId }, now);
      read.join(waiter, now);
      read.start(now);
    });
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
