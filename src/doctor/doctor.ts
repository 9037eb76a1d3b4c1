/** `npm run doctor -- <url>`: looks at a running gateway from outside. The process: arguments, environment, exit code. */
import { runDoctor } from './run.ts';

process.exitCode = await runDoctor({
  args: process.argv.slice(2),
  env: process.env,
  write: (text) => process.stdout.write(text),
  complain: (text) => process.stderr.write(text),
  colours: process.stdout.isTTY && process.stdout.hasColors(),
});
