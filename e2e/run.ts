import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { installed, installedPrograms } from './support/installed.ts';

/** Installs what the examples and their tests need, makes and checks their types, and runs the tests; arguments are vitest's. */
const install = ['ci', '--no-audit', '--no-fund', '--prefix'];
const steps: [command: string, ...args: string[]][] = [
  ['npm', ...install, 'examples'],
  ['npm', ...install, 'examples/web'],
  ['npm', ...install, 'examples/react'],
  ['npm', ...install, 'e2e'],
  ['npm', 'run', 'build'],
  ['node', 'e2e/support/link-package.ts'],
  ['npm', 'run', 'generate', '--prefix', 'examples'],
  ['tsc', '--project', 'examples'],
  ['tsc', '--project', 'examples/web'],
  ['tsc', '--project', 'examples/react'],
  ['tsc', '--project', 'e2e'],
  ['vitest', 'run', '--root', 'e2e', '--reporter=verbose', ...process.argv.slice(2)],
];

for (const program of installedPrograms) {
  try {
    installed(program);
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}
for (const [index, [command, ...args]] of steps.entries()) {
  console.log(`\n-- ${index + 1} of ${steps.length}: ${[command, ...args].join(' ')}`);
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const { status } = spawnSync(command, args, { cwd, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
}
