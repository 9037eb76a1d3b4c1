import type { ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import type { Plugin } from 'graphql-yoga';
import type { ServerContext } from './request-id.ts';

/** How long the door stays open for balancers to see that it will close. In milliseconds. */
const noticeMs = 3_000;

/** What `/readyz` tells balancers: whether to send requests here. What Linq does has no say in it. */
export class Readiness {
  #state: 'starting' | 'ready' | 'draining' = 'starting';
  #isWatched = false;

  /** As an HTTP status. */
  ask(): 200 | 503 {
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

  /** From now on 503; resolves when balancers have had time to see that: at once where none ever asked. */
  async drain(): Promise<void> {
    this.#state = 'draining';
    if (this.#isWatched) await setTimeout(noticeMs);
  }
}

/** For requests that arrived before the gateway began to drain. */
export function useReadiness(readiness: Readiness): Plugin<object, ServerContext> {
  return { onResponse: ({ serverContext: { res } }) => readiness.letGo(res) };
}
