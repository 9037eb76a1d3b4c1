import cluster from 'node:cluster';
import type { ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import type { Plugin } from 'graphql-yoga';
import type { ServerContext } from './request-id.ts';

/** How long the door stays open for balancers to see that it will close. In milliseconds. */
const noticeMs = 3_000;

/** What a worker tells the primary when it is asked for the first time. */
const watched = 'watched';

/** In the primary: the answer says whether any worker was ever asked. Balancers ask one of them and mean all. */
export function watchWorkers(): () => boolean {
  let isWatched = false;
  cluster.on('message', (_worker, message) => {
    if (message === watched) isWatched = true;
  });
  return () => isWatched;
}

/** What `/readyz` tells balancers: whether to send requests here. What Linq does has no say in it. */
export class Readiness {
  #state: 'starting' | 'ready' | 'draining' = 'starting';
  #isWatched = false;

  /** As an HTTP status. */
  ask(): 200 | 503 {
    if (!this.#isWatched && cluster.isWorker) process.send?.(watched);
    this.#isWatched = true;
    return this.#state === 'ready' ? 200 : 503;
  }

  /** Has the answer close its connection, once the gateway drains: Node would keep it for as long as its client does. */
  letGo(res: ServerResponse): void {
    if (this.#state === 'draining') res.shouldKeepAlive = false;
  }

  open(): void {
    this.#state = 'ready';
  }

  /** From now on 503; resolves when balancers have had time to see that: at once where none ever asked, here or elsewhere. */
  async drain(isWatchedElsewhere: boolean): Promise<void> {
    this.#state = 'draining';
    if (this.#isWatched || isWatchedElsewhere) await setTimeout(noticeMs);
  }
}

/** For requests that arrived before the gateway began to drain. */
export function useReadiness(readiness: Readiness): Plugin<object, ServerContext> {
  return { onResponse: ({ serverContext: { res } }) => readiness.letGo(res) };
}
