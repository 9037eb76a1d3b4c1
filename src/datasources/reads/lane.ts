import type { UpstreamError } from '../upstream-error.ts';
import type { CallerRate } from './caller-rate.ts';
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

/** Why a queue with calls waits. */
type Place =
  /** Until fewer calls of its lane are in flight. */
  | 'parked'
  /** For the rate of its token, or the end of its pause. */
  | 'held'
  /** For its turn and a slot. */
  | 'ready';

/** The queued calls of one lane with one token. */
export class CallQueue<Slot = unknown> implements QueueNode {
  // Links of the queue of its place.
  previous?: this | undefined;
  next?: this | undefined;
  /** Undefined without calls. */
  place: Place | undefined;
  readonly lane: Lane<Slot>;
  readonly token: TokenState<CallQueue<Slot>>;
  readonly calls = new LinkedQueue<QueuedCall<Slot>>();
  /** Reads that are not over and would be queued here. */
  readCount = 0;

  constructor(lane: Lane<Slot>, token: TokenState<CallQueue<Slot>>) {
    this.lane = lane;
    this.token = token;
  }

  addRead(): void {
    this.readCount++;
    this.lane.readCount++;
    this.token.readCount++;
  }

  removeRead(): void {
    this.readCount--;
    this.lane.readCount--;
    this.token.readCount--;
    this.lane.prune(this);
  }
}

/** Most callers use one token. Above this number, queues are forgotten as soon as they are unused. */
const keptQueues = 4;

/** The turns of one caller: the calls queued, with each of its tokens, and the number of those in flight. */
export class Lane<Slot = unknown> implements QueueNode {
  // Links of the lanes that wait for their turn.
  previous?: this | undefined;
  next?: this | undefined;
  /** Undefined without a limit. */
  readonly rate: CallerRate | undefined;
  inFlight = 0;
  /** Reads that are not over. */
  readCount = 0;
  usedAt = 0;
  queuedCalls = 0;
  /** Queues with calls. */
  readonly queued = new Set<CallQueue<Slot>>();
  /** In the order of their turns within the lane. */
  readonly ready = new LinkedQueue<CallQueue<Slot>>();
  readonly parked = new LinkedQueue<CallQueue<Slot>>();
  readonly #queues = new Map<TokenState<CallQueue<Slot>>, CallQueue<Slot>>();
  #recent: CallQueue<Slot> | undefined;

  constructor(rate: CallerRate | undefined) {
    this.rate = rate;
  }

  queueOf(token: TokenState<CallQueue<Slot>>): CallQueue<Slot> {
    if (this.#recent?.token === token) return this.#recent;
    let queue = this.#queues.get(token);
    if (queue === undefined) {
      queue = new CallQueue(this, token);
      this.#queues.set(token, queue);
    }
    this.#recent = queue;
    return queue;
  }

  prune(queue: CallQueue<Slot>): void {
    if (queue.readCount > 0 || this.#queues.size <= keptQueues) return;
    this.#queues.delete(queue.token);
    if (this.#recent === queue) this.#recent = undefined;
  }

  get isInUse(): boolean {
    return this.readCount > 0 || this.queuedCalls > 0 || this.inFlight > 0 || this.rate?.isWaiting === true;
  }

  get isLikeNew(): boolean {
    return this.rate?.isFull !== false;
  }
}
