/** Starts servers and the upstream as processes on chosen cores, and stops them by their id. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { documentedChat, firstId, largeIds, largeMessage, listOf, rowsOf } from './operations.ts';
import { tailcallCommand } from './tailcall.ts';

export interface Server {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly process: ChildProcess;
}

const canPin = has('taskset') && cpus().length > 1;
/** The server has the first core to itself; the bench, its load and the upstream share the second. */
export const cores = { server: '0', others: '1', both: '0,1' };
if (canPin) execFileSync('taskset', ['-a', '-cp', cores.others, `${process.pid}`]);

const root = new URL('..', import.meta.url).pathname;
const started = new Set<ChildProcess>();
/** A folder for what the bench writes; removed when it exits. */
export const scratch = mkdtempSync(join(tmpdir(), 'bench-'));
process.once('exit', () => {
  stopAll();
  // Not rmSync: it stops silently when nginx removes its own pid file meanwhile.
  execFileSync('rm', ['-rf', scratch]);
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

export function has(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`]);
    return true;
  } catch {
    return false;
  }
}

/** The command pinned to these cores, where `taskset` exists. */
export function pinned(core: string, command: readonly string[]): [file: string, args: string[]] {
  const [file = '', ...args] = canPin ? ['taskset', '-c', core, ...command] : command;
  return [file, args];
}

function start(
  core: string,
  command: readonly string[],
  env: Record<string, string> = {},
  folder = root,
): ChildProcess {
  const child = spawn(...pinned(core, command), {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  started.add(child);
  return child;
}

interface StartOptions {
  readonly core?: string;
  readonly env?: Record<string, string>;
  /** Node's flags. */
  readonly node?: readonly string[];
  /** Where `against` starts. */
  readonly checkout?: string | undefined;
}

/** The gateway as `npm start` runs it (`gateway` here, `against` in another checkout), or one of its peers. */
export async function startServer(name: string, origin: string, options: StartOptions = {}): Promise<Server> {
  const port = await freePort();
  const folder = name === 'against' ? (options.checkout ?? root) : root;
  const script = name === 'gateway' || name === 'against' ? startScript(folder) : [`bench/servers/${name}.ts`];
  const command =
    name === 'tailcall'
      ? [...tailcallCommand, 'start', tailcallConfig(port, origin)]
      : [process.execPath, ...(options.node ?? []), ...script];
  const env = {
    PORT: `${port}`,
    LINQ_API_URL: origin,
    LINQ_INTEGRATION_TOKEN: 'bench',
    LOG_LEVEL: 'warn',
    NODE_ENV: 'production',
    TAILCALL_TRACKER: 'false',
    TAILCALL_LOG_LEVEL: 'error',
    ...options.env,
  };
  const child = start(options.core ?? cores.server, command, env, folder);
  const url = `http://127.0.0.1:${port}/graphql`;
  await until(`${url}?query={__typename}`, name, child);
  return { name, url, pid: child.pid ?? 0, process: child };
}

/** What `npm start` gives to Node. */
function startScript(checkout: string): string[] {
  const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));
  return String(scripts.start).split(' ').slice(1);
}

function tailcallConfig(port: number, origin: string): string {
  const config = readFileSync(new URL('servers/tailcall.graphql', import.meta.url), 'utf8')
    .replaceAll('PORT', `${port}`)
    .replaceAll('ORIGIN', origin);
  const file = join(scratch, 'tailcall.graphql');
  writeFileSync(file, config);
  return file;
}

export async function stop({ process: child }: Server): Promise<void> {
  started.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await once(child, 'exit');
}

export function stopAll(): void {
  for (const child of started) child.kill();
  started.clear();
}

async function until(url: string, what: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 400 && child.exitCode === null; attempt++) {
    try {
      await (await fetch(url)).text();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`${what} does not respond at ${url}`);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Linq as fast as possible: nginx where it is installed, else a minimal node:http server. */
export async function startUpstream(): Promise<{ origin: string; what: string }> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const nginx = has('nginx');
  const child = nginx
    ? start(cores.others, ['nginx', '-c', nginxConfig(port), '-g', 'daemon off;'])
    : start(cores.others, [process.execPath, join(root, 'bench/servers/upstream.ts')], { PORT: `${port}` });
  await until(origin, 'the upstream', child);
  return { origin, what: nginx ? 'nginx' : 'node:http' };
}

function nginxConfig(port: number): string {
  const large = join(scratch, 'api/partner/v2/chats/4/chat_messages');
  mkdirSync(large, { recursive: true });
  for (let id = firstId; id < firstId + largeIds; id++) writeFileSync(join(large, `${id}`), largeMessage(id));
  // Each in a variable of its own: a text of nginx's configuration has at most 4 KB.
  const rows = rowsOf(`\${id}`);
  const config = readFileSync(new URL('nginx.conf', import.meta.url), 'utf8')
    .replaceAll('PORT', `${port}`)
    .replaceAll('FOLDER', scratch)
    .replace('CHAT', () => documentedChat('$id'))
    .replace('ROWS', () => rows.map((row, index) => `set $row${index} '${row}';`).join(' '))
    .replace('OLDEST', () => listOf(['$row0']))
    .replace('LIST', () => listOf(rows.map((_, index) => `$row${index}`)));
  writeFileSync(join(scratch, 'nginx.conf'), config);
  return join(scratch, 'nginx.conf');
}

/** CPU seconds that the process and its children have used so far. */
export function cpuSeconds(pid: number): number {
  const fields = statOf(pid);
  const own = (Number(fields[11]) + Number(fields[12])) / 100;
  return childrenOf(pid).reduce((sum, child) => sum + cpuSeconds(child), own);
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => Number(statOf(other)[1]) === pid);
}

/** The fields of /proc/<pid>/stat from the process state on. */
function statOf(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return []; // it has exited
  }
}

/** Anonymous memory that the process holds, in bytes. */
export function anonymousBytes(pid: number): number {
  return Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
}
