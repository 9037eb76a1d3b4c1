import cluster from 'node:cluster';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { UpstreamMeter } from '../datasources/meter.ts';
import type { BreakerState } from '../datasources/resilience/breaker.ts';
import { clusterMetricsOf } from './cluster-metrics.ts';

/** What an operator sees of the gateway at `GET /metrics`. Labels are words from closed sets: no ids, no tokens. */
export interface Metrics {
  readonly upstream: UpstreamMeter;
  /** Whether Redis is there; not shown before it was told once. */
  redis(isUp: boolean): void;
  /** An operation that was executed; `compiled` are those on the fast path. */
  operation(executor: 'compiled' | 'interpreted'): void;
  /** In Prometheus' text format, summed over all workers; rejects when one of them does not answer. */
  print(): Promise<string>;
  readonly contentType: string;
}

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const breakerStates: readonly BreakerState[] = ['closed', 'open', 'half-open'];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const reads = new Histogram({
    name: 'linq_read_duration_seconds',
    help: 'Reads of Linq as their callers saw them, by outcome.',
    labelNames: ['outcome'],
    buckets: seconds,
    registers,
  });
  const attempts = new Histogram({
    name: 'linq_attempt_duration_seconds',
    help: 'Calls sent to Linq, by outcome; stale is one that found its connection dead.',
    labelNames: ['outcome'],
    buckets: seconds,
    registers,
  });
  const retries = new Counter({
    name: 'linq_retries_total',
    help: 'Calls made again, by the reason.',
    labelNames: ['reason'],
    registers,
  });
  const queueWait = new Histogram({
    name: 'linq_queue_wait_seconds',
    help: 'How long calls to Linq waited for their turn: slot, rate and pause together.',
    buckets: seconds,
    registers,
  });
  const breaker = new Gauge({
    name: 'linq_breaker_state',
    help: 'Circuit breaker towards Linq: 1 for the state that it is in.',
    labelNames: ['state'],
    registers,
  });
  const sharedFlights = new Counter({
    name: 'linq_shared_flights_total',
    help: 'Reads that joined the call of another.',
    registers,
  });
  const cache = new Counter({
    name: 'linq_cache_total',
    help: 'Reads that looked for their message in the cache, by what they found; bypass is one that wanted it fresh.',
    labelNames: ['outcome'],
    registers,
  });
  let redisUp: Gauge | undefined;
  const drift = new Counter({
    name: 'linq_drift_total',
    help: 'Places where an answer of Linq left its documentation, by path and kind.',
    labelNames: ['path', 'kind'],
    registers,
  });
  const executed = { compiled: 0, interpreted: 0 };
  new Counter({
    name: 'graphql_operations_total',
    help: 'Operations that were executed; those seen before are compiled.',
    labelNames: ['executor'],
    registers,
    collect() {
      this.reset();
      for (const [executor, count] of Object.entries(executed)) this.inc({ executor }, count);
    },
  });
  const enter = (current: BreakerState): void => {
    for (const state of breakerStates) breaker.set({ state }, state === current ? 1 : 0);
  };
  enter('closed');

  return {
    upstream: {
      read: (outcome, durationMs) => reads.observe({ outcome }, durationMs / 1_000),
      attempt: (outcome, durationMs) => attempts.observe({ outcome }, durationMs / 1_000),
      retry: (reason) => retries.inc({ reason }),
      queueWait: (durationMs) => queueWait.observe(durationMs / 1_000),
      breaker: enter,
      sharedFlight: () => sharedFlights.inc(),
      cache: (outcome) => cache.inc({ outcome }),
      drift: (path, kind) => drift.inc({ path, kind }),
    },
    redis: (isUp) => {
      redisUp ??= new Gauge({
        name: 'linq_redis_up',
        help: 'Whether the Redis that replicas share is there; with 0 this one keeps to its own share.',
        registers,
        aggregator: 'min',
      });
      redisUp.set(isUp ? 1 : 0);
    },
    operation: (executor) => {
      executed[executor]++;
    },
    print: cluster.isWorker ? clusterMetricsOf(registry) : () => registry.metrics(),
    contentType: registry.contentType,
  };
}
