import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import { describe, expect, inject, it } from 'vitest';
import { linesOf, outcomeOf } from '../support/process.ts';

/** Process ids of their own, as in a container; not every system lets a program have them. */
const unshare = ['--pid', '--fork', '--kill-child'];
const hasOwnIds = spawnSync('unshare', [...unshare, 'true']).status === 0;

/** The container's process 1, as the Dockerfile starts it; `kill` sends a signal to it. */
function startContainer(env: Record<string, string> = {}, command = [inject('program')]) {
  const [, entry = ''] = /^ENTRYPOINT \["sh", "\/gateway\/(.+)"\]$/m.exec(readFileSync('Dockerfile', 'utf8')) ?? [];
  const container = spawn('unshare', [...unshare, 'sh', `deploy/${entry}`, process.execPath, ...command], {
    env: { PATH: process.env['PATH'], PORT: '0', ...env },
  });
  return { container, kill: (signal: NodeJS.Signals) => process.kill(firstOf(container), signal) };
}

/** The one child of `unshare`, by its id outside. */
function firstOf({ pid }: ChildProcessWithoutNullStreams): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
}

/** Resolves when the shell has evaluated its first lines, before it runs Node. */
async function started(container: ChildProcessWithoutNullStreams): Promise<void> {
  const handles = () => {
    const first = firstOf(container);
    if (first === 0 || readFileSync(`/proc/${first}/comm`, 'utf8') !== 'sh\n') return false;
    const [, signals = '0'] = /SigCgt:\s*(\w+)/.exec(readFileSync(`/proc/${first}/status`, 'utf8')) ?? [];
    return (BigInt(`0x${signals}`) & (1n << 14n)) !== 0n;
  };
  while (!handles()) await setImmediate();
}

describe.skipIf(!hasOwnIds)('process 1 of the container', () => {
  it.each([
    ['SIGTERM', 20],
    ['SIGTERM', 50],
    ['SIGINT', 100],
    ['SIGTERM', 200],
    ['SIGINT', 400],
    ['SIGTERM', 800],
  ] as const)('stops with exit code 0 on a %s %i ms after the shell has started', async (signal, afterMs) => {
    const { container, kill } = startContainer();
    const outcome = outcomeOf(container);
    container.stdout.resume();
    await started(container);
    await pause(afterMs);
    kill(signal);
    expect(await outcome).toEqual({ code: 0, errors: '' });
  });

  it('stops gracefully on a signal while it listens, and at once on a second one', async () => {
    const { container, kill } = startContainer();
    const lines = linesOf(container);
    const outcome = outcomeOf(container);
    const { url } = await lines('listening');
    await (await fetch(new URL('/readyz', String(url)))).text(); // one that was probed takes three seconds to stop
    kill('SIGTERM');
    await lines('stopping');
    kill('SIGTERM');
    expect(await outcome).toEqual({ code: 1, errors: '' });
  });

  it('has the exit code of the gateway', async () => {
    const { container } = startContainer({ PORT: 'x' }, ['src/cli.ts']);
    expect(await outcomeOf(container)).toMatchObject({ code: 78, errors: expect.stringContaining('PORT') });
  });

  it.each([0, 1, 127, 128])('has the exit code %i of its command', async (code) => {
    const { container } = startContainer({}, ['--eval', `process.exit(${code})`]);
    expect(await outcomeOf(container)).toEqual({ code, errors: '' });
  });
});
