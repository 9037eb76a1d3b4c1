import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Interest, type Reader, SingleFlight } from '../../../src/datasources/reads/single-flight.ts';
import { Token } from '../../../src/datasources/token.ts';
import { UpstreamError } from '../../../src/datasources/upstream-error.ts';
import { WatchedStop } from '../watched-stop.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

const key = { token: new Token('a').digest, resource: '/1' };

function createFlights() {
  let shared = 0;
  const flights = new SingleFlight<string>(1_000, () => shared++);
  const work: (PromiseWithResolvers<string> & { interest: Interest })[] = [];
  const start = (interest: Interest) => {
    const outcome = Promise.withResolvers<string>();
    interest.signal.addEventListener('abort', () => outcome.reject(interest.signal.reason));
    work.push({ ...outcome, interest });
    return outcome.promise;
  };
  const join = (timeoutMs = 1_000, caller: Reader['caller'] = new AbortController().signal) =>
    flights.join(key, { timeoutMs, caller }, start).catch((error: UpstreamError) => error);
  return { flights, join, work, shared: () => shared };
}

it('shares one piece of work, and its success, among identical reads; the next starts anew', async () => {
  const { join, work, shared } = createFlights();
  const reads = [join(), join(), join()];
  work[0]?.resolve('one');
  expect(await Promise.all(reads)).toEqual(['one', 'one', 'one']);
  expect([work.length, shared()]).toEqual([1, 2]);
  void join();
  expect(work).toHaveLength(2);
  expect(vi.getTimerCount()).toBe(1);
});

it('shares a failure and does not keep it', async () => {
  const { join, work } = createFlights();
  const reads = [join(), join()];
  work[0]?.reject(new UpstreamError('unavailable'));
  expect(await Promise.all(reads)).toMatchObject([{ fault: 'unavailable' }, { fault: 'unavailable' }]);
  void join();
  work[1]?.resolve('two');
  expect(await join()).toBe('two');
});

it('lets anyone leave, and ends the work with the last reader alone', async () => {
  const { join, work } = createFlights();
  const caller = new AbortController();
  const [leaver, hurried, patient] = [join(1_000, caller.signal), join(200), join(500)];
  caller.abort();
  expect(await leaver).toMatchObject({ fault: 'cancelled' });
  await vi.advanceTimersByTimeAsync(200);
  expect(await hurried).toMatchObject({ fault: 'timeout' });
  expect(work[0]?.interest.signal.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(300);
  expect(await patient).toMatchObject({ fault: 'timeout' });
  expect(work[0]?.interest.signal.reason).toMatchObject({ fault: 'timeout' });
  expect(vi.getTimerCount()).toBe(0);
});

it('starts anew for a reader who comes after the last one left, before the old work has ended', async () => {
  const { flights, work } = createFlights();
  const stubborn = () => {
    const outcome = Promise.withResolvers<string>();
    work.push({ ...outcome, interest: null as never });
    return outcome.promise;
  };
  const caller = new AbortController();
  const first = flights.join(key, { timeoutMs: 1_000, caller: caller.signal }, stubborn);
  caller.abort();
  await expect(first).rejects.toMatchObject({ fault: 'cancelled' });
  const second = flights.join(key, { timeoutMs: 1_000, caller: new AbortController().signal }, stubborn);
  work[0]?.resolve('old');
  work[1]?.resolve('new');
  expect(await second).toBe('new');
  expect(vi.getTimerCount()).toBe(0);
});

it('costs nothing for a caller who is gone already', async () => {
  const { join, work } = createFlights();
  expect(await join(1_000, AbortSignal.abort())).toMatchObject({ fault: 'cancelled' });
  expect(work).toEqual([]);
});

it('answers at once who cannot wait as long as is needed, whether here or joining later', async () => {
  const { join, work } = createFlights();
  const [hurried, patient] = [join(300), join(1_000)];
  work[0]?.interest.postpone(500, new UpstreamError('rate-limited', { status: 429 }));
  expect(await hurried).toMatchObject({ fault: 'rate-limited', status: 429, retryAfterMs: 500 });
  await vi.advanceTimersByTimeAsync(100);
  expect(await join(399)).toMatchObject({ fault: 'rate-limited', retryAfterMs: 400 });
  const later = join(401);
  work[0]?.resolve('one');
  expect(await Promise.all([patient, later])).toEqual(['one', 'one']);
});

it('does not join work that has been stuck for as long as a read may last', async () => {
  const { join, work } = createFlights();
  void join(1_000);
  await vi.advanceTimersByTimeAsync(999);
  const joined = join();
  await vi.advanceTimersByTimeAsync(1);
  const fresh = join();
  expect(work).toHaveLength(2);
  work[1]?.resolve('fresh');
  expect(await fresh).toBe('fresh');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await joined).toMatchObject({ fault: 'timeout' });
});

it('does not lose the fresh work when the stuck one ends: later readers join it', async () => {
  const { join, work, shared } = createFlights();
  void join(1_000);
  await vi.advanceTimersByTimeAsync(999);
  const last = join();
  await vi.advanceTimersByTimeAsync(1);
  const fresh = join();
  work[0]?.resolve('old');
  expect(await last).toBe('old');
  const joined = join();
  expect([work.length, shared()]).toEqual([2, 2]);
  work[1]?.resolve('fresh');
  expect(await Promise.all([fresh, joined])).toEqual(['fresh', 'fresh']);
});

it('listens to a caller no longer than the caller waits', async () => {
  const { join, work } = createFlights();
  const callers = [new WatchedStop(), new WatchedStop(), new WatchedStop()];
  const [answered, hurried, postponed] = [join(1_000, callers[0]), join(200, callers[1]), join(500, callers[2])];
  await vi.advanceTimersByTimeAsync(200);
  work[0]?.interest.postpone(400, new UpstreamError('rate-limited'));
  work[0]?.resolve('one');
  expect(await Promise.all([answered, hurried, postponed])).toMatchObject([
    'one',
    { fault: 'timeout' },
    { fault: 'rate-limited' },
  ]);
  expect(callers.map(({ added, removed }) => [added, removed])).toEqual(Array(3).fill([1, 1]));
});

it('answers who joins when the wait is over, whatever was announced before it', async () => {
  const { join, work } = createFlights();
  const first = join(1_000);
  work[0]?.interest.postpone(900, new UpstreamError('rate-limited'));
  await vi.advanceTimersByTimeAsync(100);
  expect(await join(200)).toMatchObject({ fault: 'rate-limited' });
  work[0]?.interest.ensureWanted(); // its turn has come early: those before it have left
  const hurried = join(200);
  work[0]?.resolve('one');
  expect(await Promise.all([first, hurried])).toEqual(['one', 'one']);
});

it('does not start an attempt for readers whose time is up but whose timer has not run', async () => {
  const { join, work } = createFlights();
  const late = join(300);
  const interest = work[0]?.interest;
  vi.setSystemTime(0);
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 300);
  expect(() => interest?.ensureWanted()).toThrow(expect.objectContaining({ fault: 'timeout' }));
  expect(await late).toMatchObject({ fault: 'timeout' });
  vi.restoreAllMocks();
});

it('answers everybody when it closes, those of a stuck flight too, and whoever comes later', async () => {
  const { flights, join, work } = createFlights();
  const early = join();
  await vi.advanceTimersByTimeAsync(999);
  const stuck = join();
  await vi.advanceTimersByTimeAsync(1);
  const reads = [stuck, join(), join()];
  expect(await early).toMatchObject({ fault: 'timeout' });
  flights.close();
  expect(await Promise.all([...reads, join()])).toMatchObject(Array(4).fill({ fault: 'cancelled' }));
  expect(work.map(({ interest }) => interest.signal.aborted)).toEqual([true, true]);
  expect(vi.getTimerCount()).toBe(0);
});
