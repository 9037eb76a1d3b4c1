/**
 * Compares the gateway with its peers: `npm run bench`, or a part of it. README.md here explains what and how. Only a run
 * without arguments writes README.md and results.svg.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chart } from './chart.ts';
import { latency, throughput } from './load.ts';
import { memory } from './memory.ts';
import { growth, type Operation, operations } from './operations.ts';
import { cores, cpuSeconds, has, type Server, startServer, startUpstream, stop, stopAll } from './processes.ts';
import {
  chatCount,
  type Delivery,
  perSecond,
  type Stalled,
  stalledEvents,
  startStreams,
  streamCount,
} from './streams.ts';
import { tailcallCommand } from './tailcall.ts';
import { type Verified, verify } from './verify.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    servers: { type: 'string', default: 'raw,mercurius,tailcall,yoga,apollo,gateway' },
    against: { type: 'string' },
    works: { type: 'string', default: operations.map(({ name }) => name).join() },
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
  },
});
const allParts = ['throughput', 'latency', 'growth', 'cores', 'memory', 'streams'];
const unknown = [
  ...positionals.filter((part) => !allParts.includes(part)),
  ...values.works.split(',').filter((work) => !operations.some(({ name }) => name === work)),
];
if (unknown.length > 0) throw new Error(`there is no part or work named ${unknown.join(', ')}`);
const parts = allParts.filter((part) => positionals.length === 0 || positionals.includes(part));
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const checkout = values.against === undefined ? undefined : resolve(values.against);
const names = [...values.servers.split(','), ...(checkout === undefined ? [] : ['against'])].filter(
  (name) => name !== 'tailcall' || tailcallCommand.length > 0,
);
const lines: string[] = [];
const goals = { met: 0, missed: 0 };

const upstream = await startUpstream();
const report = {
  machine: `${cpus().length} x ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
  versions: `Node ${process.version}, upstream ${upstream.what}, load ${has('wrk') ? 'wrk' : 'autocannon'}, ${peerVersions()}`,
};
progress(`${report.machine}; ${report.versions}`);
if (tailcallCommand.length === 0) lines.push('', 'Tailcall is left out: its binary does not run on this system.');

/** Few: a load counts the CPU time, but not the messages, of the operations in flight when it ends. */
const growthConnections = 4;

const medians = new Map<string, Map<string, number>>();
if (parts.includes('throughput')) await compareThroughput();
if (parts.includes('latency')) await compareLatency();
if (parts.includes('growth')) await measureGrowth();
if (parts.includes('cores')) await measureCores();
if (parts.includes('memory')) await measureMemory();
if (parts.includes('streams')) await measureStreams();
stopAll();

lines.push('', `Goals: ${goals.met} met, ${goals.missed} missed.`);
process.stdout.write(`\n${lines.join('\n')}\n`);
if (process.argv.length === 2) {
  const readme = new URL('README.md', import.meta.url);
  const [before = '', , after = ''] = readFileSync(readme, 'utf8').split(
    /(<!-- results -->[\s\S]*<!-- end of results -->)/,
  );
  const head = `Measured on ${new Date().toISOString().slice(0, 10)}: ${report.machine}; ${report.versions}.`;
  const results = `<!-- results -->\n\n${head}\n\n![Throughput](results.svg)\n${lines.join('\n')}\n\n<!-- end of results -->`;
  writeFileSync(readme, `${before}${results}${after}`);
  writeFileSync(new URL('results.svg', import.meta.url), chart(medians));
}
process.exit(0);

async function startAll(): Promise<Server[]> {
  return Promise.all(names.map((name) => startServer(name, upstream.origin, { checkout })));
}

/** Of the servers that support the operation, by their names. */
async function verifyAll(servers: readonly Server[], operation: Operation): Promise<Map<string, Verified>> {
  const verified = await Promise.all(servers.map((server) => verify(server, operation)));
  return new Map(verified.flatMap((target) => (target === undefined ? [] : [[target.server.name, target]])));
}

async function verifyOne(server: Server, operation: Operation): Promise<Verified> {
  const target = await verify(server, operation);
  if (target === undefined) throw new Error(`${server.name} does not support ${operation.name}`);
  return target;
}

async function compareThroughput(): Promise<void> {
  const servers = await startAll();
  title(
    'Throughput',
    'Requests per second on one core. Ratio: the gateway to the server, computed in each round; medians of the rounds.',
  );
  row('work', 'server', 'median', 'spread', 'ratio', 'goal');
  row('---', '---', '--:', '--:', '--:', '---');
  for (const operation of operations.filter(({ name }) => values.works.split(',').includes(name))) {
    const targets = await verifyAll(servers, operation);
    for (const target of targets.values()) await throughput(target, 3); // warm up
    const results = new Map<string, number[]>(names.map((name) => [name, []]));
    for (let round = 1; round <= rounds; round++) {
      for (const [name, target] of targets) results.get(name)?.push((await throughput(target, seconds)).perSecond);
      progress(
        `${operation.name} round ${round} of ${rounds}: ${[...results].map(([name, all]) => `${name} ${Math.round(all.at(-1) ?? Number.NaN)}`).join(', ')}`,
      );
    }
    medians.set(operation.name, new Map([...results].map(([name, all]) => [name, median(all)])));
    const ours = results.get('gateway') ?? [];
    for (const [name, all] of results) {
      const work = `${operation.name} ${operation.what}`;
      const ratio = ratioOf(ours, all);
      row(
        work,
        name,
        ...spread(all, 0),
        number(ratio),
        name === 'gateway' ? '' : atLeast(operation.goals[name], ratio),
      );
    }
  }
  for (const server of servers) await stop(server);
}

async function compareLatency(): Promise<void> {
  const [operation] = operations as [Operation];
  const targets: Verified[] = [];
  for (const name of ['gateway', 'mercurius', ...(checkout === undefined ? [] : ['against'])]) {
    const target = await verifyOne(await startServer(name, upstream.origin, { checkout }), operation);
    await throughput(target, 3); // warm up
    targets.push(target);
  }
  const [ours] = targets as [Verified];
  const maximum: number[] = [];
  for (let round = 0; round < 3; round++) maximum.push((await throughput(ours, seconds)).perSecond);
  const rate = Math.floor(0.7 * median(maximum));
  const results = targets.map(({ server: { name } }) => ({ name, p99: [] as number[], reached: [] as number[] }));
  for (let round = 1; round <= rounds; round++) {
    for (const [index, target] of targets.entries()) {
      const { p99, reached } = await latency(target, rate, 4);
      results[index]?.p99.push(p99);
      results[index]?.reached.push(reached);
    }
    progress(
      `latency round ${round} of ${rounds}: ${results.map(({ name, p99 }) => `${name} ${p99.at(-1)} ms`).join(', ')}`,
    );
  }
  title('Latency', `p99 of W1 in ms at ${rate} requests per second, 70 % of the gateway's maximum.`);
  row('server', 'median', 'spread', 'reached (req/s)', 'gateway to it', 'goal');
  row('---', '--:', '--:', '--:', '--:', '---');
  for (const { name, p99, reached } of results) {
    const ratio = ratioOf(results[0]?.p99 ?? [], p99);
    const cells = [name, ...spread(p99, 0), median(reached).toFixed(0), number(ratio)];
    row(...cells, name === 'mercurius' ? atMost(1, ratio) : '');
  }
  for (const { server } of targets) await stop(server);
}

async function measureGrowth(): Promise<void> {
  const servers = await startAll();
  title(
    'Growth',
    'CPU time for each message in µs, by the number of messages in one operation; medians. Ratio: the gateway to its row above.',
  );
  row('messages', ...names, 'ratio', 'goal');
  row('---', ...names.map(() => '--:'), '--:', '---');
  for (const sizes of Object.values(growth)) {
    const works = new Map<Operation, { targets: Map<string, Verified>; results: Map<string, number[]> }>();
    for (const operation of sizes) {
      const targets = await verifyAll(servers, operation);
      for (const target of targets.values()) await throughput(target, 2, growthConnections); // warm up
      works.set(operation, { targets, results: new Map(names.map((name) => [name, []])) });
    }
    for (let round = 1; round <= rounds; round++) {
      for (const { targets, results } of works.values()) {
        for (const [name, target] of targets) {
          const before = cpuSeconds(target.server.pid);
          const { requests } = await throughput(target, seconds, growthConnections);
          const used = cpuSeconds(target.server.pid) - before;
          results.get(name)?.push((used * 1e6) / (requests * target.operation.messages));
        }
      }
      progress(`growth round ${round} of ${rounds}: ${sizes.map(({ what }) => what).join(', ')}`);
    }
    let above: number[] | undefined;
    for (const [{ what }, { results }] of works) {
      const ours = results.get('gateway') ?? [];
      const ratio = above === undefined ? Number.NaN : ratioOf(ours, above);
      const cells = [what, ...[...results.values()].map((all) => number(median(all))), number(ratio)];
      row(...cells, above === undefined ? '' : atMost(1, ratio));
      above = ours;
    }
  }
  for (const server of servers) await stop(server);
}

/** Load and upstream also need CPU time, so this compares requests per second of CPU time that the gateway used. */
async function measureCores(): Promise<void> {
  const [operation] = operations as [Operation];
  const start = async (env: Record<string, string>) =>
    verifyOne(await startServer('gateway', upstream.origin, { core: cores.both, env }), operation);
  const one = await start({});
  const two = await start({ WORKERS: '2' });
  const perSecond = async (target: Verified): Promise<number> => {
    const before = cpuSeconds(target.server.pid);
    const { requests } = await throughput(target, seconds, 64, cores.both);
    return requests / (cpuSeconds(target.server.pid) - before);
  };
  const ratios: number[] = [];
  for (const target of [one, two]) await throughput(target, 4, 64, cores.both); // warm up
  for (let round = 1; round <= rounds; round++) {
    const single = await perSecond(one);
    ratios.push((2 * (await perSecond(two))) / single);
    progress(`cores round ${round} of ${rounds}: ${ratios.at(-1)?.toFixed(2)}`);
  }
  title(
    'Cores',
    'W1, two workers to one: requests per second of CPU time, times two. Load and upstream share both cores.',
  );
  row('median', 'spread', 'goal');
  row('--:', '--:', '---');
  row(...spread(ratios, 2), atLeast(1.8, median(ratios)));
  for (const { server } of [one, two]) await stop(server);
}

async function measureMemory(): Promise<void> {
  title(
    'Memory',
    'Anonymous memory of the gateway after a full collection, above the base, the memory before the first client.',
  );
  row('2,000 clients', 'kB each', 'goal', 'kB each, half of them', 'left, to the base', 'left again, to left', 'goal');
  row('---', '--:', '---', '--:', '--:', '--:', '---');
  for (const [what, goal] of [
    ['idle', 10],
    ['waiting', 25],
  ] as const) {
    progress(`memory: ${what}`);
    const { all, half, left, leftAgain } = await memory(what);
    row(what, number(all), atMost(goal, all), number(half), number(left), number(leftAgain), atMost(1.05, leftAgain));
  }
}

async function measureStreams(): Promise<void> {
  const streams = await startStreams(upstream.origin, 1);
  const quiet: Delivery[] = [];
  const stalled: Stalled[] = [];
  for (let round = 1; round <= Math.min(rounds, 3); round++) {
    quiet.push(await streams.deliver(stalledEvents));
    stalled.push(await streams.deliverWithStalled());
    progress(`streams round ${round}: ${JSON.stringify([quiet.at(-1), stalled.at(-1)])}`);
  }
  await streams.stop();
  progress('streams: several tokens');
  const own = await startStreams(upstream.origin, streamCount / chatCount);
  const ofOwn = await own.deliver(stalledEvents / 10, perSecond / 10);
  await own.stop();
  title(
    'Streams',
    `${streamCount} streams of ${chatCount} chats, ${perSecond} events a second, each for ${streamCount / chatCount} streams: from the webhook to the event, CPU time of the gateway for each event that it sent, and memory of an open stream.`,
  );
  row('streams', 'p50 (ms)', 'p99 (ms)', 'CPU (µs)', 'gaps', 'kB each');
  row('---', '--:', '--:', '--:', '--:', '--:');
  const add = (what: string, all: readonly Delivery[], kilobytes: string) => {
    const middle = (value: (delivery: Delivery) => number) => number(median(all.map(value)));
    const gaps = all.reduce((sum, delivery) => sum + delivery.gaps, 0);
    row(
      what,
      middle(({ p50 }) => p50),
      middle(({ p99 }) => p99),
      middle(({ cpu }) => cpu),
      `${gaps}`,
      kilobytes,
    );
  };
  add(
    `a token for each stream of a chat, so that each event is read ${streamCount / chatCount} times; ${perSecond / 10} events a second`,
    [ofOwn],
    number(own.kilobytes),
  );
  add('one token', quiet, number(streams.kilobytes));
  add(`one token; one more client does not read, for ${stalledEvents} events`, stalled, '');
  lines.push(
    '',
    `The client that does not read: p99 of the others to that without it ${number(
      ratioOf(
        stalled.map(({ p99 }) => p99),
        quiet.map(({ p99 }) => p99),
      ),
    )}; the most memory of the gateway to that without it ${number(median(stalled.map(({ peak }) => peak)))}; disconnected after ${number(median(stalled.map(({ closedAfter }) => closedAfter)))} s.`,
  );
}

function peerVersions(): string {
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(new URL('package.json', import.meta.url), 'utf8'),
  );
  return ['mercurius', '@tailcallhq/core-linux-x64-gnu', 'graphql-yoga', '@apollo/server', 'graphql', 'undici']
    .map((name) => `${name} ${dependencies[name] ?? optionalDependencies[name]}`)
    .join(', ');
}

function atLeast(goal: number | undefined, value: number): string {
  return goal === undefined ? '' : judged(`at least ${goal}`, value, value >= goal);
}

function atMost(goal: number, value: number): string {
  return judged(`at most ${goal}`, value, value <= goal);
}

function judged(goal: string, value: number, met: boolean): string {
  if (Number.isNaN(value)) return `${goal}: not measured`;
  goals[met ? 'met' : 'missed']++;
  return `${goal}: ${met ? 'met' : '**missed**'}`;
}

/** The median of the ratios in each round. */
function ratioOf(ours: readonly number[], theirs: readonly number[]): number {
  return median(theirs.map((value, round) => (ours[round] ?? Number.NaN) / value));
}

/** Three digits; `-` for what was not measured. */
function number(value: number): string {
  if (Number.isNaN(value)) return '-';
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function spread(all: readonly number[], digits: number): [median: string, spread: string] {
  if (all.length === 0) return ['-', '-'];
  return [median(all).toFixed(digits), `${Math.min(...all).toFixed(digits)} to ${Math.max(...all).toFixed(digits)}`];
}

function median(numbers: readonly number[]): number {
  const ordered = numbers.toSorted((a, b) => a - b);
  const middle = ordered.length >> 1;
  const [below = Number.NaN, above = Number.NaN] = [ordered[middle - 1], ordered[middle]];
  return ordered.length % 2 === 1 ? above : (below + above) / 2;
}

function title(name: string, what: string): void {
  lines.push('', `### ${name}`, '', what, '');
}

function row(...cells: string[]): void {
  lines.push(`| ${cells.join(' | ')} |`);
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
