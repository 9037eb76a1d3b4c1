/**
 * Compares the gateway with its peers: `npm run bench`, or `npm run bench -- throughput --servers=raw,gateway --works=W1`
 * for a part of it. Servers take turns inside each round, and ratios are computed inside each round, because the machine
 * is never quiet. Only a whole run writes README.md and results.svg.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { chart } from './chart.ts';
import { bodyOf, latency, throughput } from './load.ts';
import { memory } from './memory.ts';
import { growth, type Operation, operations } from './operations.ts';
import { cores, cpuSeconds, has, type Server, startServer, startUpstream, stop, stopAll } from './processes.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    servers: { type: 'string', default: 'raw,mercurius,yoga,apollo,gateway' },
    works: { type: 'string', default: operations.map(({ name }) => name).join() },
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '9' },
  },
});
const parts = ['throughput', 'latency', 'growth', 'cores', 'memory'].filter(
  (part) => positionals.length === 0 || positionals.includes(part),
);
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const names = values.servers.split(',');
const lines: string[] = [];

const upstream = await startUpstream();
const report = {
  machine: `${availableParallelism()} x ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
  versions: `Node ${process.version}, upstream ${upstream.what}, load ${has('wrk') ? 'wrk' : 'autocannon'}`,
};
progress(`${report.machine}; ${report.versions}`);

/** So few that all reads of all callers, 100 for each, find room in the queue. */
const growthConnections = 8;

const medians = new Map<string, Map<string, number>>();
if (parts.includes('throughput')) await compareThroughput();
if (parts.includes('latency')) await compareLatency();
if (parts.includes('growth')) await measureGrowth();
if (parts.includes('cores')) await measureCores();
if (parts.includes('memory')) await measureMemory();
stopAll();

process.stdout.write(`\n${lines.join('\n')}\n`);
if (positionals.length === 0) {
  const readme = new URL('README.md', import.meta.url);
  const before = readFileSync(readme, 'utf8').split('<!-- results -->')[0];
  const head = `Measured on ${new Date().toISOString().slice(0, 10)}: ${report.machine}; ${report.versions}.`;
  writeFileSync(readme, `${before}<!-- results -->\n\n${head}\n\n![Throughput](results.svg)\n\n${lines.join('\n')}\n`);
  writeFileSync(new URL('results.svg', import.meta.url), chart(medians));
}
process.exit(0);

async function compareThroughput(): Promise<void> {
  const servers = await Promise.all(names.map((name) => startServer(name, upstream.origin)));
  title('Throughput', 'Requests a second on one core; ratios of the gateway to each server, median of the rounds.');
  row('work', 'server', 'median', 'spread', 'gateway to it', 'goal');
  row('---', '---', '--:', '--:', '--:', '--:');
  for (const operation of operations.filter(({ name }) => values.works.split(',').includes(name))) {
    await verify(servers, operation);
    for (const { url } of servers) await throughput(url, operation, 3); // warm up
    const results = new Map<string, number[]>(servers.map(({ name }) => [name, []]));
    for (let round = 1; round <= rounds; round++) {
      for (const { name, url } of servers) results.get(name)?.push(await throughput(url, operation, seconds));
      progress(
        `${operation.name} round ${round} of ${rounds}: ${[...results].map(([name, all]) => `${name} ${Math.round(all.at(-1) ?? 0)}`).join(', ')}`,
      );
    }
    medians.set(operation.name, new Map([...results].map(([name, all]) => [name, median(all)])));
    const ours = results.get('gateway');
    for (const [name, all] of results) {
      const ratio =
        ours === undefined ? Number.NaN : median(all.map((theirs, round) => (ours[round] ?? Number.NaN) / theirs));
      const goal = operation.goals[name];
      row(
        `${operation.name} ${operation.what}`,
        name,
        `${Math.round(median(all))}`,
        `${Math.round(Math.min(...all))} to ${Math.round(Math.max(...all))}`,
        ratio.toFixed(2),
        goal === undefined ? '' : `${goal} ${ratio >= goal ? 'met' : '**missed**'}`,
      );
    }
  }
  for (const server of servers) await stop(server);
}

async function compareLatency(): Promise<void> {
  const [operation] = operations as [Operation];
  const ours = await startServer('gateway', upstream.origin);
  const theirs = await startServer('mercurius', upstream.origin);
  await throughput(theirs.url, operation, 3);
  await throughput(ours.url, operation, 3);
  const most: number[] = [];
  for (let round = 0; round < 3; round++) most.push(await throughput(ours.url, operation, seconds));
  const rate = Math.floor(0.7 * median(most));
  const p99s: Record<string, number[]> = { gateway: [], mercurius: [] };
  for (let round = 1; round <= rounds; round++) {
    for (const server of [ours, theirs]) p99s[server.name]?.push(await latency(server.url, operation, rate, 4));
    progress(
      `latency round ${round} of ${rounds}: gateway ${p99s['gateway']?.at(-1)} ms, mercurius ${p99s['mercurius']?.at(-1)} ms`,
    );
  }
  const [g = [], m = []] = [p99s['gateway'], p99s['mercurius']];
  const ratio = median(g.map((own, round) => own / (m[round] ?? Number.NaN)));
  title('Latency', `p99 of W1 at ${rate} requests a second, 70 % of the gateway's own most.`);
  row('server', 'p99 (ms), median', 'spread', 'gateway to it', 'goal');
  row('---', '--:', '--:', '--:', '--:');
  row('gateway', median(g).toFixed(1), `${Math.min(...g)} to ${Math.max(...g)}`, '', '');
  row(
    'mercurius',
    median(m).toFixed(1),
    `${Math.min(...m)} to ${Math.max(...m)}`,
    ratio.toFixed(2),
    `at most 1 ${ratio <= 1 ? 'met' : '**missed**'}`,
  );
  await stop(ours);
  await stop(theirs);
}

async function measureGrowth(): Promise<void> {
  const server = await startServer('gateway', upstream.origin);
  const perMessage = new Map<Operation, number[]>(growth.map((operation) => [operation, []]));
  for (const operation of growth) await throughput(server.url, operation, 3, growthConnections);
  for (let round = 1; round <= rounds; round++) {
    for (const [operation, all] of perMessage) {
      const before = cpuSeconds(server.pid);
      const rate = await throughput(server.url, operation, seconds, growthConnections);
      all.push(((cpuSeconds(server.pid) - before) * 1e6) / (rate * seconds * operation.idVariables.length));
    }
    progress(`growth round ${round} of ${rounds}`);
  }
  const [one = [], ten = [], hundred = []] = [...perMessage.values()];
  const ratio = (to: number[], from: number[]) => median(to.map((value, round) => value / (from[round] ?? Number.NaN)));
  title('Growth', "The gateway's CPU time for each message, by the number of messages in one operation.");
  row('messages', 'µs for each, median', 'to the row above', 'goal');
  row('--:', '--:', '--:', '--:');
  row('1', median(one).toFixed(1), '', '');
  row(
    '10',
    median(ten).toFixed(1),
    ratio(ten, one).toFixed(2),
    `at most 1.1 ${ratio(ten, one) <= 1.1 ? 'met' : '**missed**'}`,
  );
  row(
    '100',
    median(hundred).toFixed(1),
    ratio(hundred, ten).toFixed(2),
    `at most 1.15 ${ratio(hundred, ten) <= 1.15 ? 'met' : '**missed**'}`,
  );
  await stop(server);
}

/** Load and upstream need a core as well, so what is compared is work for each second of CPU time that the servers used. */
async function measureCores(): Promise<void> {
  const [operation] = operations as [Operation];
  const one = await startServer('gateway', upstream.origin, { core: cores.both });
  const two = await startServer('gateway', upstream.origin, { core: cores.both, env: { WORKERS: '2' } });
  const perSecond = async (server: Server): Promise<number> => {
    const before = cpuSeconds(server.pid);
    const rate = await throughput(server.url, operation, seconds, 64, cores.both);
    return (rate * seconds) / (cpuSeconds(server.pid) - before);
  };
  const ratios: number[] = [];
  for (const server of [one, two]) await throughput(server.url, operation, 4, 64, cores.both);
  for (let round = 1; round <= rounds; round++) {
    const single = await perSecond(one);
    ratios.push((2 * (await perSecond(two))) / single);
    progress(`cores round ${round} of ${rounds}: ${ratios.at(-1)?.toFixed(2)}`);
  }
  title(
    'Cores',
    'W1, two workers to one: requests for each second of CPU time, times two. Load and upstream share both cores.',
  );
  row('median', 'spread', 'goal');
  row('--:', '--:', '--:');
  row(
    median(ratios).toFixed(2),
    `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
    `1.8 ${median(ratios) >= 1.8 ? 'met' : '**missed**'}`,
  );
  await stop(one);
  await stop(two);
}

async function measureMemory(): Promise<void> {
  title('Memory', "The gateway's anonymous memory after a full collection, above that before the first client.");
  row('2,000 clients', 'kB for each', 'half of them', 'afterwards, of all', 'goal');
  row('---', '--:', '--:', '--:', '--:');
  for (const [what, goal] of [
    ['idle', 20],
    ['waiting', 60],
  ] as const) {
    progress(`memory: ${what}`);
    const { all, half, after } = await memory(what);
    row(
      what,
      all.toFixed(1),
      half.toFixed(1),
      after.toFixed(1),
      `at most ${goal} ${all <= goal ? 'met' : '**missed**'}`,
    );
  }
}

/** Every server must give the answer that the first one gives. */
async function verify(servers: readonly Server[], operation: Operation): Promise<void> {
  const body = bodyOf(operation);
  const answers = await Promise.all(
    servers.map(async ({ name, url }) => {
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      const text = await response.text();
      return { name, canonical: JSON.stringify(sorted(JSON.parse(text))), text };
    }),
  );
  const [first] = answers;
  const other = answers.find(({ canonical }) => canonical !== first?.canonical);
  if (first === undefined || first.text.includes('"errors"') || other !== undefined) {
    throw new Error(
      `${operation.name}: ${first?.name} and ${other?.name} differ:\n${first?.text.slice(0, 2_000)}\n${other?.text.slice(0, 2_000)}`,
    );
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, item]) => [name, sorted(item)]),
  );
}

function median(numbers: readonly number[]): number {
  const ordered = numbers.toSorted((a, b) => a - b);
  const middle = ordered.length >> 1;
  return ordered.length % 2 === 1
    ? (ordered[middle] ?? Number.NaN)
    : ((ordered[middle - 1] ?? 0) + (ordered[middle] ?? 0)) / 2;
}

function title(name: string, what: string): void {
  lines.push('', `## ${name}`, '', what, '');
}

function row(...cells: string[]): void {
  lines.push(`| ${cells.join(' | ')} |`);
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
