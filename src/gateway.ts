import cluster from 'node:cluster';
import type { RequestListener, Server } from 'node:http';
import { printSchema } from 'graphql';
import { createAuthenticate } from './auth/authenticate.ts';
import { type Config, isOpen } from './config.ts';
import { createContextFactory, laneOf } from './context.ts';
import { Invalidations } from './datasources/cache/invalidations.ts';
import { createMemoryStore } from './datasources/cache/memory-store.ts';
import { createReadCache } from './datasources/cache/read-cache.ts';
import { WorkerEventLog } from './datasources/events/cluster-event-log.ts';
import type { EventLog } from './datasources/events/event-log.ts';
import { EventReads } from './datasources/events/event-reads.ts';
import { MemoryEventLog } from './datasources/events/memory-event-log.ts';
import { createLinqClient } from './datasources/linq/client.ts';
import { createDriftReporter, perResponse } from './datasources/linq/drift.ts';
import { routes } from './datasources/loaders.ts';
import type { ReadCache } from './datasources/reads/read.ts';
import { createEncryptedStore } from './datasources/redis/encrypted-store.ts';
import { RedisEventLog } from './datasources/redis/event-log.ts';
import { Replicas } from './datasources/redis/replicas.ts';
import { type ErrorCode, errorCodes } from './errors/codes.ts';
import { type FailureLog, framesOf } from './errors/failure-log.ts';
import { publicErrors, refusesAll } from './errors/public-error.ts';
import { createGraphiQL } from './graphiql/graphiql.ts';
import { type FirstPage, linqPage } from './graphiql/graphiql-page.ts';
import { createEndpoint, createSdlHandle } from './graphql/endpoint.ts';
import { createFastPath } from './graphql/fast-path/fast-path.ts';
import { Plans } from './graphql/fast-path/plans.ts';
import { createParamsReader } from './graphql/params.ts';
import { PersistedQueries } from './graphql/persisted-queries.ts';
import { Streams } from './graphql/streams/streams.ts';
import type { TrustedDocuments } from './graphql/trusted-documents.ts';
import { Turns } from './graphql/turns.ts';
import { createYogaServer } from './graphql/yoga.ts';
import { Connections } from './http/connections.ts';
import { createCors } from './http/cors.ts';
import { createGuard } from './http/guard.ts';
import { maxConnections } from './http/open-files.ts';
import { Readiness } from './http/readiness.ts';
import { createRouter } from './http/router.ts';
import { UnreadResponses } from './http/unread-responses.ts';
import { schema } from './schema/index.ts';
import { memoizeBySchema } from './schema/subgraph.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { createEndRequest } from './telemetry/request-record.ts';
import { StreamRecord } from './telemetry/stream-record.ts';
import { createTracing } from './telemetry/tracing.ts';
import { createWebhookEndpoint } from './webhooks/endpoint.ts';

export interface Gateway {
  /** Connects to Redis, if configured. Resolves without a connection too: the gateway then starts on its own. */
  connect(): Promise<void>;
  /** Handles every request of a `node:http` server. */
  readonly handle: RequestListener;
  /** Keeps the connections of a server that `handle` serves below the number that the system lets this process open. */
  limitConnections(server: Server): void;
  /** The open streams of subscriptions. */
  readonly streams: Pick<Streams, 'size'>;
  /** /readyz is 200 from now on. Call it when the server listens. */
  open(): void;
  /**
   * /readyz is 503 from now on, and each response closes its connection; resolves when load balancers had time to see it, if
   * one ever probed this process or, as `isSiblingProbed` says, another.
   */
  drain(isSiblingProbed: boolean): Promise<void>;
  /** Fails all reads in flight and all later requests with OVERLOADED; ends all calls to Linq. */
  close(): Promise<void>;
}

/** The part of a pino logger that the gateway writes to. */
export interface GatewayLog extends FailureLog {
  info(fields: object, message: string): void;
  isLevelEnabled(level: string): boolean;
}

interface GatewayOptions {
  /** The only documents that are executed; undefined is all. */
  readonly documents?: TrustedDocuments | undefined;
  readonly firstPage?: FirstPage | undefined;
  /** How long a client may read nothing of its response, in milliseconds. */
  readonly unreadMs?: number | undefined;
}

/** What clients have not read yet of their responses may be this many times MAX_RESPONSE_BYTES. */
const unreadResponses = 16;

const printSdl = memoizeBySchema((schema) => `${printSchema(schema)}\n`);

/** Wires the parts. Opens no connection: the first read connects to Linq, and `connect` to Redis. */
export function createGateway(
  config: Config,
  log: GatewayLog,
  { documents, firstPage = linqPage, unreadMs = 60_000 }: GatewayOptions = {},
): Gateway {
  const { linq, limits, introspection, maxBodyBytes } = config;
  const { maxResponseBytes } = limits;
  const metrics = createMetrics(
    Object.keys(errorCodes) as ErrorCode[],
    routes.map(({ template }) => template),
  );
  const endRequest = createEndRequest(log, metrics);
  const tracing = createTracing(linq.origin);
  const readiness = new Readiness();
  const replicas = createReplicas(config, log, metrics);
  const events = createEventLog(config, log, replicas);
  const reportDrift = createDriftReporter(
    metrics.upstream.drift,
    perResponse((route, drifts, requestId) =>
      log.warn({ requestId, route, drifts }, 'Linq response does not match its documentation'),
    ),
  );
  const client = createLinqClient({
    ...linq,
    callerReadsPerSecond: config.callerReadsPerSecond,
    replicas,
    cache: createCache(linq.cacheTtlMs, replicas, events),
    metrics: metrics.upstream,
    traceCall: tracing?.traceCall,
    reportDrift,
  });
  const turns = new Turns();
  const contextOf = createContextFactory({
    client,
    events: events && { tail: events.tail, reads: new EventReads(client, events.tail) },
    reportDrift,
    ...linq,
    maxReads: limits.maxReads,
    explain: introspection,
    onBatch: metrics.batch,
    takeTurn: (lane) => turns.next(lane),
  });
  const readParams = createParamsReader(documents, new PersistedQueries(metrics.persistedQuery));
  const plans = new Plans(schema);
  const connections = new Connections();
  const unread = new UnreadResponses({ maxBytes: unreadResponses * maxResponseBytes, maxMs: unreadMs }, () =>
    log.debug({}, 'connection closed: its client does not read its responses'),
  );
  const streams = new Streams(config, metrics.streamOverLimit);
  const yoga = createYogaServer({
    schema,
    contextOf,
    readParams,
    plans,
    onExecute: (record) => {
      record.executor = 'interpreted';
      metrics.operation('interpreted');
    },
    limits,
    turns,
    streams,
    beginStream: (request) => new StreamRecord(request, log, metrics),
    unread,
    introspection,
    readiness,
    log,
  });
  const answerFast = createFastPath({
    plans,
    contextOf,
    readParams,
    maxResponseBytes,
    unread,
    turns,
    beforeSend: (record, res) => {
      record.executor = 'compiled';
      metrics.operation('compiled');
      readiness.closeWhenDraining(res);
    },
    afterSend: endRequest,
    publicErrors: (errors, record) =>
      errors.some(refusesAll) ? undefined : publicErrors(errors, record, log, { suggestions: introspection }),
  });
  const authenticate = createAuthenticate(config.callers, log);
  const headers = { ...(config.callers && { authorization: 'Bearer ' }), ...firstPage.headers };
  const router = createRouter({
    graphql: createEndpoint({
      authenticate,
      answerFast,
      yoga,
      tracing,
      readiness,
      endRequest,
      maxBodyBytes,
      maxInFlight: config.maxRequestsInFlight,
      unread,
      turns,
      laneOf: (caller, token) => laneOf(client, caller, token),
    }),
    sdl: introspection ? createSdlHandle(authenticate, printSdl(schema)) : undefined,
    graphiql: config.graphiql ? createGraphiQL({ ...firstPage, headers }) : undefined,
    webhooks: events && createWebhooks(config, log, metrics, readiness, events),
    metrics,
    readiness,
    compression: config.compression,
    unread,
    cors: createCors(config.corsOrigins),
    guard: createGuard({ ...config, loopbackOnly: isOpen(config) }),
    log,
    endRequest,
  });
  return {
    handle: connections.limitRequests(router),
    streams,
    limitConnections(server) {
      const max = maxConnections(linq.maxConcurrency);
      if (max !== undefined) connections.limitNumber(server, max, log);
    },
    async connect() {
      await replicas?.open();
      await events?.open();
    },
    open: () => readiness.open(),
    async drain(isSiblingProbed) {
      streams.refuse();
      await readiness.drain(isSiblingProbed);
      streams.end();
    },
    async close() {
      readiness.close();
      streams.end();
      await client.close();
      events?.close();
      await replicas?.close();
    },
  };
}

function createReplicas({ redisUrl, linq, workers }: Config, log: GatewayLog, metrics: Metrics): Replicas | undefined {
  if (redisUrl === undefined) return undefined;
  return new Replicas({
    url: redisUrl,
    origin: linq.origin,
    atLeast: workers,
    onChange: (isUp, details) => {
      metrics.redis(isUp);
      if (isUp) log.info({ replicas: details.replicas }, 'Redis connected: replicas share rate limits and pauses');
      else log.warn(details, 'Redis disconnected: this replica keeps to its own share of the rate limits');
    },
  });
}

/** Undefined where webhooks are not configured. */
function createEventLog(config: Config, log: GatewayLog, replicas: Replicas | undefined): EventLog | undefined {
  const { webhookSecrets, redisUrl, workers } = config;
  if (webhookSecrets.length === 0) return undefined;
  if (replicas === undefined || redisUrl === undefined)
    return workers > 1 && cluster.isWorker ? new WorkerEventLog() : new MemoryEventLog();
  return new RedisEventLog({
    url: redisUrl,
    replicas,
    onChange: (isUp, reason) => {
      if (isUp) log.info({}, 'Redis connected: replicas share events');
      else log.warn({ reason }, 'Redis disconnected: this replica delivers only the events that it receives');
    },
  });
}

function createWebhooks(
  { webhookSecrets }: Config,
  log: GatewayLog,
  metrics: Metrics,
  readiness: Readiness,
  events: EventLog,
): RequestListener {
  return createWebhookEndpoint({
    secrets: webhookSecrets,
    log: events,
    readiness,
    onOutcome: metrics.webhook,
    onError: (error) => log.error({ error: error.name, frames: framesOf(error) }, 'internal error'),
    onUnsigned: () => log.warn({}, 'webhooks without a valid signature are refused'),
  });
}

function createCache(
  ttlMs: number,
  replicas: Replicas | undefined,
  events: EventLog | undefined,
): ReadCache | undefined {
  if (ttlMs === 0) return undefined;
  const store = replicas === undefined ? createMemoryStore(ttlMs) : createEncryptedStore(replicas, ttlMs);
  return createReadCache(store, events && new Invalidations(events.tail));
}
