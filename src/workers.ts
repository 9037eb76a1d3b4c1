import cluster from 'node:cluster';
import { once } from 'node:events';
import type { Logger } from 'pino';
import { serveEventLog } from './datasources/events/cluster-event-log.ts';
import { watchProbes } from './http/readiness.ts';
import { serveClusterMetrics, WorkerMetrics } from './telemetry/cluster-metrics.ts';

/** From the primary to its workers. */
interface Order {
  readonly drain: true;
  /** A load balancer has probed some worker. */
  readonly isProbed: boolean;
}

function isOrder(message: unknown): message is Order {
  return typeof message === 'object' && message !== null && 'drain' in message;
}

/** From a worker to the primary: why it cannot start. */
interface Failure {
  readonly failure: string;
}

function isFailure(message: unknown): message is Failure {
  return typeof message === 'object' && message !== null && 'failure' in message;
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

/** A worker that misses this many heartbeats in a row is killed; more while it loads its modules. */
const beatMs = 1_000;
const hungBeats = 10;
const hungStartBeats = 20;

/**
 * Runs this program in `count` processes that share the port; exits if a worker exits before any has listened. Replaces workers
 * that exit or hang. Returns a function that stops them all at the same time, and resolves when the last has exited.
 */
export function superviseWorkers({ count, stopMs, log, onListening }: SupervisorOptions): () => Promise<void> {
  const restarts = new Set<NodeJS.Timeout>();
  let listened = false;
  let stopping = false;
  let delayMs = firstDelayMs;
  const all = Array.from({ length: count }, () => new WorkerMetrics());
  serveClusterMetrics(all);
  serveEventLog();
  const isProbed = watchProbes();

  cluster.on('message', (_worker, message: unknown) => {
    if (!isFailure(message)) return;
    process.stderr.write(`${message.failure}\n`);
    if (!listened) exitWithWorkers(1); // the others fail for the same reason
  });
  cluster.once('listening', (_worker, address) => {
    listened = true;
    if (!stopping) onListening(address);
  });
  const fork = (metrics: WorkerMetrics) => {
    const startedAt = performance.now();
    const worker = cluster.fork();
    metrics.follow(worker);
    log.info({ pid: worker.process.pid }, 'worker started');
    const heartbeat = setInterval(() => {
      if (metrics.beat() < (metrics.hasStarted ? hungBeats : hungStartBeats)) return;
      clearInterval(heartbeat);
      log.error({ pid: worker.process.pid }, 'worker hung');
      worker.process.kill('SIGKILL');
    }, beatMs);
    worker.once('exit', (code, signal) => {
      clearInterval(heartbeat);
      if (stopping) return log.info({ pid: worker.process.pid, code, signal }, 'worker stopped');
      if (!listened) exitWithWorkers(code || 1);
      if (performance.now() - startedAt > youngMs) delayMs = firstDelayMs;
      log.error({ pid: worker.process.pid, code, signal, restartInMs: delayMs }, 'worker exited');
      const restart = setTimeout(() => {
        restarts.delete(restart);
        fork(metrics);
      }, delayMs);
      restarts.add(restart);
      delayMs = Math.min(longestDelayMs, delayMs * 2);
    });
  };
  for (const metrics of all) fork(metrics);

  return async () => {
    stopping = true;
    for (const restart of restarts) clearTimeout(restart);
    const all = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    const living = all.filter((worker) => !worker.isDead());
    const exits = living.map((worker) => once(worker, 'exit'));
    const order: Order = { drain: true, isProbed: isProbed() };
    for (const worker of living) if (worker.isConnected()) worker.send(order, () => {}); // it may exit meanwhile
    const fuse = setTimeout(() => {
      for (const worker of living) worker.process.kill('SIGKILL');
    }, stopMs);
    await Promise.all(exits);
    clearTimeout(fuse);
  };
}

function exitWithWorkers(code: number): never {
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
  process.exit(code);
}

/** In a worker: exits with 1, after its primary has reported why. */
export function sendFailure(failure: string): void {
  process.send?.({ failure } satisfies Failure, () => process.exit(1));
}

/**
 * In a worker: calls `drain` when the primary orders it to stop; `isSiblingProbed`: a load balancer has probed a sibling
 * process. (Node exits a worker whose primary has exited.)
 */
export function onDrainOrder(drain: (isSiblingProbed: boolean) => void): void {
  process.on('message', (message) => isOrder(message) && drain(message.isProbed));
}
