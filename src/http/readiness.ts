import cluster from 'node:cluster';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';

/** How long connections are still accepted, so that load balancers see /readyz fail first. In milliseconds. */
const noticeMs = 3_000;

/** What a worker sends to the primary when it is probed for the first time. */
const probed = 'probed';

/** In the primary: returns whether any worker was ever probed. A load balancer probes one of them on behalf of all. */
export function watchProbes(): () => boolean {
  let isProbed = false;
  cluster.on('message', (_worker, message) => {
    if (message === probed) isProbed = true;
  });
  return () => isProbed;
}

/** Whether load balancers should send requests to this process. It does not depend on Linq's health. */
export class Readiness {
  #state: 'starting' | 'ready' | 'draining' | 'closed' = 'starting';
  #isProbed = false;
  /** The response to the last request of each connection. A client may pipeline: send requests before it has responses. */
  readonly #newest = new WeakMap<Socket, { response: ServerResponse }>();
  /** Responses that end their connection once they are sent. */
  readonly #last = new WeakSet<ServerResponse>();

  /** Whether the grace period is over: no GraphQL request is executed any more. */
  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** The HTTP status of `/readyz`. */
  probe(): 200 | 503 {
    if (!this.#isProbed && cluster.isWorker) process.send?.(probed);
    this.#isProbed = true;
    return this.#state === 'ready' ? 200 : 503;
  }

  /** Call it when a request arrives, and `closeWhenDraining` again before its response is sent. */
  arrive(req: IncomingMessage, res: ServerResponse): void {
    const newest = this.#newest.get(req.socket);
    if (newest === undefined) this.#newest.set(req.socket, { response: res });
    else {
      const { response: earlier } = newest;
      if (!earlier.shouldKeepAlive && !earlier.headersSent) earlier.shouldKeepAlive = true;
      newest.response = res;
    }
    this.closeWhenDraining(res);
  }

  /**
   * Once draining, makes the response close its connection: Node would keep it open as long as its client does. Of pipelined
   * requests the last one's does, since Node drops all that follow the one with `Connection: close`.
   */
  closeWhenDraining(res: ServerResponse): void {
    if (this.#state !== 'draining' && !this.isClosed) return;
    const { socket, httpVersionMajor } = res.req;
    const newest = this.#newest.get(socket)?.response ?? res;
    const isFirst = res.socket !== null;
    if (newest === res && isFirst) res.shouldKeepAlive = false;
    else if (httpVersionMajor === 1 && !this.#last.has(newest)) {
      this.#last.add(newest);
      newest.once('finish', () => {
        if (this.#newest.get(socket)?.response === newest) socket.destroySoon();
      });
    }
  }

  open(): void {
    this.#state = 'ready';
  }

  /** From now on 503; resolves when load balancers had time to see it: at once where none ever probed this or a sibling process. */
  async drain(isSiblingProbed: boolean): Promise<void> {
    this.#state = 'draining';
    if (this.#isProbed || isSiblingProbed) await setTimeout(noticeMs);
  }

  close(): void {
    this.#state = 'closed';
  }
}
