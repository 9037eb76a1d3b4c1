import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { inject } from 'vitest';

const root = new URL('../..', import.meta.url);

const running = new Set<ChildProcessWithoutNullStreams>();

/** Starts the bundled program like an operator, on a free port. `node` are arguments of Node itself. */
export function start(env: Record<string, string>, args: string[] = [], node: string[] = []) {
  const child = spawn(process.execPath, [...node, inject('program'), ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], PORT: '0', ...env },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Ends the processes that failed tests have left behind. */
export async function stopAll(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }),
  );
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
