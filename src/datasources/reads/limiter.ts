import { LRUCache } from 'lru-cache';
import type { TokenDigest } from '../token.ts';
import { UpstreamError } from '../upstream-error.ts';
import type { CreateBucket } from './bucket.ts';
import { CallerRate } from './caller-rate.ts';
import { type CallQueue, Lane, type QueuedCall } from './lane.ts';
import { LinkedQueue } from './linked-queue.ts';
import { RecentlyUsed } from './recently-used.ts';
import { TokenState } from './token-state.ts';

/** Carries one call at a time. */
interface Carrier {
  /** Set by the limiter; to be called when it can carry another call. */
  onFree: () => void;
}

interface LimiterOptions<Connection extends Carrier> {
  /** One for each call that may be in flight, over all lanes. */
  readonly connections: readonly Connection[];
  /** Queued calls, over all lanes. */
  readonly maxQueue: number;
  readonly createBucket: CreateBucket;
  /** Reads that one caller may start in a second; undefined is unlimited. */
  readonly callerReadsPerSecond?: number | undefined;
  /** Called with the time that each call was queued, in milliseconds. */
  readonly onAdmit: (queuedMs: number) => void;
}

/** Tokens that are remembered as accepted by the upstream. */
const maxAccepted = 10_000;
/** The lane of all callers that are known by a token alone which the upstream has not accepted. */
const unaccepted = 'unaccepted';

interface Slot<Connection> {
  readonly connection: Connection;
  lane: Lane<Connection> | undefined;
}

/**
 * Decides which call is sent next. Each caller has its own lane, and lanes take turns, so that one caller cannot delay others:
 * not by queueing many calls, not by filling the queue, and not by holding every slot with calls that hang. Within a lane, its
 * tokens take turns.
 */
export class Limiter<Connection extends Carrier> {
  readonly #options: LimiterOptions<Connection>;
  readonly #lanes: RecentlyUsed<string, Lane<Connection>>;
  readonly #tokens: RecentlyUsed<TokenDigest, TokenState<CallQueue<Connection>>>;
  /** Longer than the state of a token, so that a token that is used now and then keeps its lane. */
  readonly #accepted = new LRUCache<TokenDigest, true>({
    maxSize: maxAccepted, // `max` would allocate all entries at once
    sizeCalculation: () => 1,
  });
  /** Lanes with queued calls. */
  readonly #queued = new Set<Lane<Connection>>();
  /** Lanes with queues that are ready, in the order of their turns. */
  readonly #turns = new LinkedQueue<Lane<Connection>>();
  readonly #idle: Slot<Connection>[];
  #queueSize = 0;
  #isAdmitting = false;

  constructor(options: LimiterOptions<Connection>) {
    const { connections, callerReadsPerSecond } = options;
    this.#options = options;
    this.#lanes = new RecentlyUsed(
      () => new Lane(callerReadsPerSecond === undefined ? undefined : new CallerRate(callerReadsPerSecond)),
    );
    this.#tokens = new RecentlyUsed((digest) => this.#createToken(digest));
    this.#idle = connections.map((connection) => {
      const slot: Slot<Connection> = { connection, lane: undefined };
      connection.onFree = () => this.#release(slot);
      return slot;
    });
  }

  /** The lane of a caller, an opaque id; callers without one are known by their token alone. */
  laneOf(caller: string | undefined, tokenDigest: TokenDigest): string {
    return caller ?? (this.#accepted.has(tokenDigest) ? tokenDigest : unaccepted);
  }

  /** Where calls with this token are queued. */
  queueOf(caller: string | undefined, tokenDigest: TokenDigest, now: number): CallQueue<Connection> {
    const token = this.#tokens.get(tokenDigest, now);
    const lane = this.#lanes.get(caller ?? (token.isAccepted ? tokenDigest : unaccepted), now);
    return lane.queueOf(token);
  }

  /** The upstream has proved that it knows this token, or that it does not. */
  setAccepted(token: TokenState<CallQueue<Connection>>, isAccepted: boolean): void {
    token.isAccepted = isAccepted;
    if (isAccepted) this.#accepted.set(token.digest, true);
    else this.#accepted.delete(token.digest);
  }

  /** Admits the call when it is its turn, perhaps before this returns; refuses one call if the queue is full. */
  enter(call: QueuedCall<Connection>, queue: CallQueue<Connection>, now: number, queuedAt = now): void {
    if (this.#canStart(queue)) this.#admit(call, this.#take(queue), now, now - queuedAt);
    else this.#enqueue(call, queue, queuedAt);
  }

  /** For a queued call that no longer wants its turn. */
  leave(call: QueuedCall<Connection>, queue: CallQueue<Connection>): void {
    const { lane, token, calls } = queue;
    calls.remove(call);
    this.#queueSize--;
    if (--lane.queuedCalls === 0) this.#queued.delete(lane);
    token.queuedCalls--;
    if (calls.size === 0) {
      lane.queued.delete(queue);
      token.queues.delete(queue);
      const wasReady = queue.place === 'ready';
      this.#unplace(queue);
      if (wasReady) {
        this.#unpark(lane);
        this.#wake(token);
      }
    }
    if (token.queuedCalls > 0) return;
    clearTimeout(token.timer);
    token.timer = undefined;
    token.bucket?.release?.();
  }

  /** Whether a queued call would be sent sooner from another queue. */
  isSooner(call: QueuedCall<Connection>, from: CallQueue<Connection>, to: CallQueue<Connection>): boolean {
    const ahead = to.lane.queuedCalls;
    let found = from.lane.queued.size - 1; // at least one call of each other queue of its lane
    for (let node = call.previous; node !== undefined && found <= ahead; node = node.previous) found++;
    return found > ahead;
  }

  /** Holds back the other calls of this token alone; waiters that cannot wait so long are rejected at once. */
  pause(tokenDigest: TokenDigest, ms: number): void {
    const now = performance.now();
    const token = this.#tokens.get(tokenDigest, now);
    token.pausedUntil = Math.max(token.pausedUntil, now + ms);
    this.#announceDelays(token);
  }

  /** Whether a call may start at once: none is queued with its token, in its queue or for a slot. */
  #canStart({ lane, token }: CallQueue<Connection>): boolean {
    if (token.queuedCalls > 0 || this.#turns.size > 0 || this.#idle.length === 0) return false;
    return lane.inFlight < this.#maxForOne && token.waitFor(1) === 0;
  }

  #enqueue(call: QueuedCall<Connection>, queue: CallQueue<Connection>, queuedAt: number): void {
    const { lane, token, calls } = queue;
    const waitMs = token.waitFor(token.bucket === undefined ? 1 : positionIn(queue, calls.size + 1));
    if (waitMs > 0) call.announceDelay(waitMs, new UpstreamError('rate-limited'));
    if (call.isOver) return;
    calls.add(call);
    this.#queueSize++;
    lane.queuedCalls++;
    token.queuedCalls++;
    this.#queued.add(lane);
    call.enqueued(queuedAt);
    if (calls.size === 1) {
      lane.queued.add(queue);
      token.queues.add(queue);
      this.#schedule(queue);
    } else if (queue.place === 'held') this.#wake(token);
    this.#admitQueued();
    if (this.#queueSize > this.#options.maxQueue) this.#refuseOne();
  }

  /** Takes a slot and a permit for a call of this queue. */
  #take({ lane, token }: CallQueue<Connection>): Slot<Connection> {
    const slot = this.#idle.pop() as Slot<Connection>;
    slot.lane = lane;
    lane.inFlight++;
    token.bucket?.take();
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
    if (this.#queueSize === 0) return;
    this.#unpark(lane);
    this.#admitQueued();
  }

  /** Gives idle slots to the lanes whose turn it is. Not reentrant: calls that end at once free slots for the running loop. */
  #admitQueued(): void {
    if (this.#isAdmitting) return;
    this.#isAdmitting = true;
    try {
      while (this.#idle.length > 0 && this.#admitNext());
    } finally {
      this.#isAdmitting = false;
    }
  }

  /** False when no call waits for a slot alone. */
  #admitNext(): boolean {
    const lane = this.#turns.first;
    const queue = lane?.ready.first;
    const call = queue?.calls.first;
    if (lane === undefined || queue === undefined || call === undefined) return false;
    this.#unplace(queue);
    // Since it was ready its token may have been paused, or another caller may have become active.
    const canStart = lane.inFlight < this.#maxForOne && queue.token.waitFor(1) === 0;
    const slot = canStart ? this.#take(queue) : undefined; // takes a permit, before `leave` returns unused ones
    if (canStart) this.leave(call, queue);
    if (queue.calls.size > 0) this.#schedule(queue);
    if (!canStart) this.#unpark(lane);
    if (lane.ready.size > 0 && this.#turns.size > 1) {
      this.#turns.remove(lane);
      this.#turns.add(lane); // its next turn comes after those of the others
    }
    if (slot !== undefined) {
      const now = performance.now();
      this.#admit(call, slot, now, now - call.queuedAt);
    }
    return true;
  }

  /** Puts a queue with calls where it belongs. */
  #schedule(queue: CallQueue<Connection>): void {
    const { lane, token } = queue;
    if (lane.inFlight + lane.ready.size >= this.#maxForOne) this.#place(queue, 'parked');
    else if (token.held.size > 0 || token.waitFor(token.readyQueues + 1) > 0) {
      this.#place(queue, 'held');
      this.#wake(token);
    } else this.#place(queue, 'ready');
  }

  #place(queue: CallQueue<Connection>, place: NonNullable<CallQueue['place']>): void {
    const { lane, token } = queue;
    queue.place = place;
    if (place === 'parked') lane.parked.add(queue);
    else if (place === 'held') token.held.add(queue);
    else {
      token.readyQueues++;
      if (lane.ready.size === 0) this.#turns.add(lane);
      lane.ready.add(queue);
    }
  }

  #unplace(queue: CallQueue<Connection>): void {
    const { lane, token, place } = queue;
    queue.place = undefined;
    if (place === 'parked') lane.parked.remove(queue);
    else if (place === 'held') token.held.remove(queue);
    else if (place === 'ready') {
      token.readyQueues--;
      lane.ready.remove(queue);
      if (lane.ready.size === 0) this.#turns.remove(lane);
    }
  }

  /** A call of the lane has ended: schedules parked queues until one is ready. */
  #unpark(lane: Lane<Connection>): void {
    for (let queue = lane.parked.first; queue !== undefined; queue = lane.parked.first) {
      if (lane.inFlight + lane.ready.size >= this.#maxForOne) return;
      this.#unplace(queue);
      this.#schedule(queue);
    }
  }

  /** Makes as many queues of the token ready as it may start calls, otherwise waits until it may. */
  #wake(token: TokenState<CallQueue<Connection>>): void {
    for (let queue = token.held.first; queue !== undefined; queue = token.held.first) {
      if (token.waitFor(token.readyQueues + 1) > 0) break;
      this.#unplace(queue);
      const { lane } = queue;
      this.#place(queue, lane.inFlight + lane.ready.size >= this.#maxForOne ? 'parked' : 'ready');
    }
    if (token.held.size === 0 || token.timer !== undefined) return;
    const { bucket } = token;
    if (bucket?.order !== undefined) {
      // For as many calls as there are slots, but at least for one, which then waits for a slot.
      bucket.order(Math.max(1, Math.min(token.queuedCalls, this.#idle.length)), token.pausedMs);
      return;
    }
    token.timer = setTimeout(
      () => {
        token.timer = undefined;
        this.#wake(token);
        this.#admitQueued();
      },
      token.waitFor(token.readyQueues + 1),
    );
  }

  /** Refuses the last call of the longest lane: a caller that overloads the queue loses its own calls. */
  #refuseOne(): void {
    const lane = longest(this.#queued, ({ queuedCalls }) => queuedCalls);
    const queue = lane && longest(lane.queued, ({ calls }) => calls.size);
    const last = queue?.calls.last;
    if (queue === undefined || last === undefined) return;
    this.leave(last, queue);
    last.refuse(new UpstreamError('overloaded'));
  }

  /** Announces the expected delay to each queued call of the token, in the order of their turns. */
  #announceDelays(token: TokenState<CallQueue<Connection>>): void {
    let position = 1;
    let calls = [...token.queues].map(({ calls }) => calls.first);
    while (calls.length > 0) {
      const nextCalls: typeof calls = [];
      for (const call of calls) {
        if (call === undefined) continue;
        nextCalls.push(call.next);
        call.announceDelay(token.waitFor(position), new UpstreamError('rate-limited'));
        if (!call.isOver) position++;
      }
      calls = nextCalls;
    }
  }

  /** While several callers are active, none may hold every slot, because calls that hang would lock out the others. */
  get #maxForOne(): number {
    const { length } = this.#options.connections;
    if (this.#lanes.size <= 1 || length === 1) return length;
    return length - Math.max(1, Math.floor(length / 8));
  }

  #createToken(digest: TokenDigest): TokenState<CallQueue<Connection>> {
    const bucket = this.#options.createBucket(digest, (isLater) => {
      if (isLater) this.#announceDelays(token);
      this.#wake(token);
      this.#admitQueued();
    });
    const token = new TokenState<CallQueue<Connection>>(digest, bucket, this.#accepted.get(digest) === true);
    return token;
  }
}

/** The position of a call among all calls with its token, if it is at `depth` in its queue: the queues take turns. */
function positionIn<Slot>(queue: CallQueue<Slot>, depth: number): number {
  let position = depth;
  for (const other of queue.token.queues) if (other !== queue) position += Math.min(other.calls.size, depth);
  return position;
}

/** Of equally long ones, the newest. */
function longest<Item>(items: Iterable<Item>, lengthOf: (item: Item) => number): Item | undefined {
  let found: Item | undefined;
  let length = 0;
  for (const item of items) {
    const itsLength = lengthOf(item);
    if (itsLength < length) continue;
    found = item;
    length = itsLength;
  }
  return found;
}
