import { UpstreamError } from '../upstream-error.ts';
import type { Cancellation } from './cancellation.ts';
import type { Expirable } from './deadlines.ts';

/** What a waiter waits for. */
interface Awaited {
  /** Rejects this waiter alone. */
  rejectOne(waiter: Waiter, error: UpstreamError): void;
}

/** Methods, so that a waiter for a value of one route is a `Waiter` like any other: a path is never shared by two routes. */
interface Callbacks {
  /** Null when the upstream knows no such resource. */
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** One caller's wait for one read, no longer than until its deadline. Settles exactly once. */
export class Waiter implements Expirable {
  // Links and queue of `Deadlines`.
  previous?: this | undefined;
  next?: this | undefined;
  timeouts?: Expirable['timeouts'];
  /** Place in the list of the read. */
  index = 0;
  /** Undefined before it joined and after it settled. */
  read: Awaited | undefined;
  readonly startedAt: number;
  readonly deadline: number;
  readonly #callbacks: Callbacks;
  readonly #cancellation: Cancellation;

  constructor(callbacks: Callbacks, cancellation: Cancellation, now: number, timeoutMs: number) {
    this.#callbacks = callbacks;
    this.#cancellation = cancellation;
    this.startedAt = now;
    this.deadline = now + timeoutMs;
    cancellation.add(this);
  }

  expire(): void {
    this.read?.rejectOne(this, new UpstreamError('timeout'));
  }

  cancel(): void {
    this.read?.rejectOne(this, new UpstreamError('cancelled'));
  }

  resolve(value: unknown): void {
    this.read = undefined;
    this.#cancellation.settle();
    this.#callbacks.resolve(value);
  }

  reject(error: Error): void {
    this.read = undefined;
    this.#cancellation.settle();
    this.#callbacks.reject(error);
  }
}
