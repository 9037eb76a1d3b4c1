import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { linesOf, outcomeOf, start } from './support/process.ts';
import { startUpstream } from './support/upstream.ts';

const query = '{ chatMessage(chatId: 1, id: 224) { text } }';

const pollMs = 50;

/** The value of a series of Prometheus' text format. */
const sampleOf = (text: string, series: string) => Number(text.split(`\n${series} `)[1]?.split('\n', 1)[0]);

/** By name and labels, the series of counters and histograms. */
function countersOf(text: string): Map<string, number> {
  const names = [...text.matchAll(/^# TYPE (\S+) (?:counter|histogram)$/gm)].map(([, name = '']) => name);
  const series = [...text.matchAll(/^(\w+?)((?:_bucket|_sum|_count)?(?:\{.*\})?) (\S+)$/gm)];
  return new Map(
    series.flatMap(([, name = '', rest, value]) => (names.includes(name) ? [[name + rest, Number(value)]] : [])),
  );
}

describe('with WORKERS', { timeout: 120_000 }, () => {
  /** On a new connection each time, so that workers take turns. */
  const readOnce = async (url: string, text = query) =>
    (await fetch(`${url}?query=${encodeURIComponent(text)}`, { headers: { connection: 'close' } })).json();

  it('responds from several processes, sums their metrics, replaces one that exits, and finishes requests before it stops', async () => {
    const asked: (() => void)[] = [];
    await using upstream = await startUpstream((response, _request, id) => {
      const answer = () => response.end(`{"data":{"id":${id},"text":"read"}}`);
      if (id === '7') asked.push(answer);
      else answer();
    });
    const server = start({ LINQ_API_URL: upstream.origin, LINQ_INTEGRATION_TOKEN: 'secret', WORKERS: '2' });
    const lines = linesOf(server);
    const url = String((await lines('listening'))['url']);
    const metrics = async () => (await fetch(new URL('/metrics', url), { headers: { connection: 'close' } })).text();
    for (let turn = 0; turn < 6; turn++)
      expect(await readOnce(url)).toEqual({ data: { chatMessage: { text: 'read' } } });
    let text = await metrics();
    const valueAt = (name: string) => sampleOf(text, name);
    // Until both have started.
    while (!(valueAt('linq_breaker_state{state="closed"}') >= 2)) {
      await setTimeout(pollMs);
      text = await metrics();
    }
    expect(valueAt('graphql_operations_total{executor="interpreted"}')).toBe(6);
    expect(valueAt('graphql_request_duration_seconds_count{outcome="ok"}')).toBe(6);
    expect(valueAt('graphql_request_duration_seconds_bucket{le="+Inf",outcome="ok"}')).toBe(6);
    expect(valueAt('graphql_request_errors_total{code="FORBIDDEN"}')).toBe(0);
    expect(valueAt('linq_breaker_state{state="closed"}')).toBe(2);
    expect(valueAt('linq_breaker_state{state="open"}')).toBe(0);
    expect(valueAt('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);

    const { pid } = await lines('worker started');
    process.kill(Number(pid), 'SIGKILL');
    expect(await lines('worker exited')).toMatchObject({ signal: 'SIGKILL', restartInMs: 100 });
    expect(await readOnce(url)).toEqual({ data: { chatMessage: { text: 'read' } } });
    await lines('worker started', 3);

    const late = readOnce(url, '{ chatMessage(chatId: 1, id: 7) { text } }');
    while (asked.length === 0) await setTimeout(1);
    server.kill('SIGTERM');
    await lines('stopping');
    asked[0]?.();
    expect(await late).toEqual({ data: { chatMessage: { text: 'read' } } });
    expect(await outcomeOf(server)).toEqual({ code: 0, errors: '' });
  });

  // The intervals of scrapes are short enough for many before the worker is replaced: at once, or after ten seconds.
  it.each([
    ['SIGKILL', 50],
    ['SIGSTOP', 200],
  ] as const)(
    'replaces a worker after %s; no counter of /metrics ever goes down, and no scrape takes a second',
    async (signal, scrapeIntervalMs) => {
      await using upstream = await startUpstream((response, _request, id) =>
        response.end(`{"data":{"id":${id},"text":"read"}}`),
      );
      const server = start({ LINQ_API_URL: upstream.origin, LINQ_INTEGRATION_TOKEN: 'secret', WORKERS: '2' });
      const lines = linesOf(server);
      const outcome = outcomeOf(server);
      const url = String((await lines('listening'))['url']);
      const scrape = async (agent: Agent) => {
        const startedAt = performance.now();
        const [response] = await once(request(new URL('/metrics', url), { agent }).end(), 'response');
        let text = '';
        for await (const chunk of response) text += chunk;
        expect(response.statusCode).toBe(200);
        return { text, durationMs: performance.now() - startedAt };
      };
      // Until both have started, and take turns with new connections.
      while (!(sampleOf((await scrape(new Agent())).text, 'linq_breaker_state{state="closed"}') >= 2))
        await setTimeout(pollMs);
      const agents = [new Agent({ keepAlive: true, maxSockets: 1 }), new Agent({ keepAlive: true, maxSockets: 1 })];
      for (const agent of agents) await scrape(agent);
      for (let turn = 0; turn < 20; turn++) await readOnce(url);
      const before = await scrape(new Agent());
      expect(sampleOf(before.text, 'graphql_request_duration_seconds_count{outcome="ok"}')).toBe(20);

      const { pid } = await lines('worker started');
      process.kill(Number(pid), signal);
      if (signal === 'SIGKILL') await lines('worker exited');
      const replaced = lines('worker started', 3);
      let isReplaced = false;
      void replaced.then(() => {
        isReplaced = true;
      });
      onTestFinished(() => {
        // A stopped process does not notice that its primary has ended.
        if (signal === 'SIGSTOP' && !isReplaced) process.kill(Number(pid), 'SIGKILL');
      });
      // The connection of one of the two leads to the other worker.
      const agent = await Promise.any(agents.map((agent) => scrape(agent).then(() => agent)));
      let counters = countersOf(before.text);
      for (let isLast = false; !isLast; ) {
        isLast = isReplaced;
        const { text, durationMs } = await scrape(agent);
        expect(durationMs).toBeLessThan(1_000);
        const later = countersOf(text);
        expect([...counters].filter(([name, value]) => !((later.get(name) ?? -1) >= value))).toEqual([]);
        counters = later;
        await setTimeout(scrapeIntervalMs);
      }
      expect(await lines('worker exited')).toMatchObject({ pid, signal: 'SIGKILL' });
      if (signal === 'SIGSTOP') expect(await lines('worker hung')).toMatchObject({ level: 50, pid });
      for (const agent of agents) agent.destroy();
      server.kill();
      expect(await outcome).toEqual({ code: 0, errors: '' });
    },
  );
});
