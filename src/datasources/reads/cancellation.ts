/** The part of an `AbortSignal` that is used. Yoga's signals are not native ones, so `AbortSignal.any` rejects them. */
export interface CallerSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

interface Cancelable {
  cancel(): void;
}

/** Cancels the reads of one request when its caller disconnects: one listener for all, for as long as any is pending. */
export class Cancellation {
  readonly #signal: CallerSignal;
  #added: Cancelable[] = [];
  #pending = 0;

  constructor(signal: CallerSignal) {
    this.#signal = signal;
  }

  get isCanceled(): boolean {
    return this.#signal.aborted;
  }

  add(one: Cancelable): void {
    if (this.#pending++ === 0) this.#signal.addEventListener('abort', this.#cancel);
    this.#added.push(one);
  }

  /** Call it once for each that was added, when it has settled. */
  settle(): void {
    if (--this.#pending > 0) return;
    this.#signal.removeEventListener('abort', this.#cancel);
    this.#added = [];
  }

  readonly #cancel = (): void => {
    // The last one first, so that queued reads are canceled before a read in flight frees a slot for them.
    for (const one of this.#added.toReversed()) one.cancel();
  };
}
