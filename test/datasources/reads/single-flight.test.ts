import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type CallerSignal, Cancellation } from '../../../src/datasources/reads/cancellation.ts';
import type { Call } from '../../../src/datasources/reads/connection.ts';
import { Token } from '../../../src/datasources/token.ts';
import { createReads, read, silentMetrics, TestConnection, textRoute } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  vi.spyOn(Math, 'random').mockReturnValue(0);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Reads over connections whose calls the test ends. */
function createFlights(count = 8, timeoutMs = 1_000) {
  let shared = 0;
  const calls: Call[] = [];
  const carriers = new Map<Call, TestConnection>();
  const connections = Array.from(
    { length: count },
    () =>
      new TestConnection((call, connection) => {
        calls.push(call);
        carriers.set(call, connection);
      }),
  );
  const reads = createReads(connections, {
    timeoutMs,
    metrics: { ...silentMetrics, sharedFlight: () => shared++ },
  });
  const join = (timeoutMs = 1_000, signal: CallerSignal = new AbortController().signal) =>
    read(reads, { timeoutMs, signal });
  /** Ends the call with this number. */
  const respond = (index: number, status: number, body = '', retryAfter?: string) => {
    const call = calls[index] as Call;
    carriers.get(call)?.respond(call, status, body, retryAfter);
  };
  const dropped = () => connections.reduce((sum, connection) => sum + connection.dropped, 0);
  return { reads, join, calls, respond, dropped, shared: () => shared };
}

/** Counts listeners, so that a test can find forgotten ones. */
class WatchedSignal implements CallerSignal {
  aborted = false;
  listeners = 0;
  #listener = () => {};

  addEventListener(_type: 'abort', listener: () => void): void {
    this.listeners++;
    this.#listener = listener;
  }

  removeEventListener(): void {
    this.listeners--;
  }

  abort(): void {
    this.aborted = true;
    this.#listener();
  }
}

it('shares one call, and its success, among identical reads; the next read sends a new call', async () => {
  const { join, calls, respond, shared } = createFlights();
  const reads = [join(), join(), join()];
  respond(0, 200, 'one');
  expect(await Promise.all(reads)).toEqual(['one', 'one', 'one']);
  expect([calls.length, shared()]).toEqual([1, 2]);
  void join();
  expect(calls).toHaveLength(2);
});

it('never shares a call between two tokens', async () => {
  const { reads, calls, respond } = createFlights();
  const [first, second] = ['a', 'b'].map((secret) => read(reads, { token: new Token(secret) }));
  expect(calls.map(({ headers }) => headers[1])).toEqual(['a', 'b']);
  respond(1, 200, 'of b');
  respond(0, 200, 'of a');
  expect(await Promise.all([first, second])).toEqual(['of a', 'of b']);
});

it('shares a failure and does not store it', async () => {
  const { join, respond } = createFlights();
  const reads = [join(), join()];
  respond(0, 403);
  expect(await Promise.all(reads)).toMatchObject([{ fault: 'forbidden' }, { fault: 'forbidden' }]);
  const next = join();
  respond(1, 200, 'two');
  expect(await next).toBe('two');
});

it('lets any caller disconnect, and ends the call only with the last one', async () => {
  const { join, dropped } = createFlights();
  const caller = new AbortController();
  const [canceled, hurried, patient] = [join(1_000, caller.signal), join(200), join(500)];
  caller.abort();
  expect(await canceled).toMatchObject({ fault: 'cancelled' });
  await vi.advanceTimersByTimeAsync(200);
  expect(await hurried).toMatchObject({ fault: 'timeout' });
  expect(dropped()).toBe(0);
  await vi.advanceTimersByTimeAsync(300);
  expect(await patient).toMatchObject({ fault: 'timeout' });
  expect(dropped()).toBe(1);
  await vi.advanceTimersByTimeAsync(500);
  expect(vi.getTimerCount()).toBe(0);
});

it('sends a new call for a caller that arrives after the last one left, and never returns the old response', async () => {
  const { join, calls, respond } = createFlights();
  const caller = new AbortController();
  const first = join(1_000, caller.signal);
  caller.abort();
  expect(await first).toMatchObject({ fault: 'cancelled' });
  const second = join();
  expect(calls).toHaveLength(2);
  respond(0, 200, 'old');
  respond(1, 200, 'new');
  expect(await second).toBe('new');
});

it('sends nothing for a caller that has already disconnected', async () => {
  const { join, calls } = createFlights();
  expect(await join(1_000, AbortSignal.abort())).toMatchObject({ fault: 'cancelled' });
  expect(calls).toEqual([]);
});

it('rejects callers that cannot wait long enough at once, whether they wait already or join later', async () => {
  const { join, calls, respond } = createFlights();
  const [hurried, patient] = [join(300), join(1_500)];
  respond(0, 429, '', '1');
  expect(await hurried).toMatchObject({ fault: 'rate-limited', status: 429, retryAfterMs: 1_000 });
  await vi.advanceTimersByTimeAsync(100);
  expect(await join(899)).toMatchObject({ fault: 'rate-limited', retryAfterMs: 900 });
  const later = join(901);
  await vi.advanceTimersByTimeAsync(900);
  expect(calls).toHaveLength(2);
  respond(1, 200, 'one');
  expect(await Promise.all([patient, later])).toEqual(['one', 'one']);
});

it('accepts callers that join after a delay has ended', async () => {
  const { join, respond } = createFlights(8, 10_000);
  const first = join(1_500);
  respond(0, 429, '', '1');
  await vi.advanceTimersByTimeAsync(100);
  expect(await join(200)).toMatchObject({ fault: 'rate-limited' });
  await vi.advanceTimersByTimeAsync(900); // it is sent again
  const hurried = join(200);
  respond(1, 200, 'one');
  expect(await Promise.all([first, hurried])).toEqual(['one', 'one']);
});

it('does not join a call that has been in flight for as long as a read may last', async () => {
  const { join, calls, respond } = createFlights();
  void join(1_000);
  await vi.advanceTimersByTimeAsync(999);
  const joined = join();
  await vi.advanceTimersByTimeAsync(1);
  const fresh = join();
  expect(calls).toHaveLength(2);
  respond(1, 200, 'fresh');
  expect(await fresh).toBe('fresh');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await joined).toMatchObject({ fault: 'timeout' });
});

it('does not lose the new call when the stuck one ends: later callers join it', async () => {
  const { join, calls, respond, shared } = createFlights();
  void join(1_000);
  await vi.advanceTimersByTimeAsync(999);
  const last = join();
  await vi.advanceTimersByTimeAsync(1);
  const fresh = join();
  respond(0, 200, 'old');
  expect(await last).toBe('old');
  const joined = join();
  expect([calls.length, shared()]).toEqual([2, 2]);
  respond(1, 200, 'fresh');
  expect(await Promise.all([fresh, joined])).toEqual(['fresh', 'fresh']);
});

it('listens to a caller only while one of its reads is pending', async () => {
  const { join, respond } = createFlights();
  const callers = [new WatchedSignal(), new WatchedSignal(), new WatchedSignal()];
  const [resolved, hurried, canceled] = [join(1_000, callers[0]), join(200, callers[1]), join(500, callers[2])];
  expect(callers.map(({ listeners }) => listeners)).toEqual([1, 1, 1]);
  await vi.advanceTimersByTimeAsync(200);
  callers[2]?.abort();
  respond(0, 200, 'one');
  expect(await Promise.all([resolved, hurried, canceled])).toMatchObject([
    'one',
    { fault: 'timeout' },
    { fault: 'cancelled' },
  ]);
  expect(callers.map(({ listeners }) => listeners)).toEqual([0, 0, 0]);
});

it('does not send a call for callers whose deadline has passed but whose timer has not run', async () => {
  const { reads, join, calls, respond } = createFlights(1);
  const first = read(reads, { id: 'first' });
  const late = join(300);
  const now = performance.now();
  vi.spyOn(performance, 'now').mockReturnValue(now + 300);
  respond(0, 200, 'one');
  expect(await first).toBe('one');
  expect(await late).toMatchObject({ fault: 'timeout' });
  expect(calls).toHaveLength(1);
});

it('rejects all callers when it closes, including those of a stuck call, and all later ones', async () => {
  const { reads, join, dropped } = createFlights();
  const early = join();
  await vi.advanceTimersByTimeAsync(999);
  const stuck = join();
  await vi.advanceTimersByTimeAsync(1);
  const all = [stuck, join(), join()];
  expect(await early).toMatchObject({ fault: 'timeout' });
  await reads.close();
  expect(await Promise.all([...all, join()])).toMatchObject(Array(4).fill({ fault: 'cancelled' }));
  expect(dropped()).toBe(2);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(vi.getTimerCount()).toBe(0);
});

it('rejects all callers when it closes, even if the slot of one canceled call rejects another', async () => {
  const { reads } = createFlights(1);
  const start = (id: string) => read(reads, { id });
  const early = [start('a'), start('b')];
  await vi.advanceTimersByTimeAsync(900);
  const late = [start('c'), start('d')];
  // The process was busy: the deadlines of the first two have passed, and their timer has not run.
  const now = performance.now();
  vi.spyOn(performance, 'now').mockReturnValue(now + 150);
  await reads.close();
  for (const outcome of await Promise.all(early)) expect(outcome).toMatchObject({ fault: 'cancelled' });
  for (const outcome of await Promise.all(late)) expect(outcome).toMatchObject({ fault: 'cancelled' });
});

it('sends no queued read of a caller that disconnects, nor of a gateway that closes', async () => {
  for (const end of ['disconnect', 'close'] as const) {
    const { reads, calls } = createFlights(1);
    const caller = new AbortController();
    const cancellation = new Cancellation(caller.signal);
    const reader = { token: new Token('a'), timeoutMs: 1_000, freshness: 'shared', cancellation } as const;
    const all = ['a', 'b', 'c', 'd'].map((id) => reads.get(textRoute, id, reader).catch((error: unknown) => error));
    if (end === 'close') await reads.close();
    else caller.abort();
    expect(await Promise.all(all)).toMatchObject(Array(4).fill({ fault: 'cancelled' }));
    expect(calls.map(({ path }) => path)).toEqual(['/a']);
  }
});
