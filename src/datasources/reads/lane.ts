import type { UpstreamError } from '../upstream-error.ts';
import { LinkedQueue, type QueueNode } from './linked-queue.ts';
import type { TokenState } from './token-state.ts';

/** A call that waits for its slot. `Slot` is what it is sent on. */
export interface QueuedCall<Slot> extends QueueNode {
  readonly isOver: boolean;
  /** The slot belongs to the call until the slot reports that it is free. */
  admit(slot: Slot, now: number): void;
  /** Called when the queue is full. */
  refuse(error: UpstreamError): void;
  /** Called when `admit` has thrown. */
  fail(error: Error): void;
  /** Called when it was added to the queue. */
  enqueued(now: number): void;
  readonly queuedAt: number;
  /** It will not start within `waitMs`: rejects the waiters whose deadline is earlier. */
  announceDelay(waitMs: number, error: UpstreamError): void;
}

/** The calls of one caller: those queued, and the number of those in flight. */
export class Lane<Slot = unknown> {
  readonly token: TokenState;
  readonly queue = new LinkedQueue<QueuedCall<Slot>>();
  inFlight = 0;
  /** In milliseconds of `performance.now()`; see `Limiter`. */
  usedAt = 0;
  /** Runs until the rate or the pause of the token lets the next call start. */
  timer: NodeJS.Timeout | undefined;

  constructor(token: TokenState) {
    this.token = token;
  }

  /** Whether it can be replaced by a new one. */
  get isIdle(): boolean {
    return this.queue.size === 0 && this.inFlight === 0 && this.token.isIdle;
  }
}
