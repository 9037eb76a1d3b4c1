#!/usr/bin/env node
// Static imports are of Node alone, without names that an old one lacks, so that it can run this far and say what is needed.
import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import * as util from 'node:util';

/** As package.json says. */
const minimum = { major: 22, minor: 19 };

const usage = `linq-graphql-gateway [command]

  serve          the gateway in front of the Linq API (default)
  sandbox        the gateway in front of an emulator of the Linq API: no token, no network
  doctor <url>   checks a running gateway from outside; doctor --help lists its options
  schema         prints the SDL
    --stitching    with the directives of schema stitching
    --federation   as a subgraph of Federation 2

  --help, -h     prints this
  --version, -v  prints the version

serve and sandbox are configured with environment variables: see docs/configuration.md.
`;

const options = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
  stitching: { type: 'boolean' },
  federation: { type: 'boolean' },
} as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > minimum.major || (major === minimum.major && minor >= minimum.minor)) {
  run(process.argv.slice(2));
} else {
  const { name } = readPackage();
  process.stderr.write(
    `${name} needs Node ${minimum.major}.${minimum.minor} or later; this is Node ${process.versions.node}.\n`,
  );
  process.exitCode = 1;
}

function run(args: string[]): Promise<void> | void {
  if (args[0] === 'doctor') return runDoctor(args.slice(1));
  const parsed = parse(args);
  if (typeof parsed === 'string') return refuse(parsed);
  const { word, values } = parsed;
  if (values.help) process.stdout.write(usage);
  else if (values.version) process.stdout.write(`${readPackage().version}\n`);
  else if (word !== 'schema') return runServer(word === 'sandbox');
  else printSchema(values.stitching ? 'stitching' : values.federation ? 'federation' : 'schema');
}

/** Returns what is wrong with the arguments, if anything is. */
function parse(args: string[]) {
  let values: { help?: boolean; version?: boolean; stitching?: boolean; federation?: boolean };
  let positionals: string[];
  try {
    ({ values, positionals } = util.parseArgs({ args, options, allowPositionals: true }));
  } catch (error) {
    return error instanceof Error ? `${error.message.split('. ', 1)[0]}.` : 'The arguments are invalid.';
  }
  const [word = 'serve', unknown] = positionals;
  if (!['serve', 'sandbox', 'schema'].includes(word)) return `Unknown command ${JSON.stringify(word)}.`;
  if (unknown !== undefined) return `Unexpected argument ${JSON.stringify(unknown)}.`;
  if (values.stitching && values.federation) return 'Only one of --stitching and --federation is possible.';
  if ((values.stitching || values.federation) && word !== 'schema')
    return '--stitching and --federation belong to schema.';
  return { word, values };
}

function refuse(why: string): void {
  process.stderr.write(`${why}\n\n${usage}`);
  process.exitCode = 2;
}

async function runServer(isSandbox: boolean): Promise<void> {
  // Before the server's modules are loaded: process 1 of a container never receives a signal that it does not listen to.
  const stop = new AbortController();
  /** The first signal stops gracefully; a second one exits at once. Workers are stopped by their primary. */
  const onSignal = (signal: NodeJS.Signals) => {
    if (cluster.isPrimary && stop.signal.aborted) process.exit(1);
    if (cluster.isPrimary || signal === 'SIGTERM') stop.abort(signal);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const { runServer } = await import('./server.ts');
  await runServer({ isSandbox, stop });
}

async function runDoctor(args: readonly string[]): Promise<void> {
  const { runDoctor } = await import('./doctor/doctor.ts');
  process.exitCode = await runDoctor(args);
}

function printSchema(name: 'schema' | 'stitching' | 'federation'): void {
  process.stdout.write(readFileSync(new URL(`../src/schema/${name}.graphql`, import.meta.url), 'utf8'));
}

function readPackage(): { readonly name: string; readonly version: string } {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
}
