import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import type { Logger } from 'pino';
import { serveClusterMetrics } from './telemetry/cluster-metrics.ts';

interface SupervisorOptions {
  readonly count: number;
  /** How long all workers together may take to stop. In milliseconds. */
  readonly graceMs: number;
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
 * drains them one by one, so that the others go on answering; when the grace period is over, the rest at once.
 */
export function superviseWorkers({ count, graceMs, log, onListening }: SupervisorOptions): () => Promise<void> {
  const restarts = new Set<NodeJS.Timeout>();
  let listened = false;
  let stopping = false;
  let delayMs = firstDelayMs;
  serveClusterMetrics();

  cluster.once('listening', (_worker, address) => {
    listened = true;
    onListening(address);
  });
  const fork = () => {
    const startedAt = performance.now();
    const worker = cluster.fork();
    log.info({ pid: worker.process.pid }, 'a worker starts');
    worker.once('exit', (code, signal) => {
      if (stopping) return;
      if (!listened) {
        for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
        process.exit(code || 1); // the worker has said why
      }
      if (performance.now() - startedAt > youngMs) delayMs = firstDelayMs;
      log.error({ code, signal, restartInMs: delayMs }, 'a worker ended');
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
    const hurry = setTimeout(() => {
      for (const worker of all) drain(worker);
    }, graceMs);
    for (const worker of all) {
      if (worker.isDead()) continue;
      const exited = once(worker, 'exit');
      drain(worker);
      await exited;
    }
    clearTimeout(hurry);
  };
}

function drain(worker: Worker): void {
  if (worker.isConnected()) worker.send('drain');
}

/** In a worker: stops and ends when the primary says so, or is gone. A terminal's signal is for the primary alone. */
export function onDrain(stop: () => Promise<void>): void {
  let draining = false;
  const drain = async () => {
    if (draining) return;
    draining = true;
    await stop();
    process.exit(0);
  };
  process.on('SIGINT', () => {});
  process.on('SIGTERM', drain);
  process.on('disconnect', drain);
  process.on('message', (message) => message === 'drain' && drain());
}
