/** Entry point of `npm run doctor -- <url>`: checks a running gateway from outside. */
import { runDoctor } from './run.ts';

process.exitCode = await runDoctor({
  args: process.argv.slice(2),
  env: process.env,
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  colors: process.stdout.isTTY && process.stdout.hasColors(),
});
