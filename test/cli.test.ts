import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, inject, it } from 'vitest';

const root = new URL('..', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, root), 'utf8');
const { version, engines, scripts } = JSON.parse(read('package.json'));

interface Outcome {
  readonly code: unknown;
  readonly output: string;
  readonly errors: string;
}

/** Runs the program until it exits by itself, as bundled for the tests or from this file. */
function run(args: readonly string[], { node = [] as string[], program = inject('program') } = {}): Promise<Outcome> {
  const env = { PATH: process.env['PATH'], PORT: '0' };
  return new Promise((resolve) => {
    execFile(process.execPath, [...node, program, ...args], { cwd: root, env }, (error, output, errors) => {
      resolve({ code: error?.code ?? 0, output, errors });
    });
  });
}

it.each([[['--help']], [['-h']], [['serve', '--help']], [['sandbox', '--help']], [['schema', '--help']]])(
  'prints its commands for %o',
  async (args) => {
    const { code, output, errors } = await run(args);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    for (const word of ['serve', 'sandbox', 'doctor <url>', 'schema', '--stitching', '--federation', '--version']) {
      expect(output).toMatch(new RegExp(`^ +${word}`, 'm'));
    }
  },
);

it.each([[['doctor', '--help']], [['doctor', '-h']], [['doctor', 'http://127.0.0.1:1', '--help']]])(
  'prints the usage of the doctor for %o',
  async (args) => {
    const { code, output, errors } = await run(args);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output).toContain('--message');
  },
);

it.each([['--version'], ['-v']])('prints its version for %s', async (option) => {
  expect(await run([option], { program: 'src/cli.ts' })).toEqual({ code: 0, output: `${version}\n`, errors: '' });
});

it.each([
  [['schema'], 'schema'],
  [['schema', '--stitching'], 'stitching'],
  [['schema', '--federation'], 'federation'],
])('prints the SDL for %o', async (args, name) => {
  expect(await run(args)).toEqual({ code: 0, output: read(`src/schema/${name}.graphql`), errors: '' });
});

it.each([
  [['sandbx'], 'Unknown command "sandbx".'],
  [['--sandbx'], "Unknown option '--sandbx'."],
  [['--sandbox'], "Unknown option '--sandbox'."],
  [['sandbox', 'serve'], 'Unexpected argument "serve".'],
  [['serve', '--port=1'], "Unknown option '--port'."],
  [['--federation'], '--stitching and --federation belong to schema.'],
  [['schema', '--stitching', '--federation'], 'Only one of --stitching and --federation is possible.'],
  [['schema', '--stitching=yes'], "Option '--stitching' does not take an argument."],
])('refuses %o with exit code 2 and its usage', async (args, why) => {
  const { code, output, errors } = await run(args);
  expect({ code, output }).toEqual({ code: 2, output: '' });
  expect(errors).toContain(`${why}\n\nlinq-graphql-gateway [command]\n`);
});

it('on a Node that is too old prints one line that names the one it needs, and loads nothing else', async () => {
  const [, minimum] = /^>=(\d+\.\d+)$/.exec(engines.node) ?? [];
  const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.18.9' } })`;
  const node = ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`];
  expect(await run(['sandbox'], { node, program: 'src/cli.ts' })).toEqual({
    code: 1,
    output: '',
    errors: `linq-graphql-gateway needs Node ${minimum} or later; this is Node 22.18.9.\n`,
  });
});

it('is what the npm scripts run', () => {
  expect(scripts).toMatchObject({
    start: 'node src/cli.ts',
    sandbox: 'node src/cli.ts sandbox',
    dev: 'node --watch src/cli.ts sandbox',
    doctor: 'node src/cli.ts doctor',
  });
});
