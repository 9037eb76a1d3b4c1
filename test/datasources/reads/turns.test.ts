import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Call } from '../../../src/datasources/reads/connection.ts';
import type { ReadsOptions } from '../../../src/datasources/reads/reads.ts';
import { TokenBucket } from '../../../src/datasources/reads/token-bucket.ts';
import { Token } from '../../../src/datasources/token.ts';
import { createReads, read, TestConnection } from './support.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

/** Reads whose calls the test ends, in the order in which they were sent. */
function createTraffic(count = 1, options: Partial<ReadsOptions> = {}) {
  const sent: string[] = [];
  const inFlight: { call: Call; connection: TestConnection }[] = [];
  const connections = Array.from(
    { length: count },
    () =>
      new TestConnection((call, connection) => {
        sent.push(call.path);
        inFlight.push({ call, connection });
      }),
  );
  const reads = createReads(connections, { timeoutMs: 60_000, ...options });
  const ask = (caller: string | undefined, id: string, token = 'shared', signal = new AbortController().signal) =>
    read(reads, { caller, id, token: new Token(token), timeoutMs: 60_000, signal });
  const end = (status = 200) => {
    const first = inFlight.shift();
    first?.connection.respond(first.call, status, 'ok');
  };
  /** Makes the upstream accept, or reject, a token. */
  const use = async (token: string, status = 200) => {
    const outcome = ask(undefined, `use ${token} ${status}`, token);
    end(status);
    await outcome;
    sent.length = 0;
  };
  const laneOf = (token: string, caller?: string) => reads.laneOf({ caller, token: new Token(token) });
  return { sent, ask, end, use, laneOf };
}

const times = (count: number, make: (index: number) => unknown) => Array.from({ length: count }, (_, at) => make(at));

describe('callers that share a token', () => {
  it('take turns: a hundred reads of one do not go before the reads of others', () => {
    const { sent, ask, end } = createTraffic();
    times(100, (at) => ask('greedy', `greedy ${at}`));
    times(10, (at) => ask(`caller ${at}`, `other ${at}`));
    times(12, () => end());
    expect(sent.filter((path) => path.startsWith('/other'))).toHaveLength(10);
  });

  it('take turns in the rate of their token as well', async () => {
    const { sent, ask } = createTraffic(100, { createBucket: () => new TokenBucket(10) });
    times(100, (at) => ask('greedy', `greedy ${at}`));
    times(3, (at) => ask('modest', `modest ${at}`));
    await vi.advanceTimersByTimeAsync(650);
    expect(sent.slice(10)).toEqual(['/greedy 10', '/modest 0', '/greedy 11', '/modest 1', '/greedy 12', '/modest 2']);
  });

  it('are rejected by the time of their own turn, not by that of the last read of another caller', async () => {
    const { ask } = createTraffic(1, { createBucket: () => new TokenBucket(10) });
    times(800, (at) => ask('greedy', `greedy ${at}`));
    const outcome = ask('modest', 'modest');
    await vi.advanceTimersByTimeAsync(0);
    expect(await Promise.race([outcome, 'waits'])).toBe('waits');
    expect(await ask('greedy', 'too much')).toMatchObject({ fault: 'rate-limited' });
  });

  it('lose only their own reads when the queue is full', async () => {
    const { ask, end } = createTraffic(1, { maxQueue: 50 });
    const greedy = times(51, (at) => ask('greedy', `greedy ${at}`));
    const modest = ask('modest', 'modest');
    expect(await greedy[50]).toMatchObject({ fault: 'overloaded' });
    times(3, () => end());
    expect(await modest).toBe('ok');
  });

  it('leave a connection to others, so that reads that hang lock no caller out', async () => {
    const { sent, ask } = createTraffic(8);
    void ask('modest', 'first');
    times(100, (at) => ask('hanging', `hanging ${at}`));
    expect(sent).toHaveLength(8);
    void ask('modest', 'second');
    expect(sent).toHaveLength(8);
    const again = createTraffic(8);
    await again.use('modest');
    times(100, (at) => again.ask('hanging', `hanging ${at}`));
    expect(again.sent).toHaveLength(7);
    void again.ask('modest', 'first');
    expect(again.sent.at(-1)).toBe('/first');
  });
});

describe('a read that two callers want', () => {
  it('is sent in the turn of the one whose turn comes first', async () => {
    const { sent, ask, end } = createTraffic();
    times(50, (at) => ask('greedy', `${at}`));
    const joined = ask('modest', '49');
    end();
    end();
    expect(sent.slice(0, 3)).toContain('/49');
    end();
    expect(await joined).toBe('ok');
    times(60, () => end());
    expect(sent).toHaveLength(50);
  });

  it('is not moved to the turn of a caller with more reads', () => {
    const { sent, ask, end } = createTraffic();
    times(50, (at) => ask('greedy', `${at}`));
    void ask('modest', 'both');
    void ask('greedy', 'both');
    end();
    end();
    expect(sent.slice(0, 3)).toContain('/both');
  });

  it('is retried in the turn of the one whose turn comes first', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const { sent, ask, end } = createTraffic(2);
    void ask('greedy', 'both');
    void ask('greedy', 'first');
    times(50, (at) => ask('greedy', `${at}`));
    void ask('modest', 'both');
    end(503);
    await vi.advanceTimersByTimeAsync(60);
    end();
    end();
    expect(sent.slice(2)).toContain('/both');
    vi.restoreAllMocks();
  });

  it('does not end with the caller that started it', async () => {
    const { ask, end } = createTraffic();
    const caller = new AbortController();
    times(5, (at) => ask('greedy', `${at}`));
    void ask('greedy', 'both', 'shared', caller.signal);
    const joined = ask('modest', 'both');
    caller.abort();
    end();
    end();
    end();
    expect(await joined).toBe('ok');
  });
});

describe('tokens that the upstream has not accepted', () => {
  it('share one turn, however many they are', async () => {
    const { sent, ask, end, use } = createTraffic();
    await use('good');
    times(1_000, (at) => ask(undefined, 'x', `invented ${at}`));
    void ask(undefined, 'good', 'good');
    end(401);
    end(401);
    expect(sent.slice(0, 3)).toContain('/good');
  });

  it('share one lane at the processor as well', async () => {
    const { use, laneOf } = createTraffic();
    await use('good');
    await use('revoked');
    await use('revoked', 401);
    const unaccepted = laneOf('invented');
    expect(laneOf('another')).toBe(unaccepted);
    expect(laneOf('revoked')).toBe(unaccepted);
    expect(new Set([unaccepted, laneOf('good'), laneOf('invented', 'key'), laneOf('invented', 'other key')]).size).toBe(
      4,
    );
    expect(laneOf('good', 'key')).toBe(laneOf('invented', 'key'));
  });

  it('lose their own reads when they fill the queue', async () => {
    const { ask, end, use } = createTraffic(1, { maxQueue: 50 });
    await use('good');
    const invented = times(60, (at) => ask(undefined, 'x', `invented ${at}`));
    const good = ask(undefined, 'good', 'good');
    expect(await invented[59]).toMatchObject({ fault: 'overloaded' });
    times(3, () => end(401));
    expect(await Promise.race([good, 'waits'])).not.toMatchObject({ fault: 'overloaded' });
  });

  it('take turns among themselves', () => {
    const { sent, ask, end } = createTraffic();
    times(50, (at) => ask(undefined, `${at}`, 'greedy'));
    void ask(undefined, 'other', 'new');
    times(2, () => end(401));
    expect(sent.slice(0, 3)).toContain('/other');
  });

  it.each([200, 404, 403])('are accepted with the first response of status %i', async (status) => {
    const { sent, ask, end, use } = createTraffic();
    await use('good', status);
    times(100, (at) => ask(undefined, `${at}`, 'invented'));
    times(100, (at) => ask(undefined, 'x', `invented ${at}`));
    void ask(undefined, 'good', 'good');
    end(401);
    end(401);
    expect(sent.slice(0, 3)).toContain('/good');
  });

  it.each([401, 400, 501])('are not accepted with a response of status %i', async (status) => {
    const { sent, ask, end, use } = createTraffic();
    await use('bad', status);
    times(100, (at) => ask(undefined, 'x', `invented ${at}`));
    void ask(undefined, 'bad', 'bad');
    times(50, () => end(401));
    expect(sent).not.toContain('/bad');
  });

  it('include a token that the upstream no longer accepts', async () => {
    const { sent, ask, end, use } = createTraffic();
    await use('revoked');
    await use('revoked', 401);
    times(100, (at) => ask(undefined, 'x', `invented ${at}`));
    void ask(undefined, 'revoked', 'revoked');
    times(50, () => end(401));
    expect(sent).not.toContain('/revoked');
  });

  it('do not include one that was accepted an hour ago', async () => {
    const { sent, ask, end, use } = createTraffic();
    await use('good');
    await vi.advanceTimersByTimeAsync(3_600_000);
    for (let at = 0; at < 10; at++) await use(`invented ${at}`, 401);
    times(100, (at) => ask(undefined, 'x', `invented ${at}`));
    void ask(undefined, 'good', 'good');
    end(401);
    end(401);
    expect(sent.slice(0, 3)).toContain('/good');
  });

  it('of a caller with a key stay in its own turns', () => {
    const { sent, ask, end } = createTraffic();
    times(100, (at) => ask('greedy', 'x', `invented ${at}`));
    void ask('modest', 'modest');
    end(401);
    end(401);
    expect(sent.slice(0, 3)).toContain('/modest');
  });

  it('leave no queue behind when their callers disconnect while they wait', async () => {
    const { sent, ask, end } = createTraffic(8);
    times(8, (at) => ask('busy', `busy ${at}`));
    const caller = new AbortController();
    times(100, (at) => ask(undefined, 'x', `invented ${at}`, caller.signal));
    void ask(undefined, 'last', 'last');
    caller.abort();
    times(2, () => end());
    expect(sent.at(-1)).toBe('/last');
  });
});

describe('a limit on the reads of a caller', () => {
  const limited = (callerReadsPerSecond: number) => createTraffic(1_000, { callerReadsPerSecond });

  it('delays the reads that are over it, in order', async () => {
    const { sent, ask } = limited(10);
    times(15, (at) => ask('a', `${at}`));
    expect(sent).toHaveLength(10);
    await vi.advanceTimersByTimeAsync(250);
    expect(sent.slice(10)).toEqual(['/10', '/11']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toHaveLength(15);
    expect(vi.getTimerCount()).toBe(1); // of the deadlines
  });

  it('fails a read at once that would wait past its deadline, with the time to wait', async () => {
    const { ask } = limited(10);
    times(10 + 600, (at) => ask('a', `${at}`));
    expect(await ask('a', 'late')).toMatchObject({ fault: 'caller-limited', retryAfterMs: 60_100 });
    expect(await Promise.race([ask('b', 'other'), 'sent'])).toBe('sent');
  });

  it('is for each caller, whatever tokens it sends', async () => {
    const { sent, ask } = limited(10);
    times(20, (at) => ask('a', `a ${at}`, `token ${at}`));
    times(5, (at) => ask('b', `b ${at}`));
    expect(sent).toHaveLength(15);
  });

  it('is one for all tokens that the upstream has not accepted, and one for each that it has', async () => {
    const { sent, ask, use } = limited(10);
    await use('good');
    times(20, (at) => ask(undefined, `${at}`, `invented ${at}`));
    expect(sent).toHaveLength(9); // `good` was one of them
    times(20, (at) => ask(undefined, `${at}`, 'good'));
    expect(sent).toHaveLength(19);
  });

  it('counts a read that joins another, and none that is retried', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const { sent, ask, end } = limited(2);
    const first = ask('a', 'same');
    const joined = ask('a', 'same');
    void ask('a', 'third');
    end(503);
    await vi.advanceTimersByTimeAsync(1);
    expect(sent).toEqual(['/same', '/same']);
    end();
    expect(await Promise.all([first, joined])).toEqual(['ok', 'ok']);
    vi.restoreAllMocks();
  });

  it('gives the turn of a caller that disconnected to the next read', async () => {
    const { sent, ask } = limited(1);
    void ask('a', 'first');
    const caller = new AbortController();
    const left = ask('a', 'left', 'shared', caller.signal);
    void ask('a', 'next');
    caller.abort();
    expect(await left).toMatchObject({ fault: 'cancelled' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toEqual(['/first', '/next']);
    expect(await ask('a', 'gone', 'shared', AbortSignal.abort())).toMatchObject({ fault: 'cancelled' });
  });

  it('is not renewed by being idle, forgotten or one of many', async () => {
    const { sent, ask } = limited(0.01);
    void ask('a', 'first');
    await vi.advanceTimersByTimeAsync(30_000);
    times(200, (at) => ask(`other ${at}`, `other ${at}`));
    sent.length = 0;
    expect(await ask('a', 'second')).toMatchObject({ fault: 'caller-limited', retryAfterMs: 70_000 });
    expect(sent).toEqual([]);
  });
});
