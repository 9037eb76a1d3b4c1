import type { Worker } from 'node:cluster';
import cluster from 'node:cluster';
import { type Admission, firstPosition, type IncomingEvent, type LogEvent, type Position } from './chat-event.ts';
import type { EventLog } from './event-log.ts';
import { EventTail } from './event-tail.ts';
import { MemoryEventLog } from './memory-event-log.ts';

/** The longest that a worker waits for the primary. In milliseconds. */
const replyMs = 2_000;

/** From a worker: what it wants the primary to do. */
type Request =
  | { readonly type: 'event-log'; readonly join: true }
  | { readonly type: 'event-log'; readonly id: number; readonly incoming: IncomingEvent };

/** From the primary. */
type Notice =
  | { readonly type: 'event-log'; readonly start: Position; readonly events: readonly LogEvent[] }
  | { readonly type: 'event-log'; readonly event: LogEvent }
  | { readonly type: 'event-log'; readonly id: number; readonly admission: Admission };

function isOurs<Message extends Request | Notice>(message: unknown): message is Message {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'event-log';
}

/** In the primary: numbers the events of all workers and relays them to each that has joined. */
export function serveEventLog(): void {
  const log = new MemoryEventLog();
  const joined = new Set<Worker>();
  const send = (worker: Worker, notice: Notice) => {
    if (worker.isConnected()) worker.send(notice, () => {}); // it may exit meanwhile
  };
  log.tail.subscribe((event) => {
    for (const worker of joined) send(worker, { type: 'event-log', event });
  });
  cluster.on('exit', (worker) => joined.delete(worker));
  cluster.on('message', async (worker, message: unknown) => {
    if (!isOurs<Request>(message)) return;
    if ('join' in message) {
      joined.add(worker);
      send(worker, { type: 'event-log', ...log.tail.snapshot() });
      return;
    }
    const admission = await log.append(message.incoming);
    send(worker, { type: 'event-log', id: message.id, admission });
  });
}

/** In a worker: the log of the primary. */
export class WorkerEventLog implements EventLog {
  readonly tail = new EventTail(firstPosition());
  readonly #pending = new Map<number, (admission: Admission) => void>();
  readonly #onMessage = (message: unknown) => this.#receive(message);
  #requests = 0;
  #onJoined = () => {};

  append(incoming: IncomingEvent): Promise<Admission> {
    return new Promise((resolve) => {
      const id = this.#requests++;
      const end = (admission: Admission) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        resolve(admission);
      };
      const timer = setTimeout(() => end('unavailable'), replyMs);
      this.#pending.set(id, end);
      this.#send({ type: 'event-log', id, incoming });
    });
  }

  open(): Promise<void> {
    process.on('message', this.#onMessage);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, replyMs);
      this.#onJoined = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#send({ type: 'event-log', join: true });
    });
  }

  close(): void {
    process.off('message', this.#onMessage);
  }

  #receive(message: unknown): void {
    if (!isOurs<Notice>(message)) return;
    if ('event' in message) this.tail.add(message.event);
    else if ('admission' in message) this.#pending.get(message.id)?.(message.admission);
    else {
      this.tail.restart(message.start, message.events);
      this.#onJoined();
    }
  }

  #send(request: Request): void {
    process.send?.(request, undefined, undefined, () => {}); // on an error the primary has exited, and this process exits soon
  }
}
