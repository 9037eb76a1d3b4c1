import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { AggregatorRegistry, type Registry } from 'prom-client';

/** A worker's request for the metrics of all workers, and the response of the primary, with `text`. */
interface Message {
  readonly type: 'metrics';
  readonly id: string;
  readonly text?: string;
}

function isMessage(message: unknown): message is Message {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'metrics';
}

/** In the primary: lets each worker print the sum of all workers' metrics. */
export function serveClusterMetrics(): void {
  const aggregator = new AggregatorRegistry();
  cluster.on('message', async (worker, message: unknown) => {
    if (!isMessage(message)) return;
    const text = await aggregator.clusterMetrics().catch(() => undefined); // a worker exited meanwhile
    if (worker.isConnected()) worker.send({ ...message, text });
  });
}

/** In a worker: prints the sum of all workers' metrics; rejects when one of them does not respond. */
export function clusterMetricsOf(registry: Registry): () => Promise<string> {
  AggregatorRegistry.setRegistries([registry]);
  new AggregatorRegistry(); // makes this worker respond
  return () =>
    new Promise((resolve, reject) => {
      const id = randomUUID();
      const listen = (message: unknown) => {
        if (!isMessage(message) || message.id !== id) return;
        process.off('message', listen);
        if (message.text === undefined) reject(new Error('a worker did not respond'));
        else resolve(message.text);
      };
      process.on('message', listen);
      process.send?.({ type: 'metrics', id } satisfies Message);
    });
}
