import cluster, { type Worker } from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { AggregatorRegistry, type Registry } from 'prom-client';

type Values = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** The primary's request for the current metrics of a worker, and the worker's response, with `values`. */
interface Report {
  readonly type: 'report';
  readonly values?: Values;
}

/** A worker's request for the metrics of all workers, and the primary's response, with `text`. */
interface Scrape {
  readonly type: 'scrape';
  readonly id: string;
  readonly text?: string;
}

const isReport = (message: unknown): message is Report => typeOf(message) === 'report';
const isScrape = (message: unknown): message is Scrape => typeOf(message) === 'scrape';

function typeOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'type' in message ? message.type : undefined;
}

/** The longest that a scrape waits for current values. Workers that are later count with the last they sent. In milliseconds. */
const freshMs = 400;
/** The longest that a worker waits for the primary, in milliseconds. */
const scrapeMs = 900;

/**
 * In the primary: the metrics of one worker and of those that it replaced. Always added in this order: in another one,
 * rounding could lower a sum.
 */
export class WorkerMetrics {
  #worker: Worker | undefined;
  /** Counters and histograms of the workers that exited. */
  #past: Promise<Values> = Promise.resolve([]);
  #current: Values = [];
  #missedBeats = 0;
  #waiting: (() => void)[] = [];

  /** Whether the worker has responded yet. It does so once it has loaded its modules. */
  get hasStarted(): boolean {
    return this.#current.length > 0;
  }

  follow(worker: Worker): void {
    this.#worker = worker;
    this.#missedBeats = 0;
    worker.on('message', (message: unknown) => {
      if (!isReport(message) || message.values === undefined) return;
      this.#missedBeats = 0;
      this.#current = message.values;
      this.#resolveWaiting();
    });
    worker.once('exit', () => {
      const last = this.#current.filter(({ type }) => ['counter', 'histogram'].includes(String(type)));
      this.#worker = undefined;
      this.#current = [];
      this.#past = this.#past.then((past) => sum([past, last]).getMetricsAsJSON());
      this.#resolveWaiting();
    });
  }

  /** Requests a report. Returns how many of these requests in a row have had no response. */
  beat(): number {
    this.#request();
    return this.#missedBeats++;
  }

  /** Resolves when the worker has sent its current values; at once if it did not respond to the last heartbeat. */
  async refresh(): Promise<void> {
    if (this.#worker === undefined || this.#missedBeats > 1) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    this.#request();
    await promise;
  }

  async total(): Promise<Values> {
    const current = this.#current;
    return sum([await this.#past, current]).getMetricsAsJSON();
  }

  #request(): void {
    const request: Report = { type: 'report' };
    if (this.#worker?.isConnected()) this.#worker.send(request, () => {}); // it may exit meanwhile
  }

  #resolveWaiting(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function sum(all: Values[]): Registry {
  return AggregatorRegistry.aggregate(all);
}

/** In the primary: lets each worker print the sum of all workers' metrics. */
export function serveClusterMetrics(workers: readonly WorkerMetrics[]): void {
  cluster.on('message', async (worker, message: unknown) => {
    if (!isScrape(message)) return;
    const { promise: timeout, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, freshMs);
    await Promise.race([timeout, Promise.all(workers.map((each) => each.refresh()))]);
    clearTimeout(timer);
    const text = await sum(await Promise.all(workers.map((each) => each.total()))).metrics();
    if (worker.isConnected()) worker.send({ ...message, text } satisfies Scrape, () => {});
  });
}

/** In a worker: prints the sum of all workers' metrics; rejects when the primary does not respond. */
export function clusterMetricsOf(registry: Registry): () => Promise<string> {
  process.on('message', async (message: unknown) => {
    if (!isReport(message)) return;
    const values = await registry.getMetricsAsJSON();
    if (process.connected) process.send?.({ type: 'report', values } satisfies Report, () => {});
  });
  return () =>
    new Promise((resolve, reject) => {
      const id = randomUUID();
      const finish = (text?: string) => {
        clearTimeout(timer);
        process.off('message', listen);
        if (text === undefined) reject(new Error('the primary did not respond'));
        else resolve(text);
      };
      const listen = (message: unknown) => {
        if (isScrape(message) && message.id === id) finish(message.text);
      };
      const timer = setTimeout(finish, scrapeMs);
      process.on('message', listen);
      process.send?.({ type: 'scrape', id } satisfies Scrape);
    });
}
