import cluster from 'node:cluster';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type {
  BreakerState,
  CallOutcome,
  Outcome,
  RetryReason,
  UpstreamMetrics,
} from '../datasources/upstream-metrics.ts';
import type { ErrorCode } from '../errors/codes.ts';
import { clusterMetricsOf } from './cluster-metrics.ts';
import type { PersistedQueryOutcome, RequestOutcome } from './request-record.ts';
import type { StreamedKind, StreamOutcome } from './stream-record.ts';
import { WordHistogram } from './word-histogram.ts';

/** What became of a request to the path of webhooks. */
export type WebhookOutcome =
  | 'admitted'
  | 'duplicate' // delivered before
  | 'ignored' // another version of the API, or a type that is not used
  | 'outdated' // older than a day, or from the future
  | 'unusable' // names no chat and message
  | 'malformed' // no event with an id, a type and a time
  | 'unsigned' // no secret signed it
  | 'wrong-method'
  | 'too-slow'
  | 'too-large'
  | 'not-json'
  | 'too-many' // over the limits for what is unsigned
  | 'unavailable' // shutting down, or it could be kept nowhere
  | 'canceled' // the sender disconnected
  | 'failed'; // a bug of the gateway

/**
 * The metrics at `GET /metrics`; docs/operations.md lists them. Label values come from closed sets: no ids, no tokens, nothing
 * that a caller chose. Each value exists from the start, so that Prometheus sees its first increase.
 */
export interface Metrics {
  readonly upstream: UpstreamMetrics;
  /** Whether Redis is connected; the metric exists after the first call. */
  redis(isUp: boolean): void;
  /** A completed GraphQL request, and the error codes in its response, each once. */
  request(outcome: RequestOutcome, durationMs: number, codes: readonly ErrorCode[]): void;
  /** An operation that was executed; `compiled` are those on the fast path. */
  operation(executor: 'compiled' | 'interpreted'): void;
  /** A request with the hash of a persisted query. */
  persistedQuery(outcome: PersistedQueryOutcome): void;
  /** A request to the path of webhooks. */
  webhook(outcome: WebhookOutcome): void;
  /** A stream that began. */
  streamOpened(): void;
  streamEnded(outcome: StreamOutcome): void;
  /** A stream that did not begin, because too many are open. */
  streamOverLimit(): void;
  /** An event that was sent on a stream. */
  streamEvent(kind: StreamedKind): void;
  /** Requests to Linq in one batch of an operation, as far as they are known before it. */
  batch(size: number): void;
  /** In Prometheus' text format, summed over all workers; rejects when one of them does not respond. */
  print(): Promise<string>;
  readonly contentType: string;
}

const sizes = [1, 2, 5, 10, 25, 50, 100, 250, 1_000];
const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const requestOutcomes = words<RequestOutcome>({ ok: 0, partial: 0, refused: 0, failed: 0, cancelled: 0 });
const outcomes = words<Outcome>({
  found: 0,
  missing: 0,
  'no-token': 0,
  unauthorized: 0,
  forbidden: 0,
  'rate-limited': 0,
  timeout: 0,
  unavailable: 0,
  'bad-response': 0,
  'caller-limited': 0,
  overloaded: 0,
  cancelled: 0,
});
const retryReasons = words<RetryReason>({ 'stale-connection': 0, 'rate-limited': 0, unavailable: 0 });
const breakerStates = words<BreakerState>({ closed: 0, open: 0, 'half-open': 0 });

const webhookOutcomes = words<WebhookOutcome>({
  admitted: 0,
  duplicate: 0,
  ignored: 0,
  outdated: 0,
  unusable: 0,
  malformed: 0,
  unsigned: 0,
  'wrong-method': 0,
  'too-slow': 0,
  'too-large': 0,
  'not-json': 0,
  'too-many': 0,
  unavailable: 0,
  canceled: 0,
  failed: 0,
});

const streamOutcomes = words<StreamOutcome | 'over-limit'>({
  expired: 0,
  drained: 0,
  canceled: 0,
  unread: 0,
  refused: 0,
  'over-limit': 0,
});
const streamedKinds = words<StreamedKind>({
  'message.sent': 0,
  'message.received': 0,
  'message.read': 0,
  'reaction.sent': 0,
  'reaction.received': 0,
  gap: 0,
});

/** `routes` are the templates of the routes of Linq. */
export function createMetrics(errorCodes: readonly ErrorCode[], routes: readonly string[]): Metrics {
  const register = Registry.merge([processMetrics()]);
  const registers = [register];
  const histogram = (name: string, help: string, labels: Record<string, readonly string[]> = {}, buckets = seconds) =>
    new WordHistogram({ name, help, labels, buckets, register });
  const requests = histogram(
    'graphql_request_duration_seconds',
    'GraphQL requests from arrival to response, by outcome.',
    { outcome: requestOutcomes },
  );
  const errors = countsOf(errorCodes);
  counter('graphql_request_errors_total', 'Requests whose response has an error with this code.', 'code', errors);
  const executed = countsOf(['compiled', 'interpreted']);
  counter('graphql_operations_total', 'Executed operations; compiled is the fast path.', 'executor', executed);
  const persisted = countsOf(words<PersistedQueryOutcome>({ hit: 0, miss: 0, registered: 0 }));
  const byHash = 'Requests with the hash of a persisted query, by result.';
  counter('graphql_persisted_queries_total', byHash, 'outcome', persisted);
  const webhooks = countsOf(webhookOutcomes);
  counter('linq_webhooks_total', 'Requests to the path of webhooks, by what became of them.', 'outcome', webhooks);
  const openStreams = new Gauge({ name: 'graphql_streams', help: 'Open streams of subscriptions.', registers });
  const streams = countsOf(streamOutcomes);
  counter('graphql_streams_total', 'Streams of subscriptions that ended or did not begin, by why.', 'outcome', streams);
  const streamEvents = countsOf(streamedKinds);
  counter('graphql_stream_events_total', 'Events sent on streams, by kind.', 'kind', streamEvents);
  const batches = histogram('graphql_loader_batch_size', 'Requests to Linq in one batch of an operation.', {}, sizes);
  const reads = histogram('linq_read_duration_seconds', 'Reads of Linq as seen by callers, by outcome.', {
    route: routes,
    outcome: outcomes,
  });
  const attempts = histogram(
    'linq_attempt_duration_seconds',
    'Requests to Linq, by outcome; stale found its connection closed.',
    { route: routes, outcome: [...outcomes, 'stale' satisfies CallOutcome] },
  );
  const retries = routeCounter('linq_retries_total', 'Requests to Linq sent again, by reason.', 'reason', retryReasons);
  const queueWait = histogram(
    'linq_queue_wait_seconds',
    'Queueing time of requests to Linq: connection, rate limit and pause together.',
  );
  const breaker = new Gauge({
    name: 'linq_breaker_state',
    help: 'Circuit breaker: 1 for its current state; with workers, the number of workers in it.',
    labelNames: ['state'],
    registers,
  });
  const sharedFlights = new Counter({
    name: 'linq_shared_flights_total',
    help: 'Reads that joined a read under way.',
    labelNames: ['route'],
    registers,
  });
  for (const route of routes) sharedFlights.inc({ route }, 0);
  const lookups = 'Cache lookups, by outcome; bypass is a read with no-cache.';
  const cache = routeCounter('linq_cache_total', lookups, 'outcome', ['hit', 'miss', 'bypass']);
  let redisUp: Gauge | undefined;
  const drift = new Counter({
    name: 'linq_drift_total',
    help: 'Linq responses that do not match its documentation, by path and kind.',
    labelNames: ['route', 'path', 'kind'],
    registers,
  });
  const enter = (current: BreakerState): void => {
    for (const state of breakerStates) breaker.set({ state }, state === current ? 1 : 0);
  };
  enter('closed');

  /** Exports numbers that are counted in plain objects, which is cheaper than a counter's `inc`. */
  function counter(name: string, help: string, label: string, counts: Record<string, number>): void {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [word, count] of Object.entries(counts)) this.inc({ [label]: word }, count);
      },
    });
  }

  /** Retries and cache lookups are rare enough for prom-client's own counter. */
  function routeCounter(name: string, help: string, label: string, all: readonly string[]): Counter {
    const counter = new Counter({ name, help, labelNames: ['route', label], registers });
    for (const route of routes) for (const word of all) counter.inc({ route, [label]: word }, 0);
    return counter;
  }

  return {
    upstream: {
      read: (route, outcome, durationMs) => reads.observe(durationMs / 1_000, route, outcome),
      attempt: (route, outcome, durationMs) => attempts.observe(durationMs / 1_000, route, outcome),
      retry: (route, reason) => retries.inc({ route, reason }),
      queueWait: (durationMs) => queueWait.observe(durationMs / 1_000),
      breaker: enter,
      sharedFlight: (route) => sharedFlights.inc({ route }),
      cache: (route, outcome) => cache.inc({ route, outcome }),
      drift: (route, path, kind) => drift.inc({ route, path, kind }),
    },
    redis: (isUp) => {
      redisUp ??= new Gauge({
        name: 'linq_redis_up',
        help: '1 while connected to Redis; 0 while this process keeps to its own share of the rates.',
        registers,
        aggregator: 'min',
      });
      redisUp.set(isUp ? 1 : 0);
    },
    request: (outcome, durationMs, codes) => {
      requests.observe(durationMs / 1_000, outcome);
      for (const code of codes) errors[code]++;
    },
    operation: (executor) => {
      executed[executor]++;
    },
    persistedQuery: (outcome) => {
      persisted[outcome]++;
    },
    webhook: (outcome) => {
      webhooks[outcome]++;
    },
    streamOpened: () => openStreams.inc(),
    streamEnded: (outcome) => {
      openStreams.dec();
      streams[outcome]++;
    },
    streamOverLimit: () => {
      streams['over-limit']++;
    },
    streamEvent: (kind) => {
      streamEvents[kind]++;
    },
    batch: (size) => batches.observe(size),
    print: cluster.isWorker ? clusterMetricsOf(register) : () => register.metrics(),
    contentType: register.contentType,
  };
}

let ofProcess: Registry | undefined;

/** Memory, processor and event loop. Once for all gateways of a process: what observes them runs until the process ends. */
function processMetrics(): Registry {
  if (ofProcess !== undefined) return ofProcess;
  ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  return ofProcess;
}

/** The keys of a record, whose completeness the compiler checks. */
function words<Word extends string>(all: Record<Word, 0>): readonly Word[] {
  return Object.keys(all) as Word[];
}

function countsOf<Word extends string>(all: readonly Word[]): Record<Word, number> {
  return Object.fromEntries(all.map((word) => [word, 0])) as Record<Word, number>;
}
