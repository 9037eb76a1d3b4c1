/** How long requests may compute in one turn of the event loop; other requests, such as probes, are handled in between. In milliseconds. */
const turnMs = 2;

/**
 * Between two turns of queued work the event loop turns once for each millisecond that the first one took, but not more often than this.
 * In each turn of the event loop Node accepts one new connection, such as that of a probe.
 */
const maxLoops = 50;

interface Work {
  readonly run: () => void;
  readonly isLong: boolean;
}

/**
 * The turns of callers at the processor. What requests compute, when they begin and when their results are written, runs one after
 * the other; where it takes long, the event loop turns in between, and callers take turns.
 */
export class Turns {
  /** By lane, in the order of their turns. None is empty. */
  readonly #waiting = new Map<string, Work[]>();
  /** What requests have computed in this turn of the event loop. */
  #spentMs = 0;
  #isScheduled = false;
  /** When the last turn began, as long as `#loopsLeft` is not known: its work may go on in promises. */
  #beganAt: number | undefined;
  #loopsLeft = 0;

  /** Runs now, or soon in another turn. Long work has a turn of its own. `lane` is that of the caller. */
  run(lane: () => string, run: () => void, isLong = false): void {
    if (!isLong && this.#mayRun) this.#runNow(run);
    else this.#enqueue(lane(), { run, isLong });
  }

  /** In the same way; returns what `start` returns, or a promise of it where it has to wait. */
  start<Value>(lane: () => string, start: () => Value | Promise<Value>): Value | Promise<Value> {
    if (this.#mayRun) return this.#runNow(start);
    return new Promise((resolve, reject) => {
      const run = () => {
        try {
          resolve(start());
        } catch (error) {
          reject(error);
        }
      };
      this.#enqueue(lane(), { run, isLong: false });
    });
  }

  /** Resolves in a turn of its own, for work that goes on in promises. */
  next(lane: () => string): Promise<void> {
    return new Promise((resolve) => this.run(lane, resolve, true));
  }

  get #mayRun(): boolean {
    return this.#waiting.size === 0 && this.#spentMs < turnMs;
  }

  #enqueue(lane: string, work: Work): void {
    const works = this.#waiting.get(lane);
    if (works === undefined) this.#waiting.set(lane, [work]);
    else works.push(work);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return;
    this.#isScheduled = true;
    setImmediate(this.#loop);
  }

  readonly #loop = (): void => {
    if (this.#beganAt !== undefined) {
      this.#loopsLeft = Math.min(maxLoops, Math.floor(performance.now() - this.#beganAt));
      this.#beganAt = undefined;
    }
    if (this.#loopsLeft-- > 0) setImmediate(this.#loop);
    else this.#turn();
  };

  #runNow<Value>(run: () => Value): Value {
    const startedAt = performance.now();
    if (this.#spentMs === 0) setImmediate(this.#endTurn);
    try {
      return run();
    } finally {
      this.#spentMs += performance.now() - startedAt;
    }
  }

  readonly #endTurn = (): void => {
    this.#spentMs = 0;
  };

  #turn(): void {
    const beganAt = performance.now();
    this.#isScheduled = false;
    this.#loopsLeft = 0;
    this.#spentMs = 0;
    for (;;) {
      const [[lane, works] = []] = this.#waiting;
      const work = works?.[0];
      if (lane === undefined || works === undefined || work === undefined) break;
      if (this.#spentMs >= turnMs || (work.isLong && this.#spentMs > 0)) break;
      works.shift();
      this.#waiting.delete(lane);
      if (works.length > 0) this.#waiting.set(lane, works); // its next turn comes after those of the others
      this.#runNow(work.run);
      if (work.isLong) break;
    }
    this.#beganAt = this.#waiting.size > 0 ? beganAt : undefined;
    this.#schedule();
  }
}
