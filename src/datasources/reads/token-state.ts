import type { TokenDigest } from '../token.ts';
import type { Bucket } from './bucket.ts';
import { LinkedQueue, type QueueNode } from './linked-queue.ts';
import type { Waiter } from './waiter.ts';

/** A read under way that others may join. */
interface Joinable<Queue> {
  readonly startedAt: number;
  join(waiter: Waiter, queue: Queue, now: number): void;
}

/**
 * The state of one upstream token. Reads under way are found only through it, so that no read is ever shared across
 * tokens.
 */
export class TokenState<Queue extends QueueNode = QueueNode> {
  readonly digest: TokenDigest;
  readonly bucket: Bucket | undefined;
  /** Whether the upstream has accepted it, as far as is known. */
  isAccepted: boolean;
  /** In milliseconds of `performance.now()`. */
  pausedUntil = 0;
  /**
   * Reads that others may join, by path. (A plain object: V8 keeps what was deleted from a long-lived `Map`, whole requests
   * here, until a full collection.)
   */
  readonly reads: Record<string, Joinable<Queue>> = Object.create(null);
  /** All reads that are not over, those that may not be joined included. */
  readCount = 0;
  usedAt = 0;

  // Of the limiter: its queued calls, in all lanes.
  queuedCalls = 0;
  /** How many queues are ready, in all lanes. */
  readyQueues = 0;
  /** Queues with calls. */
  readonly queues = new Set<Queue>();
  /** In the order of their turns. */
  readonly held = new LinkedQueue<Queue>();
  /** Runs until the next call may start. */
  timer: NodeJS.Timeout | undefined;

  constructor(digest: TokenDigest, bucket: Bucket | undefined, isAccepted: boolean) {
    this.digest = digest;
    this.bucket = bucket;
    this.isAccepted = isAccepted;
  }

  /** Milliseconds until `count` more calls may start, as far as rate and pause are concerned. */
  waitFor(count: number): number {
    if (this.bucket === undefined) return this.pausedUntil === 0 ? 0 : this.pausedMs;
    return this.bucket.waitFor(count, this.pausedMs);
  }

  get pausedMs(): number {
    return this.pausedUntil === 0 ? 0 : Math.max(0, this.pausedUntil - performance.now());
  }

  get isInUse(): boolean {
    return this.readCount > 0 || this.queuedCalls > 0;
  }

  get isLikeNew(): boolean {
    return this.pausedMs === 0 && this.bucket?.isFull !== false;
  }
}
