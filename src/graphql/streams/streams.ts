import type { GraphQLError } from 'graphql';
import { overloaded } from '../../errors/client-errors.ts';
import type { EventStream } from './event-stream.ts';

interface StreamLimits {
  /** In this process, as all of these. */
  readonly maxStreams: number;
  readonly maxStreamsPerCaller: number;
}

/** The open streams of the process. */
export class Streams {
  readonly #limits: StreamLimits;
  readonly #onOverLimit: () => void;
  readonly #ofCaller = new Map<string, number>();
  readonly #open = new Set<EventStream>();
  #isDraining = false;

  /** `onOverLimit` is called for each stream that is one too many. */
  constructor(limits: StreamLimits, onOverLimit: () => void) {
    this.#limits = limits;
    this.#onOverLimit = onOverLimit;
  }

  /**
   * Counts one more stream of the caller, which opens if its checks pass, and returns a function that ends that; throws
   * `OVERLOADED` if it is one too many.
   */
  enter(caller: string): () => void {
    const { maxStreamsPerCaller } = this.#limits;
    this.#checkRoom();
    const count = this.#ofCaller.get(caller) ?? 0;
    if (count >= maxStreamsPerCaller)
      throw this.#overLimit(
        `You have ${count} open streams; the limit is ${maxStreamsPerCaller} (MAX_STREAMS_PER_CALLER). Close one.`,
      );
    this.#ofCaller.set(caller, count + 1);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      const left = (this.#ofCaller.get(caller) ?? 1) - 1;
      if (left === 0) this.#ofCaller.delete(caller);
      else this.#ofCaller.set(caller, left);
    };
  }

  get size(): number {
    return this.#open.size;
  }

  /** For a stream whose checks have passed: others do not count in `maxStreams`. Throws `OVERLOADED` if it is one too many. */
  add(stream: EventStream): void {
    this.#checkRoom();
    this.#open.add(stream);
  }

  remove(stream: EventStream): void {
    this.#open.delete(stream);
  }

  /** From now on, no stream begins. */
  refuse(): void {
    this.#isDraining = true;
  }

  /** Ends all streams in a way that makes their clients connect again. */
  end(): void {
    this.refuse();
    for (const stream of this.#open) stream.end('drained');
  }
  #checkRoom(): void {
    if (this.#isDraining) throw overloaded('The gateway is shutting down. Retry.');
    if (this.#open.size >= this.#limits.maxStreams)
      throw this.#overLimit('Too many streams are open (MAX_STREAMS). Retry later.');
  }

  #overLimit(message: string): GraphQLError {
    this.#onOverLimit();
    return overloaded(message);
  }
}
