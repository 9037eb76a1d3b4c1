import {
  type Config,
  ConfigError,
  type Fault,
  type Rule,
  readConfig,
  readValue,
  type Setting,
  type Values,
  variables,
} from '../config.ts';
import { isLinqId } from '../datasources/model.ts';
import type { CallerSignal } from '../datasources/reads/cancellation.ts';
import type { UpstreamMetrics } from '../datasources/upstream-metrics.ts';
import { type FailureLog, framesOf } from '../errors/failure-log.ts';
import { proxyFor } from '../network/proxies.ts';

/** Each number and string has the default and bounds of the environment variable that it names; docs/configuration.md describes them. */
export interface ContextFactoryOptions {
  /** Scheme, host and port of the Linq API: `LINQ_API_URL`. */
  readonly origin?: string | undefined;
  /** The Linq token for callers without their own: `LINQ_INTEGRATION_TOKEN`. */
  readonly token?: string | undefined;
  /** Total time for one read, including queueing and retries, in milliseconds: `LINQ_TIMEOUT_MS`. */
  readonly timeoutMs?: number | undefined;
  /** Requests to Linq in flight, and connections kept open: `LINQ_MAX_CONCURRENCY`. */
  readonly maxConcurrency?: number | undefined;
  /** Queue size; when it is full, reads fail with `OVERLOADED`: `LINQ_MAX_QUEUE`. */
  readonly maxQueue?: number | undefined;
  /** Requests to Linq per second, for each token: `LINQ_REQUESTS_PER_SECOND`. */
  readonly requestsPerSecond?: number | undefined;
  /** A larger response from Linq is rejected; `maxResultBytes` of `createGateway` limits responses to clients: `LINQ_MAX_RESPONSE_BYTES`. */
  readonly maxResponseBytes?: number | undefined;
  /** A connection to Linq is not used for longer, in milliseconds: `LINQ_CONNECTION_MAX_AGE_MS`. */
  readonly connectionMaxAgeMs?: number | undefined;
  /** The URL of an HTTP proxy for all but loopback: `HTTPS_PROXY`, and `HTTP_PROXY` too. */
  readonly proxy?: string | undefined;
  /** Distinct reads of one context: `MAX_READS_PER_OPERATION`. */
  readonly maxMessages?: number | undefined;
  /** Logs failures, never private data. A pino logger fits. Silent by default. Errors that it throws are ignored. */
  readonly log?: FailureLog | undefined;
  /** Called for each read and each request to Linq. Errors that it throws are logged and do not affect the read. */
  readonly metrics?: UpstreamMetrics | undefined;
}

export interface ContextOptions {
  /** The caller's own Linq token. If it is undefined, null or empty, the factory's token is used. */
  readonly token?: string | null | undefined;
  /** An `AbortSignal` that fires when the caller disconnects; its reads are then canceled. */
  readonly signal?: CallerSignal | undefined;
  /** Ids of the chats that may be read; undefined allows all. Messages of other chats are null, as if they did not exist. */
  readonly chats?: readonly string[] | undefined;
  /** Total time for one read, in milliseconds. Cannot exceed the factory's. */
  readonly timeoutMs?: number | undefined;
  /** Part of every error and log line: 1 to 128 of `A-Za-z0-9._-`. Random by default. */
  readonly requestId?: string | undefined;
}

/**
 * The whole gateway as a handler. Each option has the default and bounds of the environment variable that it names;
 * docs/configuration.md describes them.
 */
export interface GatewayOptions extends Omit<ContextFactoryOptions, 'maxMessages' | 'metrics'> {
  /** How long a message is cached, in milliseconds: `LINQ_CACHE_TTL_MS`. */
  readonly cacheTtlMs?: number | undefined;
  /** Shared by replicas: `REDIS_URL`. */
  readonly redisUrl?: string | undefined;
  /** Callers send one of them as `Authorization: Bearer …`: `GATEWAY_API_KEYS`. */
  readonly apiKeys?: readonly string[] | undefined;
  /** Callers may send a JWT instead: `GATEWAY_JWKS_URL`, `GATEWAY_JWT_ISSUER` and `GATEWAY_JWT_AUDIENCE`. */
  readonly jwt?: { readonly jwksUrl: string; readonly issuer: string; readonly audience: string } | undefined;
  /**
   * Lets callers without credentials read with `token`: `GATEWAY_ALLOW_ANONYMOUS`. Required for a `token` without `apiKeys` and
   * `jwt`: set it only where your program rejects unauthorized callers itself.
   */
  readonly allowAnonymous?: boolean | undefined;
  /**
   * Switches on `POST /webhooks/linq` and the subscription `chatMessageEvents`: `LINQ_WEBHOOK_SECRETS`, `MAX_STREAMS` and
   * `MAX_STREAMS_PER_CALLER`.
   */
  readonly webhooks?: WebhooksOption | undefined;
  /** Reads per second, for each caller: `CALLER_READS_PER_SECOND`. */
  readonly callerReadsPerSecond?: number | undefined;
  /** Origins whose pages may read responses: `CORS_ORIGINS`. */
  readonly corsOrigins?: readonly string[] | undefined;
  /** `GRAPHIQL`. */
  readonly graphiql?: boolean | undefined;
  /** `INTROSPECTION`. */
  readonly introspection?: boolean | undefined;
  /** `COMPRESSION`. */
  readonly compression?: boolean | undefined;
  /** A file with the only documents that are executed: `TRUSTED_DOCUMENTS`. */
  readonly trustedDocuments?: string | undefined;
  /** A larger response to a client is refused with `OPERATION_TOO_COSTLY`: `MAX_RESPONSE_BYTES`. */
  readonly maxResultBytes?: number | undefined;
  /** Requests that are executed at the same time: `MAX_REQUESTS_IN_FLIGHT`. */
  readonly maxRequestsInFlight?: number | undefined;
  /** `MAX_BODY_BYTES`. */
  readonly maxBodyBytes?: number | undefined;
  /** `MAX_TOKENS`. */
  readonly maxTokens?: number | undefined;
  /** `MAX_DEPTH`. */
  readonly maxDepth?: number | undefined;
  /** `MAX_ALIASES`. */
  readonly maxAliases?: number | undefined;
  /** `MAX_DIRECTIVES`. */
  readonly maxDirectives?: number | undefined;
  /** Distinct reads of one operation: `MAX_READS_PER_OPERATION`. */
  readonly maxMessages?: number | undefined;
}

interface WebhooksOption {
  readonly secrets: readonly string[];
  readonly maxStreams?: number | undefined;
  readonly maxStreamsPerCaller?: number | undefined;
}

const logFunctions = ['debug', 'warn', 'error'] as const;
const metricsFunctions = [
  'read',
  'attempt',
  'retry',
  'queueWait',
  'breaker',
  'sharedFlight',
  'drift',
  'cache',
] as const;

const { linq, limits } = variables;
const readRules = {
  origin: linq.origin,
  token: linq.token,
  timeoutMs: linq.timeoutMs,
  maxConcurrency: linq.maxConcurrency,
  maxQueue: linq.maxQueue,
  requestsPerSecond: linq.requestsPerSecond,
  maxResponseBytes: linq.maxResponseBytes,
  connectionMaxAgeMs: linq.connectionMaxAgeMs,
  proxy: variables.proxies.https,
};
const factoryRules = {
  ...readRules,
  maxMessages: limits.maxReads,
  log: listener(logFunctions),
  metrics: listener(metricsFunctions),
} satisfies Record<keyof ContextFactoryOptions, Setting<unknown>>;

const { callers } = variables;
const gatewayRules = {
  ...readRules,
  cacheTtlMs: linq.cacheTtlMs,
  redisUrl: variables.redisUrl,
  apiKeys: arrayOf(callers.apiKeys, 'an array of keys of visible ASCII characters, without commas'),
  jwt: jwtSetting(),
  allowAnonymous: booleanOf(variables.allowAnonymous),
  webhooks: webhooksSetting(),
  callerReadsPerSecond: variables.callerReadsPerSecond,
  corsOrigins: arrayOf(variables.corsOrigins, "an array of origins, such as ['https://app.example.com']"),
  graphiql: booleanOf(variables.graphiql),
  introspection: booleanOf(variables.introspection),
  compression: booleanOf(variables.compression),
  trustedDocuments: variables.trustedDocuments,
  maxResultBytes: limits.maxResponseBytes,
  maxRequestsInFlight: variables.maxRequestsInFlight,
  maxBodyBytes: variables.maxBodyBytes,
  maxTokens: limits.maxTokens,
  maxDepth: limits.maxDepth,
  maxAliases: limits.maxAliases,
  maxDirectives: limits.maxDirectives,
  maxMessages: limits.maxReads,
  log: listener(logFunctions),
} satisfies Record<keyof GatewayOptions, Setting<unknown>>;

const contextRules = {
  // The characters that Node accepts in a header, so the same as from callers of the gateway.
  token: setting(
    'a string that an HTTP header can carry',
    (token) => token === null || isText(token, /^[\t\x20-\x7e\x80-\xff]*$/),
  ),
  signal: setting('an AbortSignal', (signal) => hasFunctions(signal, ['addEventListener'])),
  chats: setting(
    "an array of ids of chats, such as ['1', '77']",
    (chats) => Array.isArray(chats) && chats.every((id) => typeof id === 'string' && isLinqId(id)),
  ),
  timeoutMs: linq.timeoutMs,
  requestId: setting('1 to 128 of A-Za-z0-9._-', (id) => isText(id, /^[A-Za-z0-9._-]{1,128}$/)),
} satisfies Record<keyof ContextOptions, Setting<unknown>>;

/** Throws a `TypeError` that names every wrong option. The `log` and `metrics` that it returns never throw. */
export function readFactoryOptions(given: ContextFactoryOptions) {
  const options = readOptions(given, factoryRules);
  const log: FailureLog = harmless(logFunctions, given.log, () => {});
  const metrics: UpstreamMetrics = harmless(metricsFunctions, given.metrics, (error) =>
    log.error({ error: error.name, frames: framesOf(error) }, 'the metrics listener failed'),
  );
  return { ...options, proxy: proxyOf(options.origin, options.proxy), log, metrics };
}

/** Throws a `TypeError` that names every wrong option. */
export function checkContextOptions(given: ContextOptions): void {
  readOptions(given, contextRules);
}

/** Throws a `TypeError` that names every wrong option. The `log` that it returns never throws; undefined is silent. */
export function readGatewayOptions(given: GatewayOptions): { config: Config; log: FailureLog | undefined } {
  const { apiKeys, jwt, webhooks, ...options } = readOptions(given, gatewayRules);
  const { token, allowAnonymous, graphiql, introspection, compression } = options;
  const { callerReadsPerSecond, corsOrigins, redisUrl, trustedDocuments, maxBodyBytes, maxRequestsInFlight } = options;
  const isClosed = apiKeys.length > 0 || jwt !== undefined;
  if (token !== undefined && !isClosed && !allowAnonymous) {
    throw new TypeError(
      'token must be used with apiKeys or jwt, or with allowAnonymous: true if your program rejects unauthorized callers ' +
        'itself: otherwise anyone who reaches the gateway could read every conversation',
    );
  }
  const { origin, timeoutMs, maxConcurrency, maxQueue, requestsPerSecond, maxResponseBytes, cacheTtlMs } = options;
  const { connectionMaxAgeMs } = options;
  const proxy = proxyOf(origin, options.proxy);
  const { maxTokens, maxDepth, maxAliases, maxDirectives, maxMessages, maxResultBytes } = options;
  const defaults = readConfig({}); // for what only a process of its own has, such as a port
  const config: Config = {
    ...defaults,
    linq: {
      ...defaults.linq,
      ...{ origin, token, timeoutMs, maxConcurrency, maxQueue, requestsPerSecond, maxResponseBytes, cacheTtlMs },
      ...{ connectionMaxAgeMs, proxy },
    },
    limits: {
      ...{ maxTokens, maxDepth, maxAliases, maxDirectives, maxReads: maxMessages },
      maxResponseBytes: maxResultBytes,
    },
    callers: isClosed ? { apiKeys, jwt: jwt && { ...jwt, proxy: proxyOf(jwt.jwksUrl, options.proxy) } } : undefined,
    ...{ redisUrl, allowAnonymous, corsOrigins, graphiql, introspection, compression, trustedDocuments, maxBodyBytes },
    ...{ callerReadsPerSecond, maxRequestsInFlight },
    ...webhooks,
  };
  return { config, log: given.log && harmless(logFunctions, given.log, () => {}) };
}

function proxyOf(target: string, proxy: string | undefined): string | undefined {
  return proxyFor(target, { https: proxy, http: proxy, none: '' });
}

type Rules = Readonly<Record<string, Setting<unknown>>>;

function readOptions<R extends Rules>(given: { readonly [Name in keyof R]?: unknown }, rules: R): Values<R> {
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`options must be an object, got ${given === null ? 'null' : typeof given}`);
  const faults: Fault[] = [];
  const values = Object.entries(rules).map(([name, rule]) => [name, readValue(rule, name, given[name], faults)]);
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(rules, name));
  const lines = unknown.map((name) => `${name} is not an option; the options are ${Object.keys(rules).join(', ')}`);
  if (faults.length > 0) lines.push(new ConfigError(faults).message);
  if (lines.length > 0) throw new TypeError(lines.join('\n'));
  return Object.fromEntries(values) as Values<R>;
}

/** Wrong values are not printed: they may be secrets. */
function setting(wanted: string, fits: (value: unknown) => boolean): Setting<unknown> {
  const check = (value: unknown) => (fits(value) ? value : undefined);
  return { wanted, fallback: undefined, check, conceal: () => 'something else' };
}

/** A list of an environment variable is a text with commas; as an option it is an array. */
function arrayOf(rule: Setting<readonly string[]>, wanted: string): Setting<readonly string[]> {
  const check = (value: unknown) => {
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) return undefined;
    if (value.length === 0) return rule.fallback;
    const found = rule.check(value.join(','));
    return found?.length === value.length && found.every((item, index) => item === value[index]) ? found : undefined;
  };
  return { wanted, fallback: rule.fallback, check, conceal: () => 'something else' };
}

function booleanOf({ wanted, fallback }: Setting<boolean>): Setting<boolean> {
  return { wanted, fallback, check: (value) => (typeof value === 'boolean' ? value : undefined) };
}

type JwtRules = NonNullable<GatewayOptions['jwt']>;

function jwtSetting(): Setting<JwtRules | undefined> {
  const read = <V>(rule: Rule<V>, value: unknown) => (value === '' ? undefined : rule.check(value));
  const check = (value: unknown) => {
    const given: Record<string, unknown> = Object(value);
    const jwksUrl = read(callers.jwksUrl, given['jwksUrl']);
    const issuer = read(callers.issuer, given['issuer']);
    const audience = read(callers.audience, given['audience']);
    return jwksUrl && issuer && audience ? { jwksUrl, issuer, audience } : undefined;
  };
  const wanted = 'an object with jwksUrl, an https URL without credentials, and the texts issuer and audience';
  return { wanted, fallback: undefined, check, conceal: () => 'something else' };
}

interface Webhooks {
  readonly webhookSecrets: readonly string[];
  readonly maxStreams: number;
  readonly maxStreamsPerCaller: number;
}

function webhooksSetting(): Setting<Webhooks | undefined> {
  const secrets = arrayOf(variables.webhookSecrets, '');
  const names = ['secrets', 'maxStreams', 'maxStreamsPerCaller'];
  const read = (rule: Setting<number>, value: unknown) => (value === undefined ? rule.fallback : rule.check(value));
  const check = (value: unknown) => {
    const given: Record<string, unknown> = Object(value);
    if (Object.keys(given).some((name) => !names.includes(name))) return undefined;
    const webhookSecrets = secrets.check(given['secrets']);
    const maxStreams = read(variables.maxStreams, given['maxStreams']);
    const maxStreamsPerCaller = read(variables.maxStreamsPerCaller, given['maxStreamsPerCaller']);
    if (!webhookSecrets?.length || maxStreams === undefined || maxStreamsPerCaller === undefined) return undefined;
    return { webhookSecrets, maxStreams, maxStreamsPerCaller };
  };
  const wanted =
    'an object with secrets, an array of texts of visible ASCII characters, without commas, and, if given, the whole numbers ' +
    'maxStreams and maxStreamsPerCaller from 0 to 1000000';
  return { wanted, fallback: undefined, check, conceal: () => 'something else' };
}

function listener(names: readonly string[]): Setting<unknown> {
  return setting(`an object with the functions ${names.join(', ')}`, (value) => hasFunctions(value, names));
}

type Listener<Name extends string> = Record<Name, (...what: unknown[]) => void>;

/** Calls the given listener, if there is one, and `onThrow` with what it throws. */
function harmless<N extends string>(names: readonly N[], given: object | undefined, onThrow: (error: Error) => void) {
  const listener = given as Listener<N> | undefined;
  const call = (name: N, what: readonly unknown[]) => {
    try {
      listener?.[name](...what);
    } catch (error) {
      onThrow(error instanceof Error ? error : new Error());
    }
  };
  const functions = names.map((name) => [name, (...what: unknown[]) => call(name, what)]);
  return Object.fromEntries(functions) as Listener<N>;
}

function hasFunctions(value: unknown, names: readonly string[]): boolean {
  return names.every((name) => typeof Reflect.get(Object(value), name) === 'function');
}

function isText(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}
