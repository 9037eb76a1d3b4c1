import { checkGateway } from './run.ts';

/** Checks a running gateway from outside, with the environment and the output of this process. Resolves to the exit code. */
export function runDoctor(args: readonly string[]): Promise<number> {
  return checkGateway({
    args,
    env: process.env,
    write: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
    colors: process.stdout.isTTY && process.stdout.hasColors(),
  });
}
