import { availableParallelism } from 'node:os';
import type { CallerRules } from './auth/credentials.ts';
import { isLoopback } from './http/loopback.ts';

/** What a value must be, whether it comes from an environment variable or is an option of the package. */
export interface Rule<Value> {
  /** Completes the sentence "… must be". */
  readonly wanted: string;
  readonly fallback: Value;
  /** The value to use; undefined if it is wrong. */
  check(value: unknown): Value | undefined;
  /** Printed in place of a wrong text that may hold a secret. */
  conceal?(text: string): string | undefined;
}

interface Variable<Value> extends Rule<Value> {
  readonly name: string;
  /** Converts a well-formed text to a value for `check`. Any other text is checked as it is. */
  parse?(text: string): unknown;
}

const longestTimer = 2_147_483_647;
const longestString = 536_870_888;
const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Name, default and bounds of each variable, at its place in `Config`. README.md says what each one means. */
export const variables = {
  host: text('HOST', '127.0.0.1', 'text', asIs),
  /** 0 picks a free port. */
  port: wholeNumber('PORT', 4_000, 0, 65_535),
  linq: {
    /** Scheme, host and port. */
    origin: text(
      'LINQ_API_URL',
      'https://api.linqapp.com',
      'the origin of an HTTP server, such as https://api.linqapp.com',
      httpOrigin,
      (url) => (/[@?#]/.test(url) ? 'one with credentials or parameters' : undefined),
    ),
    token: text(
      'LINQ_INTEGRATION_TOKEN',
      undefined,
      'visible ASCII characters without spaces',
      (token) => (isVisibleAscii(token) ? token : undefined),
      () => 'a value with others in it',
    ),
    timeoutMs: wholeNumber('LINQ_TIMEOUT_MS', 10_000, 1, longestTimer),
    maxConcurrency: wholeNumber('LINQ_MAX_CONCURRENCY', 64, 1, 65_535),
    maxQueue: wholeNumber('LINQ_MAX_QUEUE', 1_024, 0, 1_000_000),
    /** For each token; undefined means no limit. */
    requestsPerSecond: number(
      'LINQ_REQUESTS_PER_SECOND',
      undefined,
      'a number above 0 and below 1000000, with up to three decimals',
      /^\d{1,6}(\.\d{1,3})?$/,
      (rate) => rate > 0 && rate < 1_000_000 && Number(rate.toFixed(3)) === rate,
    ),
    maxResponseBytes: wholeNumber('LINQ_MAX_RESPONSE_BYTES', 4_194_304, 1, longestString),
    /** How long a message is cached; 0 disables the cache. */
    cacheTtlMs: wholeNumber('LINQ_CACHE_TTL_MS', 0, 0, 86_400_000),
  },
  /** Shared by replicas. */
  redisUrl: text(
    'REDIS_URL',
    undefined,
    'a URL such as redis://user:password@host:6379/0, or rediss:// for TLS',
    redisUrl,
    () => 'something else',
  ),
  /** Whether callers without a token of their own may use the gateway's token on a public address. */
  allowAnonymous: boolean('GATEWAY_ALLOW_ANONYMOUS', false),
  callers: {
    apiKeys: list('GATEWAY_API_KEYS', 'keys of visible ASCII characters', isVisibleAscii),
    jwksUrl: text('GATEWAY_JWKS_URL', undefined, 'an https URL without credentials', jwksUrl, () => 'something else'),
    issuer: text('GATEWAY_JWT_ISSUER', undefined, 'text', asIs),
    audience: text('GATEWAY_JWT_AUDIENCE', undefined, 'text', asIs),
  },
  /** Origins whose pages may read responses. */
  corsOrigins: list('CORS_ORIGINS', 'origins such as https://app.example.com', isOrigin),
  graphiql: boolean('GRAPHIQL', true),
  introspection: boolean('INTROSPECTION', true),
  /** A file with the only documents that are executed. */
  trustedDocuments: text('TRUSTED_DOCUMENTS', undefined, 'text', asIs),
  maxBodyBytes: wholeNumber('MAX_BODY_BYTES', 102_400, 1, longestString),
  limits: {
    maxTokens: wholeNumber('MAX_TOKENS', 4_000, 1, 1_000_000),
    maxDepth: wholeNumber('MAX_DEPTH', 10, 1, 1_000),
    maxAliases: wholeNumber('MAX_ALIASES', 200, 0, 1_000_000),
    maxDirectives: wholeNumber('MAX_DIRECTIVES', 50, 0, 1_000_000),
    /** Distinct messages of one operation. */
    maxMessages: wholeNumber('MAX_MESSAGES_PER_OPERATION', 100, 1, 1_000_000),
  },
  /** Processes that share the port. */
  workers: workers('WORKERS', 1),
  logLevel: text('LOG_LEVEL', 'info', `one of ${logLevels.join(', ')}`, (text) =>
    logLevels.find((known) => known === text),
  ),
};

type Values<Table> = {
  readonly [Key in keyof Table]: Table[Key] extends Rule<infer Value> ? Value : Values<Table[Key]>;
};

/** The configuration from the environment, read once by `server.ts`. */
export interface Config extends Omit<Values<typeof variables>, 'callers'> {
  /** Undefined if callers need no credentials. */
  readonly callers: CallerRules | undefined;
}

/** Never holds the value of a secret. */
export interface Fault {
  readonly name: string;
  readonly wanted: string;
  readonly got: string;
  /** Why it is wanted, if that is not obvious. */
  readonly reason?: string;
}

/** All faults of the environment. The message has one line for each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(faults.map(describeFault).join('\n'));
    this.faults = faults;
  }
}

export function describeFault({ name, wanted, got, reason }: Fault): string {
  return `${name} must be ${wanted}, got ${got}${reason === undefined ? '' : `: ${reason}`}`;
}

/** Throws a `ConfigError` that names every wrong variable. An empty variable is unset. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const faults: Fault[] = [];
  const set = ({ name }: Variable<unknown>) => env[name] || undefined;
  const { callers: credentials, ...rest } = readTable(variables, (variable) => {
    const given = set(variable);
    return readValue(variable, variable.name, given, faults, given && variable.parse?.(given));
  });

  const { linq, callers } = variables;
  const jwt = [callers.jwksUrl, callers.issuer, callers.audience];
  const missing = jwt.filter((variable) => set(variable) === undefined);
  for (const variable of missing.length < jwt.length ? missing : []) {
    const others = jwt.filter((other) => other !== variable).map(({ name }) => name);
    faults.push({ name: variable.name, wanted: `set together with ${others.join(' and ')}`, got: 'nothing' });
  }

  // Asks what is set rather than what is valid: correcting another fault must not reveal this one, or remove it.
  const access = {
    linq: { token: set(linq.token) },
    callers: set(callers.apiKeys) ?? set(callers.jwksUrl),
    allowAnonymous: rest.allowAnonymous,
  };
  if (isOpen(access) && !isLoopback(rest.host)) {
    faults.push({
      name: variables.host.name,
      wanted: 'a loopback address',
      got: JSON.stringify(rest.host),
      reason:
        'with LINQ_INTEGRATION_TOKEN set, anybody who reaches the gateway could read every conversation ' +
        '(GATEWAY_API_KEYS or GATEWAY_JWKS_URL closes it, GATEWAY_ALLOW_ANONYMOUS=true accepts that)',
    });
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return { ...rest, callers: callerRules(credentials) };
}

/** Whether anyone who reaches the gateway may use its own token, so that it must not be reachable from elsewhere. */
export function isOpen(config: {
  readonly linq: { readonly token: string | undefined };
  readonly callers: unknown;
  readonly allowAnonymous: boolean;
}): boolean {
  return config.linq.token !== undefined && config.callers === undefined && !config.allowAnonymous;
}

/** Adds a fault if the value is wrong. `value` is what `given` was converted to. */
export function readValue<Value>(
  rule: Rule<Value>,
  name: string,
  given: unknown,
  faults: Fault[],
  value = given,
): Value {
  if (given === undefined) return rule.fallback;
  const checked = rule.check(value);
  if (checked === undefined) faults.push({ name, wanted: rule.wanted, got: printable(given, rule) });
  return checked ?? rule.fallback;
}

function printable(value: unknown, { conceal }: Rule<unknown>): string {
  if (typeof value === 'string') return conceal?.(value) ?? JSON.stringify(value);
  if (typeof value === 'number' && conceal === undefined) return String(value);
  return value === null ? 'null' : typeof value;
}

type Table = { readonly [key: string]: Variable<unknown> | Table };

function readTable<T extends Table>(table: T, read: (variable: Variable<unknown>) => unknown): Values<T> {
  const entries = Object.entries(table).map(([key, row]) => [key, isVariable(row) ? read(row) : readTable(row, read)]);
  return Object.fromEntries(entries) as Values<T>;
}

function isVariable(row: Variable<unknown> | Table): row is Variable<unknown> {
  return typeof row['check'] === 'function';
}

function callerRules({
  apiKeys,
  jwksUrl,
  issuer,
  audience,
}: Values<typeof variables.callers>): CallerRules | undefined {
  const jwt = jwksUrl && issuer && audience ? { jwksUrl, issuer, audience } : undefined;
  return apiKeys.length > 0 || jwt !== undefined ? { apiKeys, jwt } : undefined;
}

function text<Value>(
  name: string,
  fallback: Value,
  wanted: string,
  read: (text: string) => Value | undefined,
  conceal: Rule<Value>['conceal'] = () => undefined,
): Variable<Value> {
  const check = (value: unknown) => (typeof value === 'string' ? read(value) : undefined);
  return { name, fallback, wanted, check, conceal };
}

function boolean(name: string, fallback: boolean): Variable<boolean> {
  return text(name, fallback, 'true or false', (text) => [true, false].find((value) => String(value) === text));
}

/** Separated by commas. */
function list(name: string, items: string, fits: (item: string) => boolean): Variable<readonly string[]> {
  const read = (text: string) => {
    const found = text.split(',').map((item) => item.trim());
    return found.every(fits) ? found : undefined;
  };
  return text(name, [], `${items}, separated by commas`, read, () => 'a list with something else in it');
}

function number<Fallback>(
  name: string,
  fallback: Fallback,
  wanted: string,
  pattern: RegExp,
  fits: (value: number) => boolean,
): Variable<number | Fallback> {
  const check = (value: unknown) => (typeof value === 'number' && fits(value) ? value : undefined);
  return { name, fallback, wanted, check, parse: (text) => (pattern.test(text) ? Number(text) : undefined) };
}

function wholeNumber(name: string, fallback: number, min: number, max: number): Variable<number> {
  const fits = (value: number) => Number.isInteger(value) && value >= min && value <= max;
  return number(name, fallback, `a whole number from ${min} to ${max}`, /^\d{1,15}$/, fits);
}

function workers(name: string, fallback: number): Variable<number> {
  const count = wholeNumber(name, fallback, 1, 1_024);
  const parse = (text: string) => (text === 'auto' ? availableParallelism() : count.parse?.(text));
  return { ...count, wanted: `auto or ${count.wanted}`, parse };
}

function asIs(text: string): string {
  return text;
}

function isVisibleAscii(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

function httpOrigin(text: string): string | undefined {
  const url = URL.parse(text);
  const isPlain = url !== null && url.pathname === '/' && !/[@?#]/.test(text);
  return isPlain && /^https?:$/.test(url.protocol) ? url.origin : undefined;
}

/** Exactly as a browser sends it. */
function isOrigin(text: string): boolean {
  return /^https?:[^*]+$/.test(text) && URL.parse(text)?.origin === text;
}

function jwksUrl(text: string): string | undefined {
  const url = URL.parse(text);
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  return isSafe && url.username + url.password === '' ? url.href : undefined; // fetch rejects credentials
}

function redisUrl(text: string): string | undefined {
  const url = URL.parse(text);
  const isRedis = url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== '';
  const isPlain = url?.search === '' && url.hash === '' && /^(?:\/\d{0,5})?$/.test(url.pathname);
  return isRedis && isPlain && isDecodable(url.username + url.password) ? text : undefined;
}

function isDecodable(encoded: string): boolean {
  try {
    return decodeURIComponent(encoded) !== undefined;
  } catch {
    return false;
  }
}
