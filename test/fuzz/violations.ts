import { errorCodes } from '../../src/errors/codes.ts';

const knownCodes: Readonly<Record<string, { readonly retryable: boolean }>> = errorCodes;
/** The most that are printed. */
const maxPrinted = 20;

/** What the gateway did wrong. A crash of this process, which runs it, is one. */
export class Violations {
  count = 0;

  constructor() {
    process.on('uncaughtException', (error) => this.add(`a crash: ${error.stack}`));
    process.on('unhandledRejection', (error) =>
      this.add(`an unhandled rejection: ${error instanceof Error ? error.stack : error}`),
    );
  }

  add(what: string, details: object = {}): void {
    if (++this.count <= maxPrinted) print({ VIOLATION: what, ...details });
  }
}

/** What is wrong with the extensions of an error, if anything is. */
export function faultOf({ code, retryable }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof code !== 'string' || !Object.hasOwn(knownCodes, code)) return 'an unknown error code';
  if (retryable !== knownCodes[code]?.retryable) return 'retryable does not match the error code';
  return code === 'INTERNAL_SERVER_ERROR' ? 'an internal error' : undefined;
}

export function increment(counts: Record<string, number>, name: string | number): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

export function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
