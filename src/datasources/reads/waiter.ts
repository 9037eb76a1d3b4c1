import { UpstreamError } from '../upstream-error.ts';
import type { Cancellation } from './cancellation.ts';
import type { Expirable } from './deadlines.ts';
import type { ReadReport } from './read-report.ts';

/** The read that a waiter waits for. */
interface Awaited {
  /** Rejects this waiter alone. */
  rejectOne(waiter: Waiter, error: UpstreamError): void;
}

/** Methods, whose parameters are bivariant, so that waiters of all routes have one type: a path belongs to one route. */
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
  /** Index in the read's list. */
  index = 0;
  /** Undefined before it joined and after it settled. */
  read: Awaited | undefined;
  readonly startedAt: number;
  readonly deadline: number;
  /** Undefined unless the caller requests it. */
  readonly report: ReadReport | undefined;
  readonly #callbacks: Callbacks;
  readonly #cancellation: Cancellation;

  constructor(
    callbacks: Callbacks,
    cancellation: Cancellation,
    now: number,
    timeoutMs: number,
    report: ReadReport | undefined,
  ) {
    this.#callbacks = callbacks;
    this.#cancellation = cancellation;
    this.startedAt = now;
    this.deadline = now + timeoutMs;
    this.report = report;
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
