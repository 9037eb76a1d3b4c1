import { expect, it } from 'vitest';
import { Callers, pause } from './support/callers.ts';
import { type Linq, startBalancer, startLinq, startRedis, startReplica } from './support/fleet.ts';

const perSecond = 200;
const callerCount = 2_000;

/** Three replicas on this machine, a load balancer in front of them, one Redis and 2,000 callers who never pause. */
async function startFleet() {
  await using stack = new AsyncDisposableStack();
  const linq = stack.use(await startLinq());
  const redis = stack.use(await startRedis());
  const env = {
    LINQ_API_URL: linq.origin,
    LINQ_INTEGRATION_TOKEN: 'token',
    LINQ_REQUESTS_PER_SECOND: `${perSecond}`,
    LINQ_TIMEOUT_MS: '60000', // all of them wait in line, some ten seconds
    LINQ_MAX_QUEUE: `${callerCount}`,
    REDIS_URL: redis.url,
  };
  const replicas = await Promise.all(Array.from({ length: 3 }, () => startReplica(env)));
  for (const replica of replicas) stack.use(replica);
  const balancer = stack.use(await startBalancer(replicas));
  const callers = stack.use(new Callers(callerCount, balancer.origin));
  await steady(linq);
  const all = stack.move();
  return { linq, redis, replicas, callers, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Resolves when the first burst, and what the machine held up meanwhile, are over: a second at the rate and no more. */
async function steady(linq: Linq): Promise<void> {
  for (;;) {
    await pause(250);
    const now = performance.now();
    const lately = linq.calls.filter(({ at }) => at >= now - 1_000).length / perSecond;
    if (linq.calls.length > 3 * perSecond && lately > 0.9 && lately < 1.05) return;
  }
}

interface Phase {
  readonly name: string;
  readonly seconds: number;
  readonly happens?: () => unknown;
}

/**
 * Over all phases together the rate is kept within 5 %. They are to last for 22 seconds or more: then that is more than a
 * burst, one second's worth, which a replica that the machine has held up may rightly make good for.
 */
async function expectRateKept(linq: Linq, phases: readonly Phase[]): Promise<void> {
  const startedAt = performance.now();
  const rateSince = (from: number) => {
    const to = performance.now();
    return (linq.calls.filter(({ at }) => at >= from && at < to).length * 1_000) / ((to - from) * perSecond);
  };
  const rates: [string, number][] = [];
  for (const { name, seconds, happens } of phases) {
    const from = performance.now();
    await happens?.();
    await pause(from + seconds * 1_000 - performance.now());
    rates.push([name, rateSince(from)]);
  }
  const whole = rateSince(startedAt);
  process.stdout.write(`calls of Linq, 1 is LINQ_REQUESTS_PER_SECOND: ${whole.toFixed(3)}, of which\n`);
  for (const [name, rate] of rates) process.stdout.write(`  ${name}: ${rate.toFixed(3)}\n`);
  expect(whole).toBeGreaterThan(0.95);
  expect(whole).toBeLessThan(1.05);
}

/** Every answer was the message asked for, or an error that tells the caller to come again; none was lost. */
function expectServed({ right, wrong, failed, reasons, codes }: Callers): void {
  process.stdout.write(`answers: ${right} right, ${wrong} wrong, ${failed} none; ${JSON.stringify([...codes])}\n`);
  expect({ wrong, failed, reasons: [...reasons] }).toEqual({ wrong: 0, failed: 0, reasons: [] });
  expect(['UPSTREAM_RATE_LIMITED', 'OVERLOADED']).toEqual(expect.arrayContaining([...codes.keys()]));
  expect(right).toBeGreaterThan(callerCount);
}

it('three replicas together keep LINQ_REQUESTS_PER_SECOND, and so do the other two when one is killed', async () => {
  await using fleet = await startFleet();
  const { linq, replicas, callers } = fleet;
  await expectRateKept(linq, [
    { name: 'all three', seconds: 10 },
    { name: 'one killed', seconds: 12, happens: () => replicas[2]?.kill() },
  ]);
  expectServed(callers);
});

it('replicas keep LINQ_REQUESTS_PER_SECOND while Redis is killed, restarted, suspended and resumed', async () => {
  await using fleet = await startFleet();
  const { linq, redis, replicas, callers } = fleet;
  await expectRateKept(linq, [
    { name: 'Redis killed', seconds: 6, happens: () => redis.kill() },
    { name: 'started again', seconds: 6, happens: () => redis.start() },
    { name: 'stopped', seconds: 5, happens: () => redis.signal('SIGSTOP') },
    { name: 'continued', seconds: 6, happens: () => redis.signal('SIGCONT') },
  ]);
  expectServed(callers);
  for (const { output } of replicas) {
    expect(output.match(/"level":40.*Redis disconnected/g)?.length).toBeGreaterThanOrEqual(2);
    expect(output.match(/"level":30.*Redis connected/g)?.length).toBeGreaterThanOrEqual(3);
  }
});
