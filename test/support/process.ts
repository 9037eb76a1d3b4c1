import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = new URL('../..', import.meta.url);

/** Where Node keeps what it compiled, which saves a third of the time that a process needs to start. */
const compileCache = fileURLToPath(new URL('node_modules/.cache/compiled', root));

/** Starts the process like an operator, on a free port. `node` are arguments of Node itself. */
export function start(env: Record<string, string>, args: string[] = [], node: string[] = []) {
  return spawn(process.execPath, [...node, 'src/cli.ts', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: compileCache, PORT: '0', ...env },
  });
}

/** Resolves when the output of the process matches `pattern`. */
export async function written(server: ChildProcessWithoutNullStreams, pattern: RegExp): Promise<RegExpExecArray> {
  let text = '';
  for await (const chunk of server.stdout.iterator({ destroyOnReturn: false })) {
    text += chunk;
    const match = pattern.exec(text);
    if (match !== null) return match;
  }
  throw new Error(`the process ended and wrote only: ${text}`);
}

export async function outcomeOf(
  server: ChildProcessWithoutNullStreams,
): Promise<{ code: number | null; errors: string }> {
  let errors = '';
  server.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const [code] = await once(server, 'close');
  return { code, errors };
}

/** Returns a function that resolves with the nth log line `msg`, past or future. */
export function linesOf(server: ChildProcessWithoutNullStreams) {
  const lines: Record<string, unknown>[] = [];
  let partial = '';
  let onLine = () => {};
  server.stdout.on('data', (chunk) => {
    const parts = (partial + chunk).split('\n');
    partial = parts.pop() ?? '';
    lines.push(...parts.map((line) => JSON.parse(line)));
    onLine();
  });
  return async (msg: string, nth = 1): Promise<Record<string, unknown>> => {
    for (;;) {
      const line = lines.filter((candidate) => candidate['msg'] === msg)[nth - 1];
      if (line !== undefined) return line;
      await new Promise<void>((resolve) => {
        onLine = resolve;
      });
    }
  };
}
