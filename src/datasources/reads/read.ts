import { AsyncLocalStorage } from 'node:async_hooks';
import type { Token } from '../token.ts';
import { UpstreamError } from '../upstream-error.ts';
import type { CallOutcome, Outcome, TraceCall, UpstreamMetrics } from '../upstream-metrics.ts';
import { type Breaker, BreakerOpenError, type Verdict, verdictOn } from './breaker.ts';
import { type Call, type Connection, StaleConnectionError } from './connection.ts';
import type { Deadlines } from './deadlines.ts';
import type { CallQueue, QueuedCall } from './lane.ts';
import type { Limiter } from './limiter.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { ReportDrift, Route } from './route.ts';
import { statusError } from './status-error.ts';
import type { Waiter } from './waiter.ts';

/**
 * `shared`: a cached value will do, and so will the response to a call that is already under way.
 * `fresh`: a call that starts now. It ignores the cache, renews its entry, and is not shared.
 */
export type Freshness = 'shared' | 'fresh';

/** Keeps values of recent reads, each for the token that it was read with. May lose any at any time; never rejects. */
export interface ReadCache {
  /** What to pass to `set` for a value whose call is sent now, so that an event which comes meanwhile outdates it. */
  position(): string;
  get<Key, Value>(route: Route<Key, Value>, key: Key, token: Token): Promise<Value | undefined>;
  /** `begunAt` is what `position` returned before the call was sent. */
  set<Key, Value>(route: Route<Key, Value>, key: Key, token: Token, value: Value, begunAt: string): void;
  delete<Key, Value>(route: Route<Key, Value>, key: Key, token: Token): void;
}

/** What all reads of a process have in common. */
export interface ReadEnvironment {
  /** The longest that a read may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly limiter: Limiter<Connection>;
  readonly breaker: Breaker;
  readonly budget: RetryBudget;
  readonly deadlines: Deadlines;
  readonly metrics: UpstreamMetrics;
  readonly reportDrift: (route: string, path: string, kind: Parameters<ReportDrift>[1], requestId?: string) => void;
  readonly cache: ReadCache | undefined;
  readonly traceCall: TraceCall | undefined;
  /** Holds back the token's other calls after a 429. */
  readonly pause: (token: Token, ms: number) => void;
}

/** What one read is of. */
export interface ReadTarget<Key, Value> {
  readonly route: Route<Key, Value>;
  readonly key: Key;
  readonly path: string;
  /** See `Route.group`. */
  readonly group: string;
  readonly token: Token;
  readonly freshness: Freshness;
  /** For the log alone. */
  readonly requestId: string | undefined;
}

const maxAttempts = 3;
/** Full jitter: a delay is drawn evenly from 0 to this, doubled with each attempt, on top of `Retry-After`. In milliseconds. */
const firstDelayMs = 100;
/** The longest pause of a token after a 429, whatever `Retry-After` says. In milliseconds. */
export const maxPauseMs = 1_000;

/** Transient failures: no response, or one of these statuses. A truncated body has status 200; 520 to 524 are a CDN's. */
const transientStatuses: ReadonlySet<number | undefined> = new Set([
  undefined,
  200,
  429,
  ...[408, 425],
  ...[500, 502, 503, 504],
  ...[520, 521, 522, 523, 524],
]);

/** `starting` covers the cache lookup; `delayed` is the time between two attempts. */
type State = 'starting' | 'queued' | 'sent' | 'delayed' | 'over';

/**
 * One upstream read for all waiters with the same token. A call that succeeds at once goes through `start`, `#attempt`,
 * `admit`, `respond` and `#endCall`, synchronously up to undici's `dispatch`; the rest handles failures.
 */
export class Read<Key, Value> implements QueuedCall<Connection>, Call {
  // Links of the lane's queue.
  previous?: this | undefined;
  next?: this | undefined;
  queuedAt = 0;

  readonly startedAt: number;
  readonly #environment: ReadEnvironment;
  readonly #target: ReadTarget<Key, Value>;
  /** That of the caller from whose lane it is sent soonest. */
  #queue: CallQueue<Connection>;
  readonly #waiters: Waiter[] = [];
  /** Runs a function in the trace context of the first waiter; undefined without tracing. */
  readonly #runInContext: ReturnType<typeof AsyncLocalStorage.snapshot> | undefined;
  #state: State = 'starting';
  #attempts = 0;
  #staleRetriesLeft = 1;
  #delayTimer: NodeJS.Timeout | undefined;
  /** The end of the last announced delay, for waiters that join later. */
  #delayedUntil = 0;
  #delayReason: UpstreamError | undefined;
  // Of the call in flight.
  #connection: Connection | undefined;
  #sentAt = 0;
  #begunAt = '';
  #breakerPeriod = 0;
  #endTrace: ReturnType<TraceCall> | undefined;
  #callsSent = 0;
  /** Whether any waiter has a report. */
  #isReported = false;

  constructor(environment: ReadEnvironment, queue: CallQueue<Connection>, target: ReadTarget<Key, Value>, now: number) {
    this.#environment = environment;
    this.#queue = queue;
    this.#target = target;
    this.startedAt = now;
    if (environment.traceCall !== undefined) this.#runInContext = AsyncLocalStorage.snapshot();
    queue.addRead();
    if (target.freshness === 'shared') queue.token.reads[target.path] = this;
  }

  get path(): string {
    return this.#target.path;
  }

  get headers(): string[] {
    return this.#target.token.headers;
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** `queue` is that of the waiter's caller. */
  join(waiter: Waiter, queue: CallQueue<Connection>, now: number): void {
    waiter.read = this;
    waiter.index = this.#waiters.length;
    this.#waiters.push(waiter);
    if (waiter.report !== undefined) this.#isReported = true;
    this.#rejectLate(now);
    if (queue.lane !== this.#queue.lane && !this.isOver) this.#considerMove(queue, now);
  }

  /** A caller with many queued reads must not delay one with few that waits for the same value. */
  #considerMove(to: CallQueue<Connection>, now: number): void {
    const { limiter } = this.#environment;
    const from = this.#queue;
    const isQueued = this.#state === 'queued';
    const isSooner = isQueued ? limiter.isSooner(this, from, to) : from.lane.queuedCalls > to.lane.queuedCalls;
    if (!isSooner) return;
    to.addRead();
    this.#queue = to;
    if (isQueued) {
      this.#state = 'starting';
      limiter.leave(this, from);
      limiter.enter(this, to, now, this.queuedAt);
    }
    from.removeRead();
  }

  start(now: number): void {
    const { cache, metrics } = this.#environment;
    const { route, key, token, freshness } = this.#target;
    if (cache === undefined || freshness === 'fresh') {
      if (cache !== undefined) metrics.cache(route.template, 'bypass');
      this.#begin(now);
      return;
    }
    const proceed = (value: Value | undefined) => {
      metrics.cache(route.template, value === undefined ? 'miss' : 'hit');
      if (this.isOver) return;
      if (value === undefined) this.#begin(performance.now());
      else this.#resolve(value, undefined, performance.now());
    };
    cache
      .get(route, key, token)
      .then(proceed)
      .catch((error: Error) => this.#reject(error, performance.now()));
  }

  #begin(now: number): void {
    this.#environment.budget.countRead(now);
    this.#attempt(now);
  }

  #attempt(now: number): void {
    this.#attempts++;
    const refusal = this.#environment.breaker.refusal(this.#queue.token.digest, this.#target.group, now); // checked before it is queued
    if (refusal === undefined) this.#environment.limiter.enter(this, this.#queue, now);
    else this.#reject(refusal, now);
  }

  enqueued(now: number): void {
    this.#state = 'queued';
    this.queuedAt = now;
  }

  refuse(error: UpstreamError): void {
    this.#reject(error, performance.now());
  }

  admit(connection: Connection, now: number): void {
    const { breaker, cache, traceCall } = this.#environment;
    this.#state = 'starting';
    this.#delayReason = undefined;
    const { digest } = this.#queue.token;
    const refusal = breaker.refusal(digest, this.#target.group, now);
    if (refusal !== undefined) this.#reject(refusal, now);
    else this.#rejectUntil(now, now); // their timer may not have run yet
    if (this.isOver) {
      connection.onFree();
      return;
    }
    this.#state = 'sent';
    this.#connection = connection;
    this.#breakerPeriod = breaker.enter(digest, now);
    this.#sentAt = now;
    this.#begunAt = cache?.position() ?? '';
    const resends = this.#callsSent++;
    if (traceCall !== undefined) {
      this.#endTrace = this.#runInContext?.(() => traceCall(this.#target.route.template, resends));
    }
    connection.send(this);
  }

  /** Must not throw, because the connection may carry another call by now. */
  respond(status: number, retryAfter: string | undefined, body: string): void {
    const now = performance.now();
    try {
      if (status === 200) this.#succeed(this.#decode(body), 200, now);
      else if (status === 404) this.#succeed(null, 404, now);
      else this.#endFailedCall(statusError(status, retryAfter), now);
    } catch (error) {
      if (error instanceof UpstreamError) this.#endFailedCall(error, now);
      else this.fail(error as Error);
    }
  }

  fail(error: Error): void {
    const now = performance.now();
    if (error instanceof UpstreamError) {
      this.#endFailedCall(error, now);
      return;
    }
    if (!(error instanceof StaleConnectionError)) {
      // A bug in the gateway, which proves nothing about the upstream.
      if (this.#state === 'sent') this.#endCall('bad-response', 'neither', undefined, now);
      this.#reject(error, now);
      return;
    }
    this.#endCall('stale', 'neither', undefined, now);
    if (this.#staleRetriesLeft-- > 0) {
      this.#environment.metrics.retry(this.#target.route.template, 'stale-connection');
      this.#attempts--;
      this.#attempt(now);
      return;
    }
    this.#retry(new UpstreamError('unavailable', { cause: error }), now);
  }

  announceDelay(waitMs: number, error: UpstreamError): void {
    const now = performance.now();
    this.#delayedUntil = now + waitMs;
    this.#delayReason = error;
    this.#rejectLate(now);
  }

  /** The read ends with its last waiter. */
  rejectOne(waiter: Waiter, error: UpstreamError, now = performance.now()): void {
    if (this.#state === 'sent') waiter.report?.countCall(this.#sentAt, now);
    const last = this.#waiters.pop() as Waiter;
    if (last !== waiter) {
      this.#waiters[waiter.index] = last;
      last.index = waiter.index;
    }
    if (this.#waiters.length === 0) this.#abandon(error, now);
    this.#rejectWaiter(waiter, error, now);
  }

  #decode(body: string): Value {
    const { route, key, requestId } = this.#target;
    const { reportDrift } = this.#environment;
    return route.decode(body, key, (path, kind) => reportDrift(route.template, path, kind, requestId));
  }

  #succeed(value: Value | null, status: number, now: number): void {
    this.#endCall(value === null ? 'missing' : 'found', 'success', status, now);
    if (!this.#queue.token.isAccepted) this.#environment.limiter.setAccepted(this.#queue.token, true);
    const { cache } = this.#environment;
    const { route, key, token, freshness } = this.#target;
    if (value !== null) cache?.set(route, key, token, value, this.#begunAt);
    else if (freshness === 'fresh') cache?.delete(route, key, token);
    this.#resolve(value, status, now);
  }

  #endFailedCall(error: UpstreamError, now: number): void {
    const { timeoutMs, limiter, pause } = this.#environment;
    this.#endCall(error.fault, verdictOn(error.fault, now - this.#sentAt, timeoutMs), error.status, now);
    // A 403 is about a token that exists. Nothing else proves that it was looked at: not a 5xx, nor a 429.
    if (error.fault === 'forbidden' || error.fault === 'unauthorized') {
      limiter.setAccepted(this.#queue.token, error.fault === 'forbidden');
    }
    if (error.fault === 'rate-limited') {
      pause(this.#target.token, Math.min(maxPauseMs, error.retryAfterMs ?? maxPauseMs));
    }
    this.#retry(error, now);
  }

  /** The call has ended and its connection may be in use again; the read may go on. */
  #endCall(outcome: CallOutcome, verdict: Verdict, status: number | undefined, now: number): void {
    this.#state = 'starting';
    this.#connection = undefined;
    const { breaker, metrics } = this.#environment;
    const { route, group, token } = this.#target;
    breaker.leave(this.#breakerPeriod, verdict, token.digest, group, now);
    metrics.attempt(route.template, outcome, now - this.#sentAt);
    if (this.#isReported) for (const { report } of this.#waiters) report?.countCall(this.#sentAt, now);
    const endTrace = this.#endTrace;
    this.#endTrace = undefined;
    endTrace?.(outcome, status);
  }

  /** Waits at least for `Retry-After`; waiters whose deadline is earlier are rejected at once. */
  #retry(error: UpstreamError, now: number): void {
    const { breaker, budget, metrics } = this.#environment;
    const { token, group } = this.#target;
    if (this.#attempts >= maxAttempts || !isTransient(error)) {
      this.#reject(error, now);
      return;
    }
    const delayMs = (error.retryAfterMs ?? 0) + Math.random() * firstDelayMs * 2 ** (this.#attempts - 1);
    this.announceDelay(delayMs, error);
    if (this.isOver) return;
    // Only if a waiter remains: a retry that is not made uses no budget. A group that keeps failing must not use up the budget.
    if (breaker.isFailing(token.digest, group, now) || !budget.take(now)) {
      this.#reject(error, now);
      return;
    }
    metrics.retry(this.#target.route.template, error.fault === 'rate-limited' ? 'rate-limited' : 'unavailable');
    this.#state = 'delayed';
    this.#delayTimer = setTimeout(() => this.#attempt(performance.now()), delayMs);
  }

  /** Rejects the waiters whose deadline is before the end of the announced delay. */
  #rejectLate(now: number): void {
    const waitMs = this.#delayedUntil - now;
    if (this.#delayReason === undefined || waitMs <= 0) return;
    this.#rejectUntil(this.#delayedUntil, now, this.#delayReason.after(waitMs));
  }

  /** Rejects the waiters whose deadline is not after `time`. From the last to the first: `rejectOne` fills a gap with the last. */
  #rejectUntil(time: number, now: number, error?: UpstreamError): void {
    for (let index = this.#waiters.length - 1; index >= 0; index--) {
      const waiter = this.#waiters[index] as Waiter;
      if (waiter.deadline <= time) this.rejectOne(waiter, error ?? new UpstreamError('timeout'), now);
    }
  }

  /** Ends the read when no waiter is left. */
  #abandon(error: UpstreamError, now: number): void {
    if (this.isOver) return;
    const state = this.#state;
    const connection = this.#connection;
    if (state === 'sent') {
      const verdict = verdictOn(error.fault, now - this.#sentAt, this.#environment.timeoutMs);
      this.#endCall(error.fault, verdict, undefined, now);
    }
    this.#end();
    if (state === 'queued') this.#environment.limiter.leave(this, this.#queue);
    else if (state === 'delayed') clearTimeout(this.#delayTimer);
    else connection?.drop(); // last, because it may free the slot and start another read
  }

  /** `status` is undefined for a cached value. */
  #resolve(value: Value | null, status: number | undefined, now: number): void {
    const { deadlines, metrics } = this.#environment;
    const { template } = this.#target.route;
    const outcome = value === null ? 'missing' : 'found';
    this.#end();
    for (const waiter of this.#waiters) {
      deadlines.remove(waiter);
      metrics.read(template, outcome, now - waiter.startedAt);
      if (this.#isReported) this.#report(waiter, outcome, status, now);
      waiter.resolve(value);
    }
  }

  #reject(error: Error, now: number): void {
    if (this.isOver) return;
    const { route, key, token, freshness } = this.#target;
    const isRefused = error instanceof UpstreamError && /^(unauthorized|forbidden)$/.test(error.fault);
    if (isRefused && freshness === 'fresh') this.#environment.cache?.delete(route, key, token);
    this.#end();
    for (const waiter of this.#waiters) this.#rejectWaiter(waiter, error, now);
  }

  #rejectWaiter(waiter: Waiter, error: Error, now: number): void {
    const { deadlines, metrics } = this.#environment;
    const { route } = this.#target;
    deadlines.remove(waiter);
    if (error instanceof UpstreamError) {
      error.route = route;
      metrics.read(route.template, error.fault, now - waiter.startedAt);
      this.#report(waiter, error.fault, error.status, now);
    } else this.#report(waiter, 'internal', undefined, now);
    waiter.reject(error);
  }

  #report({ report }: Waiter, outcome: Outcome | 'internal', status: number | undefined, now: number): void {
    if (report === undefined) return;
    report.isCached = outcome === 'found' && status === undefined;
    report.end(outcome, status, this.#callsSent, now);
  }

  #end(): void {
    this.#state = 'over';
    const { token } = this.#queue;
    if (token.reads[this.path] === this) delete token.reads[this.path];
    this.#queue.removeRead();
  }
}

function isTransient(error: UpstreamError): boolean {
  if (error instanceof BreakerOpenError) return false;
  return (error.fault === 'rate-limited' || error.fault === 'unavailable') && transientStatuses.has(error.status);
}
