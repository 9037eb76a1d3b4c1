import cluster from 'node:cluster';
import { once } from 'node:events';
import type { Logger } from 'pino';
import { watchWorkers } from './http/readiness.ts';
import { serveClusterMetrics } from './telemetry/cluster-metrics.ts';

/** Ends in good order; `isWatched` says whether balancers look at another process that is about to stop as well. */
export type Stop = (isWatched?: boolean) => Promise<void>;

/** From the primary to its workers. */
interface Order {
  readonly drain: true;
  readonly isWatched: boolean;
}

function isOrder(message: unknown): message is Order {
  return typeof message === 'object' && message !== null && 'drain' in message;
}

interface SupervisorOptions {
  readonly count: number;
  /** What has not stopped by then is killed. In milliseconds. */
  readonly stopMs: number;
  readonly log: Logger;
  /** Called once, when the first worker listens. */
  readonly onListening: (address: { readonly address: string; readonly port: number }) => void;
}

/** A worker that ends is replaced after this, doubled each time up to the most while workers end young. In milliseconds. */
const firstDelayMs = 100;
const longestDelayMs = 10_000;
const youngMs = 10_000;

/**
 * Runs this program in `count` processes that share the port; ends this one where not even the first can start. The answer
 * stops them, all at the same time, and resolves when the last has ended.
 */
export function superviseWorkers({ count, stopMs, log, onListening }: SupervisorOptions): () => Promise<void> {
  const restarts = new Set<NodeJS.Timeout>();
  let listened = false;
  let stopping = false;
  let delayMs = firstDelayMs;
  serveClusterMetrics();
  const isWatched = watchWorkers();

  cluster.once('listening', (_worker, address) => {
    listened = true;
    onListening(address);
  });
  const fork = () => {
    const startedAt = performance.now();
    const worker = cluster.fork();
    log.info({ pid: worker.process.pid }, 'a worker starts');
    worker.once('exit', (code, signal) => {
      if (stopping) return log.info({ pid: worker.process.pid, code, signal }, 'a worker stopped');
      if (!listened) {
        for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
        process.exit(code || 1); // the worker has said why
      }
      if (performance.now() - startedAt > youngMs) delayMs = firstDelayMs;
      log.error({ pid: worker.process.pid, code, signal, restartInMs: delayMs }, 'a worker ended');
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
    const order: Order = { drain: true, isWatched: isWatched() };
    for (const worker of living) if (worker.isConnected()) worker.send(order);
    const fuse = setTimeout(() => {
      for (const worker of living) worker.process.kill('SIGKILL');
    }, stopMs);
    await Promise.all(exits);
    clearTimeout(fuse);
  };
}

/**
 * In a worker, to be called before anything is awaited, since the primary may already have handed it connections: stops and
 * ends when the primary says so; when that is gone, Node ends it at once. A terminal's signal is for the primary alone.
 * Whatever else keeps the process alive may do so for `lastWordsMs`.
 */
export function onDrain(serving: Promise<Stop>, lastWordsMs: number): void {
  let draining = false;
  const drain = async (isWatched: boolean) => {
    if (draining) return;
    draining = true;
    const stop = await serving;
    await stop(isWatched);
    cluster.worker?.disconnect();
    setTimeout(() => process.exit(0), lastWordsMs).unref();
  };
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => drain(false));
  process.on('message', (message) => isOrder(message) && drain(message.isWatched));
}
