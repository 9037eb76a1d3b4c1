import cluster from 'node:cluster';
import { once } from 'node:events';
import type { Logger } from 'pino';
import { serveEventLog } from './datasources/events/cluster-event-log.ts';
import { watchProbes } from './http/readiness.ts';
import { serveClusterMetrics } from './telemetry/cluster-metrics.ts';

/** Graceful stop. `isSiblingProbed`: a load balancer has probed a sibling process. */
export type Shutdown = (isSiblingProbed?: boolean) => Promise<void>;

/** From the primary to its workers. */
interface Order {
  readonly drain: true;
  /** A load balancer has probed some worker. */
  readonly isProbed: boolean;
}

function isOrder(message: unknown): message is Order {
  return typeof message === 'object' && message !== null && 'drain' in message;
}

interface SupervisorOptions {
  readonly count: number;
  /** Workers that have not stopped by then are killed. In milliseconds. */
  readonly stopMs: number;
  readonly log: Logger;
  /** Called once, when the first worker listens. */
  readonly onListening: (address: { readonly address: string; readonly port: number }) => void;
}

/** Delay before a worker that exited is replaced; doubles up to the longest while workers exit young. In milliseconds. */
const firstDelayMs = 100;
const longestDelayMs = 10_000;
const youngMs = 10_000;

/**
 * Runs this program in `count` processes that share the port; exits if a worker exits before any has listened. Returns a
 * function that stops them all at the same time, and resolves when the last has exited.
 */
export function superviseWorkers({ count, stopMs, log, onListening }: SupervisorOptions): () => Promise<void> {
  const restarts = new Set<NodeJS.Timeout>();
  let listened = false;
  let stopping = false;
  let delayMs = firstDelayMs;
  serveClusterMetrics();
  serveEventLog();
  const isProbed = watchProbes();

  cluster.once('listening', (_worker, address) => {
    listened = true;
    onListening(address);
  });
  const fork = () => {
    const startedAt = performance.now();
    const worker = cluster.fork();
    log.info({ pid: worker.process.pid }, 'worker started');
    worker.once('exit', (code, signal) => {
      if (stopping) return log.info({ pid: worker.process.pid, code, signal }, 'worker stopped');
      if (!listened) {
        for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
        process.exit(code || 1); // the worker has reported the reason
      }
      if (performance.now() - startedAt > youngMs) delayMs = firstDelayMs;
      log.error({ pid: worker.process.pid, code, signal, restartInMs: delayMs }, 'worker exited');
      const restart = setTimeout(() => {
        restarts.delete(restart);
        fork();
      }, delayMs);
      restarts.add(restart);
      delayMs = Math.min(longestDelayMs, delayMs * 2);
    });
  };
  for (let index = 0; index < count; index++) fork();

  return async () => {
    stopping = true;
    for (const restart of restarts) clearTimeout(restart);
    const all = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    const living = all.filter((worker) => !worker.isDead());
    const exits = living.map((worker) => once(worker, 'exit'));
    const order: Order = { drain: true, isProbed: isProbed() };
    for (const worker of living) if (worker.isConnected()) worker.send(order);
    const fuse = setTimeout(() => {
      for (const worker of living) worker.process.kill('SIGKILL');
    }, stopMs);
    await Promise.all(exits);
    clearTimeout(fuse);
  };
}

/**
 * In a worker: stops and exits when the primary orders it. (Node exits a worker whose primary has exited.) Signals from a
 * terminal are for the primary only. Call it before anything is awaited, because the primary may already pass connections.
 * `exitGraceMs` is for whatever still holds the event loop after that.
 */
export function onDrain(serving: Promise<Shutdown>, exitGraceMs: number): void {
  let draining = false;
  const drain = async (isSiblingProbed: boolean) => {
    if (draining) return;
    draining = true;
    const stop = await serving;
    await stop(isSiblingProbed);
    cluster.worker?.disconnect();
    setTimeout(() => process.exit(0), exitGraceMs).unref();
  };
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => drain(false));
  process.on('message', (message) => isOrder(message) && drain(message.isProbed));
}
