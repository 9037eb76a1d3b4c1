import type { TokenDigest } from '../token.ts';
import { UpstreamError } from '../upstream-error.ts';
import { Stop, type StopSignal } from './stop.ts';

/** What a flight is about. Without the digest of the token it cannot be expressed: no caller gets another token's answer. */
export interface FlightKey {
  readonly token: TokenDigest;
  readonly resource: string;
}

/** Somebody who wants the outcome, and for how long. */
export interface Reader {
  /** From now on, in milliseconds. When it has passed, the reader leaves with `timeout`. */
  readonly timeoutMs: number;
  /** Fires when the caller is gone: the reader leaves with `cancelled`. */
  readonly caller: Omit<StopSignal, 'reason' | 'throwIfAborted'>;
}

/** What the work of a flight knows of those who wait for it. This is its only clock and its only signal. */
export interface Interest {
  /** Fires when the last reader has left; its reason is an `UpstreamError`. */
  readonly signal: StopSignal;
  /**
   * Says that nothing will happen for `waitMs`: a reader who cannot wait that long, now or joining later, is answered at
   * once with `error` and the time that is left to wait.
   */
  postpone(waitMs: number, error: UpstreamError): void;
  /** To be called before each attempt: throws the signal's reason when no reader is left whose time is not up. */
  ensureWanted(): void;
}

/**
 * Identical reads in flight share one. Anyone may leave, the work ends with its last reader; a failure is shared, and
 * nothing is kept once the flight is over.
 */
export class SingleFlight<T> {
  /** A plain object: V8 keeps what was deleted from a long-lived `Map`, whole requests here, until a full collection. */
  readonly #flights: Record<string, Flight<T>> = Object.create(null);
  /** Stuck flights that another has replaced. */
  readonly #superseded = new Set<Flight<T>>();
  #closed = false;
  readonly #longestMs: number;
  readonly #onShare: () => void;

  /** A flight older than `longestMs` is not joined: its call is stuck, and dies with the readers that it has. */
  constructor(longestMs: number, onShare: () => void) {
    this.#longestMs = longestMs;
    this.#onShare = onShare;
  }

  join({ token, resource }: FlightKey, reader: Reader, start: (interest: Interest) => Promise<T>): Promise<T> {
    if (this.#closed || reader.caller.aborted) return Promise.reject(new UpstreamError('cancelled'));
    const key = `${token} ${resource}`;
    const current = this.#flights[key];
    if (current !== undefined && current.ageMs < this.#longestMs) {
      this.#onShare();
      return current.join(reader);
    }
    if (current !== undefined) this.#superseded.add(current);
    const flight: Flight<T> = new Flight<T>(() => {
      if (this.#flights[key] === flight) delete this.#flights[key];
      else this.#superseded.delete(flight);
    });
    this.#flights[key] = flight;
    const outcome = flight.join(reader);
    flight.run(start);
    return outcome;
  }

  /** Ends every flight, and answers its readers, and whoever comes later, with `cancelled`. */
  close(): void {
    this.#closed = true;
    for (const flight of [...Object.values(this.#flights), ...this.#superseded]) flight.cancel();
  }
}

interface Seat<T> {
  readonly deadline: number;
  answer(value: T): void;
  refuse(error: unknown): void;
}

class Flight<T> implements Interest {
  readonly #startedAt = performance.now();
  readonly signal = new Stop();
  readonly #seats = new Set<Seat<T>>();
  readonly #onEnd: () => void;
  #postponedUntil = 0;
  #postponedBy: UpstreamError | undefined;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  get ageMs(): number {
    return performance.now() - this.#startedAt;
  }

  run(start: (interest: Interest) => Promise<T>): void {
    start(this).then(
      (value) => {
        this.#onEnd();
        for (const seat of this.#seats) seat.answer(value);
      },
      (error: unknown) => {
        this.#onEnd();
        for (const seat of this.#seats) seat.refuse(error);
      },
    );
  }

  join({ timeoutMs, caller }: Reader): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = (error: UpstreamError) => this.#dismiss(() => error, seat);
      const onCallerGone = () => leave(new UpstreamError('cancelled'));
      const timer = setTimeout(() => leave(new UpstreamError('timeout')), timeoutMs);
      const stand = () => {
        this.#seats.delete(seat);
        clearTimeout(timer);
        caller.removeEventListener('abort', onCallerGone);
      };
      const seat: Seat<T> = {
        deadline: performance.now() + timeoutMs,
        answer: (value) => {
          stand();
          resolve(value);
        },
        refuse: (error) => {
          stand();
          reject(error);
        },
      };
      caller.addEventListener('abort', onCallerGone); // not AbortSignal.any: the server's signals are not native ones
      this.#seats.add(seat);
      this.#dismissTheImpatient();
    });
  }

  postpone(waitMs: number, error: UpstreamError): void {
    this.#postponedUntil = performance.now() + waitMs;
    this.#postponedBy = error;
    this.#dismissTheImpatient();
  }

  ensureWanted(): void {
    this.#postponedBy = undefined; // the wait is over
    const now = performance.now();
    this.#dismiss(({ deadline }) => (deadline <= now ? new UpstreamError('timeout') : undefined));
    this.signal.throwIfAborted();
  }

  cancel(): void {
    this.#dismiss(() => new UpstreamError('cancelled'));
  }

  #dismissTheImpatient(): void {
    const waitMs = this.#postponedUntil - performance.now();
    if (this.#postponedBy === undefined || waitMs <= 0) return;
    const error = this.#postponedBy.after(waitMs);
    this.#dismiss(({ deadline }) => (deadline < this.#postponedUntil ? error : undefined));
  }

  /** Answers these readers, all of them by default, with the error named for each; the last to go ends the work. */
  #dismiss(reasonFor: (seat: Seat<T>) => UpstreamError | undefined, ...seats: Seat<T>[]): void {
    let last: UpstreamError | undefined;
    for (const seat of seats.length > 0 ? seats : this.#seats) {
      const reason = reasonFor(seat);
      if (reason === undefined) continue;
      seat.refuse(reason);
      last = reason;
    }
    if (last === undefined || this.#seats.size > 0) return;
    this.#onEnd();
    this.signal.abort(last);
  }
}
