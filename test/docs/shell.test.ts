import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { startTestGateway } from '../support/gateway.ts';

const pages = globSync(['*.md', '{docs,deploy,bench,examples}/**/*.md'], {
  exclude: (path) => /node_modules/.test(path),
});

interface Block {
  readonly script: string;
  /** Why it is not run here, as the page says in the line above. */
  readonly notRun: string | undefined;
}

function blocksOf(page: string): Block[] {
  const blocks = readFileSync(page, 'utf8').matchAll(
    /(?:<!-- not run: ([^\n]+) -->\n)?^```(?:sh|bash|shell)\n([\s\S]*?)^```/gm,
  );
  return [...blocks].map(([, notRun, script = '']) => ({ script, notRun }));
}

/** One that starts a gateway and keeps running. */
const isServer = ({ script }: Block) => /npm run (sandbox|dev)\b/.test(script);

/** Runs a block with the dependencies that this test runs with. */
function run(script: string, env: Record<string, string> = {}) {
  const withoutInstall = `set -e; npm() { [ "$1" = ci ] || command npm "$@"; }\n${script}`;
  const child = spawn('bash', ['-c', withoutInstall], {
    detached: true, // a group of its own, so that what it starts can be stopped with it
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1', ...env },
  });
  let output = '';
  const onOutput = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
      for (const listener of onOutput) listener();
    });
  }
  const closed = once(child, 'close');
  return {
    /** The exit code and all output. */
    end: async () => ({ code: (await closed)[0], output }),
    /** Resolves with the first group of this pattern, once it is written; rejects when the block ends before. */
    written: (pattern: RegExp) =>
      new Promise<string>((resolve, reject) => {
        const check = () => {
          const [, found] = pattern.exec(output) ?? [];
          if (found !== undefined) resolve(found);
        };
        onOutput.add(check);
        check();
        closed.then(() => reject(new Error(`ended and wrote only: ${output}`)), reject);
      }),
    async [Symbol.asyncDispose]() {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
      await closed;
    },
  };
}

/** Runs the blocks of a page in order. Those that need a gateway use the one that the page starts, otherwise a sandbox. */
async function runAll(blocks: readonly Block[]): Promise<void> {
  await using started = new AsyncDisposableStack();
  let origin: string | undefined;
  for (const block of blocks) {
    if (isServer(block)) {
      const server = started.use(run(block.script, { PORT: '0' }));
      origin = await server.written(/Open +(http:\/\/[^/\s]+)\/graphql/);
      continue;
    }
    if (block.script.includes('127.0.0.1:4000')) origin ??= new URL(started.use(await startTestGateway()).url).origin;
    const { code, output } = await run(block.script.replaceAll('http://127.0.0.1:4000', origin ?? '')).end();
    expect(code, output).toBe(0);
    expect(output).not.toContain('"errors"');
  }
}

const runnable = pages
  .map((page): [string, Block[]] => [page, blocksOf(page).filter(({ notRun }) => notRun === undefined)])
  .filter(([, blocks]) => blocks.length > 0);

it.each(runnable)(
  'the shell commands of %s do what the page says',
  async (_page, blocks) => {
    await runAll(blocks);
  },
  120_000,
);

it('finds the blocks', () => {
  expect(runnable.map(([page]) => page)).toEqual(
    expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/troubleshooting.md']),
  );
  expect(pages.flatMap(blocksOf).filter(({ notRun }) => notRun !== undefined).length).toBeGreaterThan(5);
});
