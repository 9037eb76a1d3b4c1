import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Program extends AsyncDisposable {
  /** What the program says it can be reached at. */
  readonly url: string;
  readonly process: ChildProcess;
  /** All it has written so far. */
  output(): string;
}

interface ProgramOptions {
  /** A file that Node runs, and its arguments; or those of another command. */
  readonly args: readonly string[];
  readonly command?: string;
  /** The project's folder, unless it is said. */
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** What it writes when it is ready; the first group is its URL. */
  readonly ready: RegExp;
}

/** Runs a program of ours on the Node of this test until it is disposed of; rejects when it ends before it is ready. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { command = process.execPath, args, cwd = root, env, ready } = options;
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0', NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk;
      const [, found] = ready.exec(output) ?? [];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`${args.join(' ')} ended and wrote only:\n${output}`)));
  });
  return {
    url,
    process: child,
    output: () => output,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    },
  };
}

/** The gateway as `npm start` runs it, or with `sandbox` as `npm run sandbox` does. */
export function startGateway(env: Record<string, string>, ...args: string[]): Promise<Program> {
  return startProgram({
    args: ['src/cli.ts', ...args],
    env,
    ready: /(http:\/\/127\.0\.0\.1:\d+\/graphql)/,
  });
}

const examples = join(root, 'examples');

/** How `npm run` runs a script of the examples, without npm in between, which would be the one that is stopped. */
export function exampleScript(name: string): Required<Omit<ProgramOptions, 'ready'>> {
  const { scripts } = JSON.parse(readFileSync(join(examples, 'package.json'), 'utf8'));
  const bins = [examples, root].map((folder) => join(folder, 'node_modules/.bin'));
  const PATH = [...bins, process.env['PATH']].join(delimiter);
  return { command: '/bin/sh', args: ['-c', `exec ${scripts[name]}`], cwd: examples, env: { PATH } };
}

/** A port that is free at the moment: for programs that cannot pick one themselves, or start again on the same. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
