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
  #entered = 0;
  #isDraining = false;

  /** `onOverLimit` is called for each stream that is one too many. */
  constructor(limits: StreamLimits, onOverLimit: () => void) {
    this.#limits = limits;
    this.#onOverLimit = onOverLimit;
  }

  /** Counts one more stream of the caller, and returns a function that ends that; throws `OVERLOADED` if it is one too many. */
  enter(caller: string): () => void {
    const { maxStreams, maxStreamsPerCaller } = this.#limits;
    const count = this.#ofCaller.get(caller) ?? 0;
    if (this.#isDraining) throw overloaded('The gateway is shutting down. Retry.');
    if (count >= maxStreamsPerCaller || this.#entered >= maxStreams) {
      this.#onOverLimit();
      throw overloaded(
        count >= maxStreamsPerCaller
          ? `You have ${count} open streams; the limit is ${maxStreamsPerCaller} (MAX_STREAMS_PER_CALLER). Close one.`
          : 'Too many streams are open (MAX_STREAMS). Retry later.',
      );
    }
    this.#entered++;
    this.#ofCaller.set(caller, count + 1);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      this.#entered--;
      const left = (this.#ofCaller.get(caller) ?? 1) - 1;
      if (left === 0) this.#ofCaller.delete(caller);
      else this.#ofCaller.set(caller, left);
    };
  }

  get size(): number {
    return this.#open.size;
  }

  add(stream: EventStream): void {
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
}
