import { availableParallelism } from 'node:os';
import { closestMatch } from 'leven';
import type { CallerRules } from './auth/credentials.ts';
import { isLoopback } from './http/loopback.ts';
import { proxyFor } from './network/proxies.ts';

type FromText<Value> = (text: string) => Value | undefined;

/** What a value must be, whether it comes from an environment variable or is an option of the package. */
export interface Rule<Value> {
  /** Completes the sentence "… must be". */
  readonly wanted: string;
  /** The value to use; undefined if it is wrong. */
  check(value: unknown): Value | undefined;
  /** Converts a well-formed text of a variable to a value for `check`. Any other text is checked as it is. */
  readonly parse?: FromText<Value>;
  /** Printed in place of a wrong text that may hold a secret. */
  readonly conceal?: FromText<string>;
  /** Whether an empty option counts as not given. An empty variable always does. */
  readonly emptyIsUnset?: boolean;
}

export type Setting<Value> = Rule<Value> & { readonly fallback: Value };
type Variable<Value> = Setting<Value> & { readonly name: string; readonly formerName?: string };

function variable<Value, Fallback>(name: string, fallback: Fallback, rule: Rule<Value>): Variable<Value | Fallback> {
  return { ...rule, name, fallback };
}

function text<Value>(wanted: string, read: FromText<Value>, conceal: FromText<string> = () => undefined): Rule<Value> {
  const check = (value: unknown) => (typeof value === 'string' ? read(value) : undefined);
  return { wanted, check, conceal, emptyIsUnset: true };
}

function number(wanted: string, pattern: RegExp, fits: (value: number) => boolean): Rule<number> {
  return {
    wanted,
    check: (value) => (typeof value === 'number' && fits(value) ? value : undefined),
    parse: (text) => (pattern.test(text) ? Number(text) : undefined),
  };
}

function wholeNumber(min: number, max: number): Rule<number> {
  const fits = (value: number) => Number.isInteger(value) && value >= min && value <= max;
  return number(`a whole number from ${min} to ${max}`, /^\d{1,15}$/, fits);
}

function list(items: string, fits: (item: string) => boolean): Rule<readonly string[]> {
  const read = (text: string) => {
    const found = text.split(',').map((item) => item.trim());
    return found.every(fits) ? found : undefined;
  };
  return text(`${items}, separated by commas`, read, () => 'a list with something else in it');
}

const anyText = text('text', String);
const boolean = text('true or false', (text) => [true, false].find((value) => String(value) === text));
const milliseconds = wholeNumber(1, 2_147_483_647); // the longest that a timer can wait
const bytes = wholeNumber(1, 536_870_888); // the longest string there is

const rate = number(
  'a number above 0 and below 1000000, with up to three decimals',
  /^\d{1,6}(\.\d{1,3})?$/,
  (value) => value > 0 && value < 1_000_000 && Number(value.toFixed(3)) === value,
);

const count = wholeNumber(1, 1_024);
const processes: Rule<number> = {
  ...count,
  wanted: `auto or ${count.wanted}`,
  parse: (text) => (text === 'auto' ? availableParallelism() : count.parse?.(text)),
};

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const logLevel = text(`one of ${logLevels.join(', ')}`, (text) => logLevels.find((known) => known === text));

const isVisibleAscii = (text: string) => /^[\x21-\x7e]+$/.test(text);
const secret = text(
  'visible ASCII characters without spaces',
  (text) => (isVisibleAscii(text) ? text : undefined),
  () => 'a value with others in it',
);

const httpOrigin = text(
  'the origin of an HTTP server, such as https://api.linqapp.com',
  (text) => {
    const url = URL.parse(text);
    const isPlain = url?.pathname === '/' && !/[@?#]/.test(text);
    return isPlain && /^https?:$/.test(url.protocol) ? url.origin : undefined;
  },
  (text) => (/[@?#]/.test(text) ? 'one with credentials or parameters' : undefined),
);

const jwksUrl = text(
  'an https URL without credentials', // fetch rejects them
  (text) => {
    const url = URL.parse(text);
    const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
    return isSafe && url.username + url.password === '' ? url.href : undefined;
  },
  () => 'something else',
);

const redisUrl = text(
  'a URL such as redis://user:password@host:6379/0, or rediss:// for TLS',
  (text) => {
    const url = URL.parse(text);
    const isRedis = url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== '';
    const isPlain = url?.search === '' && url.hash === '' && /^(?:\/\d{0,5})?$/.test(url.pathname);
    return isRedis && isPlain && isDecodable(url.username + url.password) ? text : undefined;
  },
  () => 'something else',
);

const proxyUrl = text(
  'the URL of an HTTP proxy, such as http://user:password@proxy.example.com:3128',
  (text) => {
    const url = URL.parse(text.includes('://') ? text : `http://${text}`);
    const isHttp = url !== null && /^https?:$/.test(url.protocol);
    const isPlain = url?.pathname === '/' && url.search === '' && url.hash === '';
    return isHttp && isPlain && isDecodable(url.username + url.password) ? url.href : undefined;
  },
  () => 'something else',
);

/** Exactly as a browser sends it. */
const isOrigin = (text: string) => /^https?:[^*]+$/.test(text) && URL.parse(text)?.origin === text;

/** Name, default and rule of each variable, at its place in `Config`. docs/configuration.md says what each one means. */
export const variables = {
  host: variable('HOST', '127.0.0.1', anyText),
  /** 0 picks a free port. */
  port: variable('PORT', 4_000, wholeNumber(0, 65_535)),
  linq: {
    /** Scheme, host and port. */
    origin: variable('LINQ_API_URL', 'https://api.linqapp.com', httpOrigin),
    token: variable('LINQ_INTEGRATION_TOKEN', undefined, secret),
    timeoutMs: variable('LINQ_TIMEOUT_MS', 10_000, milliseconds),
    maxConcurrency: variable('LINQ_MAX_CONCURRENCY', 64, wholeNumber(1, 65_535)),
    maxQueue: variable('LINQ_MAX_QUEUE', 1_024, wholeNumber(0, 1_000_000)),
    /** For each token; undefined means no limit. */
    requestsPerSecond: variable('LINQ_REQUESTS_PER_SECOND', undefined, rate),
    maxResponseBytes: variable('LINQ_MAX_RESPONSE_BYTES', 4_194_304, bytes),
    /** A connection is not used for longer. */
    connectionMaxAgeMs: variable('LINQ_CONNECTION_MAX_AGE_MS', 300_000, milliseconds),
    /** How long a message is cached; 0 disables the cache. */
    cacheTtlMs: variable('LINQ_CACHE_TTL_MS', 0, wholeNumber(0, 86_400_000)),
  },
  /** Their lower-case forms count first. */
  proxies: {
    https: variable('HTTPS_PROXY', undefined, proxyUrl),
    http: variable('HTTP_PROXY', undefined, proxyUrl),
    none: variable('NO_PROXY', '', anyText),
  },
  /** Shared by replicas. */
  redisUrl: variable('REDIS_URL', undefined, redisUrl),
  /** Whether callers without a token of their own may use the gateway's token on a public address. */
  allowAnonymous: variable('GATEWAY_ALLOW_ANONYMOUS', false, boolean),
  callers: {
    apiKeys: variable('GATEWAY_API_KEYS', [], list('keys of visible ASCII characters', isVisibleAscii)),
    jwksUrl: variable('GATEWAY_JWKS_URL', undefined, jwksUrl),
    issuer: variable('GATEWAY_JWT_ISSUER', undefined, anyText),
    audience: variable('GATEWAY_JWT_AUDIENCE', undefined, anyText),
  },
  /** Reads that one caller may start in a second; undefined means no limit. */
  callerReadsPerSecond: variable('CALLER_READS_PER_SECOND', undefined, rate),
  /** How long an idle connection of a client is kept. */
  keepAliveMs: variable('KEEP_ALIVE_MS', 75_000, milliseconds),
  /** Of Linq's webhooks; none switches them off. */
  webhookSecrets: variable('LINQ_WEBHOOK_SECRETS', [], list('secrets of visible ASCII characters', isVisibleAscii)),
  /** Origins whose pages may read responses. */
  corsOrigins: variable('CORS_ORIGINS', [], list('origins such as https://app.example.com', isOrigin)),
  /** Whether responses are compressed for clients that accept it. */
  compression: variable('COMPRESSION', true, boolean),
  graphiql: variable('GRAPHIQL', true, boolean),
  introspection: variable('INTROSPECTION', true, boolean),
  /** A file with the only documents that are executed. */
  trustedDocuments: variable('TRUSTED_DOCUMENTS', undefined, anyText),
  maxBodyBytes: variable('MAX_BODY_BYTES', 102_400, bytes),
  /** Requests that are executed at the same time, in each process. */
  maxRequestsInFlight: variable('MAX_REQUESTS_IN_FLIGHT', 5_000, wholeNumber(1, 1_000_000)),
  /** Streams of events that are open, in each process. */
  maxStreams: variable('MAX_STREAMS', 1_000, wholeNumber(0, 1_000_000)),
  maxStreamsPerCaller: variable('MAX_STREAMS_PER_CALLER', 10, wholeNumber(0, 1_000_000)),
  limits: {
    maxTokens: variable('MAX_TOKENS', 4_000, wholeNumber(1, 1_000_000)),
    maxDepth: variable('MAX_DEPTH', 10, wholeNumber(1, 1_000)),
    maxAliases: variable('MAX_ALIASES', 200, wholeNumber(0, 1_000_000)),
    maxDirectives: variable('MAX_DIRECTIVES', 50, wholeNumber(0, 1_000_000)),
    /** Distinct reads of one operation. */
    maxReads: {
      ...variable('MAX_READS_PER_OPERATION', 100, wholeNumber(1, 1_000_000)),
      formerName: 'MAX_MESSAGES_PER_OPERATION',
    },
    maxResponseBytes: variable('MAX_RESPONSE_BYTES', 8_388_608, bytes),
  },
  /** Processes that share the port. */
  workers: variable('WORKERS', 1, processes),
  logLevel: variable('LOG_LEVEL', 'info' as const, logLevel),
};

export type Values<Table> = {
  readonly [Key in keyof Table]: Table[Key] extends Setting<infer Value> ? Value : Values<Table[Key]>;
};

/** The configuration from the environment, read once by `server.ts`. */
export interface Config extends Omit<Values<typeof variables>, 'callers' | 'linq' | 'proxies'> {
  /** `proxy` is the URL of the proxy through which Linq is reached. */
  readonly linq: Values<typeof variables.linq> & { readonly proxy: string | undefined };
  /** Undefined if callers need no credentials. */
  readonly callers: CallerRules | undefined;
  /** Those in use, which still work. */
  readonly formerNames: readonly RenamedVariable[];
  readonly unknown: readonly UnknownVariable[];
}

interface RenamedVariable {
  readonly variable: string;
  readonly newName: string;
}

/** One that is set, has no effect, and is probably misspelled. */
interface UnknownVariable {
  readonly variable: string;
  /** The known variable with the most similar name. */
  readonly nearest: string;
}

/** Never holds the value of a secret. */
export interface Fault {
  readonly name: string;
  readonly wanted: string;
  readonly got: string;
  readonly reason?: string;
}

/** All faults together. The message has one line for each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const lines = faults.map(({ name, wanted, got, reason }) => {
      return `${name} must be ${wanted}, got ${got}${reason === undefined ? '' : `: ${reason}`}`;
    });
    super(lines.join('\n'));
    this.faults = faults;
  }
}

/** Throws a `ConfigError` that names every wrong variable. An empty variable is unset. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const faults: Fault[] = [];
  const formerNames: RenamedVariable[] = [];
  const textOf = ({ name, formerName }: Variable<unknown>) => env[name] || (formerName && env[formerName]) || undefined;
  const { callers, proxies, ...rest } = readTable(variables, (variable) => {
    const { name, formerName } = variable;
    const otherName = name.endsWith('_PROXY') ? name.toLowerCase() : formerName;
    const nameGiven = otherName && env[otherName] ? otherName : name;
    if (nameGiven === formerName) {
      if (env[name]) faults.push({ name, wanted: `set without ${formerName}, its former name`, got: 'both' });
      formerNames.push({ variable: formerName, newName: name });
    }
    const given = env[nameGiven] || undefined;
    return readValue(variable, nameGiven, given, faults, given && variable.parse?.(given));
  });

  const isSet = (variable: Variable<unknown>) => textOf(variable) !== undefined;
  const { host, linq, callers: credentials } = variables;
  const jwtVariables = [credentials.jwksUrl, credentials.issuer, credentials.audience];
  for (const variable of jwtVariables.some(isSet) ? jwtVariables : []) {
    const others = jwtVariables.filter((other) => other !== variable).map(({ name }) => name);
    const wanted = `set together with ${others.join(' and ')}`;
    if (!isSet(variable)) faults.push({ name: variable.name, wanted, got: 'nothing' });
  }

  // A wrong value counts as set, so that this fault does not depend on the correction of another.
  const isClosed = isSet(credentials.apiKeys) || isSet(credentials.jwksUrl) || rest.allowAnonymous;
  if (isSet(linq.token) && !isClosed && !isLoopback(rest.host)) {
    const reason =
      'with LINQ_INTEGRATION_TOKEN set, anybody who reaches the gateway could read every conversation ' +
      '(GATEWAY_API_KEYS or GATEWAY_JWKS_URL closes it, GATEWAY_ALLOW_ANONYMOUS=true accepts that)';
    faults.push({ name: host.name, wanted: 'a loopback address', got: JSON.stringify(rest.host), reason });
  }
  if (faults.length > 0) throw new ConfigError(faults);

  const { apiKeys, jwksUrl, issuer, audience } = callers;
  const jwt =
    jwksUrl && issuer && audience ? { jwksUrl, issuer, audience, proxy: proxyFor(jwksUrl, proxies) } : undefined;
  return {
    ...rest,
    formerNames,
    unknown: unknownVariables(env),
    linq: { ...rest.linq, proxy: proxyFor(rest.linq.origin, proxies) },
    callers: apiKeys.length > 0 || jwt ? { apiKeys, jwt } : undefined,
  };
}

/** Of those that begin like ours. Kubernetes sets variables for each service, such as one that is named after the gateway. */
function unknownVariables(env: Readonly<Record<string, string | undefined>>): UnknownVariable[] {
  const known = ['GATEWAY_CREDENTIAL']; // of the doctor
  readTable(variables, ({ name, formerName }) => known.push(name, ...(formerName === undefined ? [] : [formerName])));
  return Object.keys(env).flatMap((variable) => {
    if (!/^(?:LINQ|GATEWAY)_\w{1,100}$/.test(variable) || known.includes(variable)) return [];
    const service = /^(.+?)_(?:SERVICE|PORT)(?:_|$)/.exec(variable)?.[1];
    if (service !== undefined && env[`${service}_SERVICE_HOST`] !== undefined) return [];
    return [{ variable, nearest: closestMatch(variable, known) ?? '' }];
  });
}

/** Whether anyone who reaches the gateway may use its own token, so that it must be hard to reach. */
export function isOpen({ linq, callers, allowAnonymous }: Config): boolean {
  return linq.token !== undefined && callers === undefined && !allowAnonymous;
}

/** Adds a fault if the value is wrong. `value` is what `given` was converted to. */
export function readValue<V>(rule: Setting<V>, name: string, given: unknown, faults: Fault[], value = given): V {
  if (given === undefined || (given === '' && rule.emptyIsUnset)) return rule.fallback;
  const checked = rule.check(value);
  if (checked === undefined) faults.push({ name, wanted: rule.wanted, got: printable(given, rule) });
  return checked ?? rule.fallback;
}

function printable(value: unknown, { conceal }: Rule<unknown>): string {
  if (typeof value === 'string') return conceal?.(value) ?? JSON.stringify(value);
  if (value === null || (typeof value === 'number' && conceal === undefined)) return String(value);
  return typeof value === 'object' ? 'something else' : typeof value;
}

type Table = { readonly [key: string]: Variable<unknown> | Table };

function readTable<T extends Table>(table: T, read: (variable: Variable<unknown>) => unknown): Values<T> {
  const isVariable = (row: Variable<unknown> | Table): row is Variable<unknown> => typeof row['name'] === 'string';
  const entries = Object.entries(table).map(([key, row]) => [key, isVariable(row) ? read(row) : readTable(row, read)]);
  return Object.fromEntries(entries) as Values<T>;
}

function isDecodable(encoded: string): boolean {
  try {
    return decodeURIComponent(encoded) !== undefined;
  } catch {
    return false;
  }
}
