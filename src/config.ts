import { availableParallelism } from 'node:os';
import type { CallerRules } from './auth/credentials.ts';
import type { OperationLimits } from './graphql/operation-limits.ts';
import { isLoopback } from './http/loopback.ts';

/** What the environment decides, read once by `server.ts`. README.md says what each variable means. */
export interface Config {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly linq: {
    /** Scheme, host and port. */
    readonly origin: string;
    readonly token: string | undefined;
    readonly timeoutMs: number;
    readonly maxConcurrency: number;
    readonly maxQueue: number;
    /** For each token; undefined is without limit. */
    readonly requestsPerSecond: number | undefined;
    readonly maxResponseBytes: number;
    /** How long a message is kept for its next readers, in milliseconds; 0 is not at all. */
    readonly cacheTtlMs: number;
  };
  /** What replicas share; undefined is nothing. */
  readonly redisUrl: string | undefined;
  /** Whether callers without a token of their own may use ours on a public address. */
  readonly allowAnonymous: boolean;
  /** Who may call; undefined is anybody who reaches the gateway. */
  readonly callers: CallerRules | undefined;
  /** Origins whose pages may read answers. */
  readonly corsOrigins: readonly string[];
  readonly graphiql: boolean;
  readonly introspection: boolean;
  /** A file that holds the only documents that are executed. */
  readonly trustedDocuments: string | undefined;
  readonly maxBodyBytes: number;
  readonly limits: OperationLimits & {
    /** Distinct messages that one operation may ask for. */
    readonly maxMessages: number;
  };
  /** Processes that share the port. */
  readonly workers: number;
  readonly logLevel: LogLevel;
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
type LogLevel = (typeof logLevels)[number];

/** All faults of an environment together, one line for each. Never holds a secret's value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws a `ConfigError` that names every wrong variable, what was wanted and what was got. Empty means unset. */
export function readConfig(env: Environment): Config {
  const faults: string[] = [];
  const fault = (name: string, wanted: string, got = JSON.stringify(env[name])): void => {
    faults.push(`${name} must be ${wanted}, got ${got}`);
  };

  const text = (name: string): string | undefined => env[name] || undefined;

  const integer = (name: string, fallback: number, min: number, max: number, or = ''): number => {
    const value = text(name);
    if (value === undefined) return fallback;
    if (/^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max) return Number(value);
    fault(name, `${or}a whole number from ${min} to ${max}`);
    return fallback;
  };

  const rate = (name: string): number | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    if (/^\d{1,6}(\.\d{1,3})?$/.test(value) && Number(value) > 0) return Number(value);
    fault(name, 'a number above 0 and below 1000000, with up to three decimals');
    return undefined;
  };

  const boolean = (name: string, fallback: boolean): boolean => {
    const value = text(name);
    if (value === undefined) return fallback;
    if (value !== 'true' && value !== 'false') fault(name, 'true or false');
    return value === 'true';
  };

  const origin = (name: string, fallback: string): string => {
    const value = text(name) ?? fallback;
    const url = URL.parse(value);
    const wanted = 'the origin of an HTTP server, such as https://api.linqapp.com';
    if (/[@?#]/.test(value)) {
      fault(name, wanted, 'one with credentials or parameters'); // not shown: they may be secrets
    } else if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== '/') {
      fault(name, wanted);
    }
    return url?.origin ?? fallback;
  };

  const secret = (name: string): string | undefined => {
    const value = text(name);
    if (value !== undefined && !/^[\x21-\x7e]+$/.test(value)) {
      fault(name, 'visible ASCII characters without spaces', 'a value with others in it');
    }
    return value;
  };

  const logLevel = (name: string, fallback: LogLevel): LogLevel => {
    const value = text(name) ?? fallback;
    const level = logLevels.find((known) => known === value);
    if (level === undefined) fault(name, `one of ${logLevels.join(', ')}`);
    return level ?? fallback;
  };

  /** Comma-separated. What is wrong is not shown: it may be a secret. */
  const list = (name: string, wanted: string, fits: (item: string) => boolean): readonly string[] => {
    const items =
      text(name)
        ?.split(',')
        .map((item) => item.trim()) ?? [];
    if (!items.every(fits)) fault(name, `${wanted}, separated by commas`, 'a list with something else in it');
    return items;
  };

  const jwksUrl = (name: string): string | undefined => {
    const url = URL.parse(text(name) ?? '');
    const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
    const isPlain = url?.username === '' && url.password === ''; // no request can be made to another
    if (text(name) !== undefined && !(isSafe && isPlain)) {
      fault(name, 'an https URL without credentials', 'something else');
    }
    return url?.href;
  };

  /** Not shown where it is wrong: it may hold a password. */
  const redisUrl = (name: string): string | undefined => {
    const url = URL.parse(text(name) ?? '');
    const isRedis = url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== '';
    const isPlain = url?.search === '' && url.hash === '' && /^(?:\/\d{0,5})?$/.test(url.pathname);
    if (text(name) !== undefined && !(isRedis && isPlain && isDecodable(url.username + url.password))) {
      fault(name, 'a URL such as redis://user:password@host:6379/0, or rediss:// for TLS', 'something else');
    }
    return text(name);
  };

  const callers = (): CallerRules | undefined => {
    const names = ['GATEWAY_JWKS_URL', 'GATEWAY_JWT_ISSUER', 'GATEWAY_JWT_AUDIENCE'];
    const missing = names.filter((name) => text(name) === undefined);
    if (missing.length === 1 || missing.length === 2) {
      for (const name of missing)
        fault(name, `set together with ${names.filter((other) => other !== name).join(' and ')}`, 'nothing');
    }
    const apiKeys = list('GATEWAY_API_KEYS', 'keys of visible ASCII characters', (key) => /^[\x21-\x7e]+$/.test(key));
    const [url, issuer, audience] = [
      jwksUrl('GATEWAY_JWKS_URL'),
      text('GATEWAY_JWT_ISSUER'),
      text('GATEWAY_JWT_AUDIENCE'),
    ];
    const jwt =
      url !== undefined && issuer !== undefined && audience !== undefined
        ? { jwksUrl: url, issuer, audience }
        : undefined;
    return apiKeys.length > 0 || jwt !== undefined ? { apiKeys, jwt } : undefined;
  };

  const config: Config = {
    host: text('HOST') ?? '127.0.0.1',
    port: integer('PORT', 4000, 0, 65_535),
    linq: {
      origin: origin('LINQ_API_URL', 'https://api.linqapp.com'),
      token: secret('LINQ_INTEGRATION_TOKEN'),
      timeoutMs: integer('LINQ_TIMEOUT_MS', 10_000, 1, 2_147_483_647), // the longest that a timer can wait
      maxConcurrency: integer('LINQ_MAX_CONCURRENCY', 64, 1, 65_535),
      maxQueue: integer('LINQ_MAX_QUEUE', 1024, 0, 1_000_000),
      requestsPerSecond: rate('LINQ_REQUESTS_PER_SECOND'),
      maxResponseBytes: integer('LINQ_MAX_RESPONSE_BYTES', 4_194_304, 1, 536_870_888), // the longest string there is
      cacheTtlMs: integer('LINQ_CACHE_TTL_MS', 0, 0, 86_400_000),
    },
    redisUrl: redisUrl('REDIS_URL'),
    allowAnonymous: boolean('GATEWAY_ALLOW_ANONYMOUS', false),
    callers: callers(),
    corsOrigins: list('CORS_ORIGINS', 'origins such as https://app.example.com', isOrigin),
    graphiql: boolean('GRAPHIQL', true),
    introspection: boolean('INTROSPECTION', true),
    trustedDocuments: text('TRUSTED_DOCUMENTS'),
    maxBodyBytes: integer('MAX_BODY_BYTES', 102_400, 1, 536_870_888),
    limits: {
      maxTokens: integer('MAX_TOKENS', 4_000, 1, 1_000_000),
      maxDepth: integer('MAX_DEPTH', 10, 1, 1_000),
      maxAliases: integer('MAX_ALIASES', 200, 0, 1_000_000),
      maxDirectives: integer('MAX_DIRECTIVES', 50, 0, 1_000_000),
      maxMessages: integer('MAX_MESSAGES_PER_OPERATION', 100, 1, 1_000_000),
    },
    workers: text('WORKERS') === 'auto' ? availableParallelism() : integer('WORKERS', 1, 1, 1_024, 'auto or '),
    logLevel: logLevel('LOG_LEVEL', 'info'),
  };

  if (isOpen(config) && !isLoopback(config.host)) {
    faults.push(
      `HOST must be a loopback address, got ${JSON.stringify(config.host)}: with LINQ_INTEGRATION_TOKEN set, anybody who ` +
        'reaches the gateway could read every conversation (GATEWAY_API_KEYS or GATEWAY_JWKS_URL closes it, ' +
        'GATEWAY_ALLOW_ANONYMOUS=true accepts that)',
    );
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

/** Whether whoever reaches the gateway may use its own token: it then has to be hard to reach. */
export function isOpen({ linq, callers, allowAnonymous }: Config): boolean {
  return linq.token !== undefined && callers === undefined && !allowAnonymous;
}

/** Exactly as a browser sends it. */
function isOrigin(text: string): boolean {
  return /^https?:[^*]+$/.test(text) && URL.parse(text)?.origin === text;
}

function isDecodable(encoded: string): boolean {
  try {
    return decodeURIComponent(encoded) !== undefined;
  } catch {
    return false;
  }
}
