import type { TokenDigest } from '../token.ts';
import { UpstreamError } from '../upstream-error.ts';
import type { CreateBucket } from './bucket.ts';
import { Lane, type QueuedCall } from './lane.ts';
import { TokenState } from './token-state.ts';

/** Carries one call at a time. */
interface Carrier {
  /** Set by the limiter; to be called when it can carry another call. */
  onFree: () => void;
}

interface LimiterOptions<Connection extends Carrier> {
  /** One for each call that may be in flight, over all tokens. */
  readonly connections: readonly Connection[];
  /** Queued calls, over all tokens. */
  readonly maxQueue: number;
  readonly createBucket: CreateBucket;
  /** Called with the time that each call was queued, in milliseconds. */
  readonly onAdmit: (queuedMs: number) => void;
}

/** A token that was not used for this long is forgotten. In milliseconds. */
const forgetAfterMs = 60_000;
const maxLanes = 10_000;

interface Slot<Connection> {
  readonly connection: Connection;
  lane: Lane<Connection> | undefined;
}

/**
 * Decides which call is sent next. Each token has its own lane, and lanes take turns, so that one token cannot delay others:
 * not by queueing many calls, not by filling the queue, and not by holding every slot with calls that hang.
 */
export class Limiter<Connection extends Carrier> {
  readonly #options: LimiterOptions<Connection>;
  /** In the order of their last use, as far as that matters: see `laneOf`. */
  readonly #lanes = new Map<TokenDigest, Lane<Connection>>();
  /** Lanes with queued calls. */
  readonly #queued = new Set<Lane<Connection>>();
  /** Lanes with queued calls that wait only for a slot, in the order of their turns. */
  readonly #turns = new Set<Lane<Connection>>();
  readonly #idle: Slot<Connection>[];
  #newest: Lane<Connection> | undefined;
  #queueSize = 0;
  #isAdmitting = false;

  constructor(options: LimiterOptions<Connection>) {
    this.#options = options;
    this.#idle = options.connections.map((connection) => {
      const slot: Slot<Connection> = { connection, lane: undefined };
      connection.onFree = () => this.#release(slot);
      return slot;
    });
  }

  /** Admits the call when it is its turn, perhaps before this returns; refuses one call if the queue is full. */
  enter(call: QueuedCall<Connection>, lane: Lane<Connection>, now: number): void {
    if (this.#canStart(lane)) this.#admit(call, this.#take(lane), now, 0);
    else this.#enqueue(call, lane, now);
  }

  /** For a queued call that no longer wants its turn. */
  leave(call: QueuedCall<Connection>, lane: Lane<Connection>): void {
    lane.queue.remove(call);
    this.#queueSize--;
    if (lane.queue.size > 0) return;
    this.#queued.delete(lane);
    clearTimeout(lane.timer);
    lane.timer = undefined;
    lane.token.bucket?.release?.();
  }

  /** Holds back the other calls of this token alone; waiters that cannot wait so long are rejected at once. */
  pause(tokenDigest: TokenDigest, ms: number): void {
    const lane = this.laneOf(tokenDigest);
    lane.token.pausedUntil = Math.max(lane.token.pausedUntil, performance.now() + ms);
    this.#announceDelays(lane);
  }

  /** The lane of this token; idle lanes are forgotten after a while. */
  laneOf(tokenDigest: TokenDigest): Lane<Connection> {
    const known = this.#lanes.get(tokenDigest);
    if (known !== undefined && this.#lanes.size === 1) return known;
    const now = performance.now();
    const lane = known ?? this.#createLane(tokenDigest);
    this.#lanes.delete(tokenDigest);
    this.#lanes.set(tokenDigest, lane);
    if (this.#newest !== undefined) this.#newest.usedAt = now; // it was in use until now
    lane.usedAt = now;
    this.#newest = lane;
    this.#forgetOne(now);
    return lane;
  }

  /** Whether a call may start at once: none is queued, neither in this lane nor for a slot. */
  #canStart(lane: Lane<Connection>): boolean {
    if (lane.queue.size > 0 || this.#turns.size > 0 || this.#idle.length === 0) return false;
    return lane.inFlight < this.#maxForOne && lane.token.waitFor(1) === 0;
  }

  #enqueue(call: QueuedCall<Connection>, lane: Lane<Connection>, now: number): void {
    const waitMs = lane.token.waitFor(lane.queue.size + 1);
    if (waitMs > 0) call.announceDelay(waitMs, new UpstreamError('rate-limited'));
    if (call.isOver) return;
    lane.queue.add(call);
    this.#queueSize++;
    this.#queued.add(lane);
    call.enqueued(now);
    this.#schedule(lane);
    this.#admitQueued();
    if (this.#queueSize > this.#options.maxQueue) this.#refuseOne();
  }

  /** Takes a slot and a permit for a call of this lane. */
  #take(lane: Lane<Connection>): Slot<Connection> {
    const slot = this.#idle.pop() as Slot<Connection>;
    slot.lane = lane;
    lane.inFlight++;
    lane.token.bucket?.take();
    return slot;
  }

  /** A call that throws was not sent. Its error must not reach the call whose end freed the slot. */
  #admit(call: QueuedCall<Connection>, slot: Slot<Connection>, now: number, queuedMs: number): void {
    try {
      this.#options.onAdmit(queuedMs);
      call.admit(slot.connection, now);
    } catch (error) {
      this.#release(slot);
      call.fail(error as Error);
    }
  }

  #release(slot: Slot<Connection>): void {
    const { lane } = slot;
    if (lane === undefined) return;
    slot.lane = undefined;
    lane.inFlight--;
    this.#idle.push(slot);
    if (this.#queued.size === 0) return;
    this.#schedule(lane);
    this.#admitQueued();
  }

  /** Gives idle slots to the lanes whose turn it is. Not reentrant: calls that end at once free slots for the running loop. */
  #admitQueued(): void {
    if (this.#isAdmitting) return;
    this.#isAdmitting = true;
    while (this.#idle.length > 0) {
      const [lane] = this.#turns;
      if (lane === undefined) break;
      this.#turns.delete(lane);
      const call = lane.queue.first;
      // Since it got its turn it may have been paused, or its callers may have disconnected.
      if (call !== undefined && lane.token.waitFor(1) === 0) {
        const slot = this.#take(lane); // takes a permit, before `leave` returns unused ones
        this.leave(call, lane);
        const now = performance.now();
        this.#admit(call, slot, now, now - call.queuedAt);
      }
      this.#schedule(lane);
    }
    this.#isAdmitting = false;
  }

  /** Gives the lane its turn if its next call may start, otherwise schedules it. */
  #schedule(lane: Lane<Connection>): void {
    if (lane.queue.size === 0 || lane.timer !== undefined || lane.inFlight >= this.#maxForOne) return;
    const waitMs = lane.token.waitFor(1);
    if (waitMs === 0) {
      this.#turns.add(lane);
      return;
    }
    const { bucket } = lane.token;
    if (bucket?.order !== undefined) {
      // For as many calls as there are slots, but at least for one, which then waits for a slot.
      const slots = Math.min(lane.queue.size, this.#idle.length, this.#maxForOne - lane.inFlight);
      bucket.order(Math.max(1, slots), lane.token.pausedMs);
      return;
    }
    lane.timer = setTimeout(() => {
      lane.timer = undefined;
      this.#schedule(lane);
      this.#admitQueued();
    }, waitMs);
  }

  /** Refuses the last call of the longest queue: a token that overloads the queue loses its own calls. */
  #refuseOne(): void {
    let longest: Lane<Connection> | undefined;
    for (const lane of this.#queued) {
      // Of two equally long queues, the newer one.
      if (longest === undefined || lane.queue.size >= longest.queue.size) longest = lane;
    }
    const last = longest?.queue.last;
    if (longest === undefined || last === undefined) return;
    this.leave(last, longest);
    last.refuse(new UpstreamError('overloaded'));
  }

  /** Announces the expected delay to each queued call. */
  #announceDelays(lane: Lane<Connection>): void {
    let position = 1;
    for (const call of lane.queue) {
      call.announceDelay(lane.token.waitFor(position), new UpstreamError('rate-limited'));
      if (!call.isOver) position++;
    }
  }

  /** While several tokens are in use, none may hold every slot, because calls that hang would lock out the others. */
  get #maxForOne(): number {
    const { length } = this.#options.connections;
    if (this.#lanes.size <= 1 || length === 1) return length;
    return length - Math.max(1, Math.floor(length / 8));
  }

  #createLane(tokenDigest: TokenDigest): Lane<Connection> {
    const bucket = this.#options.createBucket(tokenDigest, (isLater) => {
      if (isLater) this.#announceDelays(lane);
      this.#schedule(lane);
      this.#admitQueued();
    });
    const lane = new Lane<Connection>(new TokenState(bucket));
    return lane;
  }

  /** Evicts at most one idle lane per change; a busy one moves to the end. */
  #forgetOne(now: number): void {
    const [[tokenDigest, oldest] = []] = this.#lanes;
    if (tokenDigest === undefined || oldest === undefined || oldest === this.#newest) return;
    if (now - oldest.usedAt <= forgetAfterMs && this.#lanes.size <= maxLanes) return;
    this.#lanes.delete(tokenDigest);
    if (oldest.isIdle) return;
    oldest.usedAt = now;
    this.#lanes.set(tokenDigest, oldest);
  }
}
