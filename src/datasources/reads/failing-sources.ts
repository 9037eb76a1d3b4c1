import type { TokenDigest } from '../token.ts';

interface Calls {
  total: number;
  failed: number;
}

/** Calls of one second, by token and group. */
type Second = Map<TokenDigest, Map<string, Calls>>;

/** Who is concerned by an outage: everyone, or one token alone. */
export type FailureSpread = 'all' | TokenDigest;

/** In each second. Further sources are not tracked, which bounds memory. */
const maxSources = 1_000;
/** An outage shows in this many seconds of other groups, or tokens, than the one that fails most. */
const minVotes = 3;
/** A group with fewer failures is not considered failing. */
const minFailures = 5;

/**
 * Tracks where calls failed in the last `seconds`, to tell an outage from one group, such as a chat, or one token that always
 * fails. In each second every group and every token has one vote, however many calls it sends, so that no caller can make its
 * own failures weigh more than the successes of the others.
 */
export class FailingSources {
  readonly #seconds: Second[];
  #second = 0;
  #tracked = 0;

  constructor(seconds: number) {
    this.#seconds = Array.from({ length: seconds }, () => new Map());
  }

  count(token: TokenDigest, group: string, isFailure: boolean, now: number): void {
    this.#forgetOld(now);
    const second = this.#seconds[this.#second % this.#seconds.length] as Second;
    let groups = second.get(token);
    let calls = groups?.get(group);
    if (calls === undefined) {
      if (this.#tracked >= maxSources) return;
      this.#tracked++;
      if (groups === undefined) {
        groups = new Map();
        second.set(token, groups);
      }
      calls = { total: 0, failed: 0 };
      groups.set(group, calls);
    }
    calls.total++;
    if (isFailure) calls.failed++;
  }

  /** Whether most of the recent calls of one group with one token failed. */
  isFailing(token: TokenDigest, group: string, now: number): boolean {
    this.#forgetOld(now);
    const sum = { total: 0, failed: 0 };
    for (const second of this.#seconds) {
      const calls = second.get(token)?.get(group);
      if (calls === undefined) continue;
      sum.total += calls.total;
      sum.failed += calls.failed;
    }
    return sum.failed >= minFailures && isMost(sum);
  }

  /** Undefined when the failures are those of one group, or when most votes of the others are for success. */
  spread(now: number): FailureSpread | undefined {
    this.#forgetOld(now);
    const groups = new Votes<string>();
    const tokens = new Votes<TokenDigest>();
    for (const second of this.#seconds) {
      const inSecond = new Map<string, Calls>();
      for (const [token, ofToken] of second) {
        const vote = { total: 0, failed: 0 };
        for (const [group, calls] of ofToken) {
          add(vote, isMost(calls));
          const sum = inSecond.get(group) ?? { total: 0, failed: 0 };
          inSecond.set(group, { total: sum.total + calls.total, failed: sum.failed + calls.failed });
        }
        tokens.add(token, isMost(vote));
      }
      for (const [group, calls] of inSecond) groups.add(group, isMost(calls));
    }
    if (groups.isOutage() && tokens.isOutage()) return 'all';
    const worst = tokens.worst();
    if (worst === undefined) return undefined;
    const ofWorst = new Votes<string>();
    for (const second of this.#seconds) {
      for (const [group, calls] of second.get(worst) ?? []) ofWorst.add(group, isMost(calls));
    }
    return ofWorst.isOutage() ? worst : undefined;
  }

  reset(): void {
    for (const second of this.#seconds) second.clear();
    this.#tracked = 0;
  }

  #forgetOld(now: number): void {
    const current = Math.floor(now / 1_000);
    if (current <= this.#second) return;
    const { length } = this.#seconds;
    for (let second = Math.max(this.#second + 1, current - length + 1); second <= current; second++) {
      this.#seconds[second % length] = new Map();
    }
    this.#second = current;
    this.#tracked = 0;
  }
}

class Votes<Source> {
  readonly #sum: Calls = { total: 0, failed: 0 };
  readonly #bySource = new Map<Source, Calls>();

  add(source: Source, isFailed: boolean): void {
    const calls = this.#bySource.get(source) ?? { total: 0, failed: 0 };
    this.#bySource.set(source, calls);
    add(calls, isFailed);
    add(this.#sum, isFailed);
  }

  worst(): Source | undefined {
    let worst: Source | undefined;
    let most = 0;
    for (const [source, { failed }] of this.#bySource) {
      if (failed <= most) continue;
      worst = source;
      most = failed;
    }
    return worst;
  }

  /** Whether most votes are for failure without those of the source that fails most. */
  isOutage(): boolean {
    const worst = this.worst();
    const { total, failed } = (worst !== undefined && this.#bySource.get(worst)) || { total: 0, failed: 0 };
    const others = { total: this.#sum.total - total, failed: this.#sum.failed - failed };
    return others.failed >= minVotes && isMost(others);
  }
}

function add(calls: Calls, isFailed: boolean): void {
  calls.total++;
  if (isFailed) calls.failed++;
}

function isMost({ total, failed }: Calls): boolean {
  return failed * 2 >= total && failed > 0;
}
