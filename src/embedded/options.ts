import { type Config, ConfigError, readConfig } from '../config.ts';
import { isLinqId } from '../datasources/model.ts';
import { framesOf } from '../errors/failure-log.ts';
import type { ContextFactoryOptions, ContextOptions, FailureLog, UpstreamMeter } from './index.ts';

/** The option that each variable of the configuration is here. */
const options: Record<string, keyof ContextFactoryOptions> = {
  LINQ_API_URL: 'origin',
  LINQ_INTEGRATION_TOKEN: 'token',
  LINQ_TIMEOUT_MS: 'timeoutMs',
  LINQ_MAX_CONCURRENCY: 'maxConcurrency',
  LINQ_MAX_QUEUE: 'maxQueue',
  LINQ_REQUESTS_PER_SECOND: 'requestsPerSecond',
  LINQ_MAX_RESPONSE_BYTES: 'maxResponseBytes',
  MAX_MESSAGES_PER_OPERATION: 'maxMessages',
};

const silentLog: FailureLog = { debug() {}, warn() {}, error() {} };
const silentMeter: UpstreamMeter = {
  read() {},
  attempt() {},
  retry() {},
  queueWait() {},
  breaker() {},
  sharedFlight() {},
  drift() {},
  cache() {},
};

interface Options extends Pick<Config, 'linq' | 'limits'> {
  /** Neither ever throws. */
  readonly log: FailureLog;
  readonly meter: UpstreamMeter;
}

/** The configuration, by the rules that hold for the environment. Throws a `TypeError` that names the options instead. */
export function readOptions(given: ContextFactoryOptions): Options {
  ensureObject(given);
  const known = [...Object.values(options), 'log', 'meter'];
  const faults = Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => noOption(name, known));
  const env: Record<string, string> = {};
  for (const [variable, name] of Object.entries(options)) {
    const value: unknown = given[name];
    const wanted = name === 'origin' || name === 'token' ? 'string' : 'number';
    if (typeof value === wanted) env[variable] = String(value);
    else if (value !== undefined) faults.push(`${name} must be a ${wanted}, got ${typeof value}`);
  }
  for (const [name, silent] of Object.entries({ log: silentLog, meter: silentMeter })) {
    const listener: unknown = given[name as 'log' | 'meter'];
    const wanted = Object.keys(silent);
    const lacks = (one: string) => typeof (listener as Record<string, unknown> | null)?.[one] !== 'function';
    if (listener !== undefined && wanted.some(lacks))
      faults.push(`${name} must have the functions ${wanted.join(', ')}`);
  }
  let config: Config | undefined;
  try {
    config = readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(error.message.replace(/^\w+(?= must be )/gm, (variable) => options[variable] ?? variable));
  }
  if (config === undefined || faults.length > 0) throw new TypeError(faults.join('\n'));
  const log = harmless(silentLog, given.log, () => {});
  const meter = harmless(silentMeter, given.meter, (error) =>
    log.error({ error: error.name, frames: framesOf(error) }, 'the meter failed'),
  );
  return { ...config, log, meter };
}

/** What is told as the given one is, which may throw without harm to who tells it. */
function harmless<Listener extends object>(
  silent: Listener,
  given: Listener | undefined,
  onThrow: (error: Error) => void,
): Listener {
  const listener = (given ?? silent) as Record<string, (...what: unknown[]) => void>;
  const tell =
    (name: string) =>
    (...what: unknown[]) => {
      try {
        listener[name]?.(...what);
      } catch (error) {
        onThrow(error instanceof Error ? error : new Error());
      }
    };
  return Object.fromEntries(Object.keys(silent).map((name) => [name, tell(name)])) as Listener;
}

const contextRules: Record<keyof ContextOptions, readonly [wanted: string, fits: (value: unknown) => boolean]> = {
  // As Node lets through what callers of the gateway send.
  token: [
    'a string that an HTTP header can carry',
    (token) => token === null || isText(token, /^[\t\x20-\x7e\x80-\xff]*$/),
  ],
  signal: ['an AbortSignal', (signal) => typeof (signal as AbortSignal | null)?.addEventListener === 'function'],
  chats: [
    "an array of ids of chats, such as ['1', '77']",
    (chats) => Array.isArray(chats) && chats.every((id: unknown) => typeof id === 'string' && isLinqId(id)),
  ],
  timeoutMs: [
    'a whole number from 1 to 2147483647', // the longest that a timer can wait
    (ms) => Number.isInteger(ms) && Number(ms) > 0 && Number(ms) <= 2_147_483_647,
  ],
  requestId: ['1 to 128 of A-Za-z0-9._-', (id) => isText(id, /^[A-Za-z0-9._-]{1,128}$/)],
};

/** Throws a `TypeError` that names every wrong option, without its value: it may be a secret. */
export function checkContextOptions(given: ContextOptions): void {
  ensureObject(given);
  const faults: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.entries(contextRules).find(([known]) => known === name)?.[1];
    if (rule === undefined) faults.push(noOption(name, Object.keys(contextRules)));
    else if (value !== undefined && !rule[1](value)) faults.push(`${name} must be ${rule[0]}`);
  }
  if (faults.length > 0) throw new TypeError(faults.join('\n'));
}

function ensureObject(given: unknown): void {
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`options must be an object, got ${given === null ? 'null' : typeof given}`);
}

function isText(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}

function noOption(name: string, known: readonly string[]): string {
  return `${name} is no option; there are ${known.join(', ')}`;
}
