import type { Bucket } from '../../../src/datasources/reads/bucket.ts';
import { type CallerSignal, Cancellation } from '../../../src/datasources/reads/cancellation.ts';
import type { Call, Connection } from '../../../src/datasources/reads/connection.ts';
import type { QueuedCall } from '../../../src/datasources/reads/lane.ts';
import { Limiter } from '../../../src/datasources/reads/limiter.ts';
import { Reads, type ReadsOptions } from '../../../src/datasources/reads/reads.ts';
import type { Route } from '../../../src/datasources/reads/route.ts';
import { TokenBucket } from '../../../src/datasources/reads/token-bucket.ts';
import { SharedBucket, type SharedPermits } from '../../../src/datasources/redis/shared-bucket.ts';
import { Token, type TokenDigest } from '../../../src/datasources/token.ts';
import type { UpstreamError } from '../../../src/datasources/upstream-error.ts';
import type { UpstreamMetrics } from '../../../src/datasources/upstream-metrics.ts';

interface TestSlot {
  onFree: () => void;
}

interface TestLimiterOptions {
  readonly maxConcurrency?: number;
  readonly maxQueue?: number;
  readonly requestsPerSecond?: number;
  readonly permits?: SharedPermits;
  readonly onAdmit?: (queuedMs: number) => void;
}

/** A limiter on its own, whose slots carry functions. */
export type TestLimiter = Limiter<TestSlot>;

export function createLimiter(options: TestLimiterOptions = {}): TestLimiter {
  const { maxConcurrency = 1, maxQueue = 1_000, requestsPerSecond, permits, onAdmit = () => {} } = options;
  return new Limiter({
    connections: Array.from({ length: maxConcurrency }, () => ({ onFree: () => {} })),
    maxQueue,
    createBucket: (digest, onChange): Bucket | undefined => {
      if (requestsPerSecond === undefined) return undefined;
      if (permits === undefined) return new TokenBucket(requestsPerSecond);
      return new SharedBucket(digest, requestsPerSecond, permits, onChange);
    },
    onAdmit,
  });
}

/** The caller of a call: `announce` is called with each delay, and may abort `signal` with an `UpstreamError`. */
export interface TestCaller {
  readonly signal: AbortSignal;
  readonly announce: (waitMs: number, error: UpstreamError) => void;
}

export const patient: TestCaller = { signal: new AbortController().signal, announce: () => {} };

/** Accepts no announced delay longer than this. */
export function hurried(deadlineMs: number): TestCaller {
  const stop = new AbortController();
  return {
    signal: stop.signal,
    announce: (waitMs, error) => waitMs > deadlineMs && stop.abort(error.after(waitMs)),
  };
}

/** Runs the call when the limiter admits it, for as long as its promise is pending. */
export function run<T>(
  limiter: TestLimiter,
  token: TokenDigest,
  caller: TestCaller,
  call: () => Promise<T>,
  callerId: string = token,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const { signal, announce } = caller;
    if (signal.aborted) return reject(signal.reason);
    const queue = limiter.queueOf(callerId, token, performance.now());
    let isQueued = false;
    const leave = () => {
      queued.isOver = true;
      if (isQueued) limiter.leave(queued, queue);
      isQueued = false;
      reject(signal.reason);
    };
    const queued: QueuedCall<TestSlot> & { isOver: boolean } = {
      isOver: false,
      queuedAt: performance.now(),
      enqueued: () => {
        isQueued = true;
      },
      announceDelay: announce,
      refuse: reject,
      fail: reject,
      admit(slot) {
        isQueued = false;
        signal.removeEventListener('abort', leave);
        call()
          .then(resolve, reject)
          .finally(() => slot.onFree());
      },
    };
    signal.addEventListener('abort', leave);
    limiter.enter(queued, queue, performance.now());
  });
}

/** Passes each call to `respond`, and counts dropped calls. */
export class TestConnection implements Connection {
  onFree = (): void => {};
  dropped = 0;
  /** The call in flight. */
  call: Call | undefined;
  /** How long a dropped call occupies the connection, as a call does whose connection is being opened. */
  freeAfterDropMs = 0;
  readonly #respond: (call: Call, connection: TestConnection) => void;

  constructor(respond: (call: Call, connection: TestConnection) => void) {
    this.#respond = respond;
  }

  send(call: Call): void {
    this.call = call;
    this.#respond(call, this);
  }

  /** Ends the call with a status and a body, unless it was dropped meanwhile. */
  respond(call: Call, status: number, body = '', retryAfter?: string): void {
    if (this.#free(call)) call.respond(status, retryAfter, body);
  }

  fail(call: Call, error: Error): void {
    if (this.#free(call)) call.fail(error);
  }

  drop(): void {
    if (this.call === undefined) return;
    this.call = undefined;
    this.dropped++;
    if (this.freeAfterDropMs === 0) this.onFree();
    else setTimeout(() => this.onFree(), this.freeAfterDropMs);
  }

  async close(): Promise<void> {}

  #free(call: Call): boolean {
    if (this.call !== call) return false;
    this.call = undefined;
    this.onFree();
    return true;
  }
}

/** A route whose values are the bodies. */
export const textRoute: Route<string, string> = {
  template: '/{id}',
  subject: 'the text',
  cacheFormat: 1,
  path: (id) => `/${id}`,
  group: (id) => id,
  decode: (body) => body,
  matches: () => true,
  scope: (id) => ({ chatId: '1', messageId: id }),
};

export const silentMetrics: UpstreamMetrics = {
  read() {},
  attempt() {},
  retry() {},
  queueWait() {},
  breaker() {},
  sharedFlight() {},
  cache() {},
  drift() {},
};

export function createReads(connections: readonly Connection[], options: Partial<ReadsOptions> = {}): Reads {
  return new Reads({
    connections,
    timeoutMs: 1_000,
    maxQueue: 1_000,
    createBucket: () => undefined,
    metrics: silentMetrics,
    reportDrift: () => {},
    ...options,
  });
}

interface ReadOptions {
  /** Undefined for a caller that is known by its token alone. */
  readonly caller?: string | undefined;
  readonly id?: string;
  readonly token?: Token;
  readonly timeoutMs?: number;
  readonly signal?: CallerSignal;
}

const defaultToken = new Token('a');

/** The value, or the error. */
export function read(reads: Reads, options: ReadOptions = {}): Promise<string | null | UpstreamError> {
  const { id = '1', token = defaultToken, timeoutMs = 1_000, signal = new AbortController().signal } = options;
  const reader = {
    caller: options.caller,
    token,
    timeoutMs,
    freshness: 'shared',
    cancellation: new Cancellation(signal),
  } as const;
  return reads.get(textRoute, id, reader).catch((error: UpstreamError) => error);
}
