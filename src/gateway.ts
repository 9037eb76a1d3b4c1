import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createYoga } from 'graphql-yoga';
import type { Logger } from 'pino';
import { createIdentify, type Refusal } from './auth/authenticate.ts';
import { type Config, isOpen } from './config.ts';
import { type Context, createContextFactory } from './context.ts';
import { createMemoryStore } from './datasources/cache/memory-store.ts';
import { createReadCache } from './datasources/cache/read-cache.ts';
import { createLinqClient } from './datasources/linq/client.ts';
import { createDriftReporter } from './datasources/linq/drift.ts';
import { routes } from './datasources/loaders.ts';
import type { ReadCache } from './datasources/reads/read.ts';
import { createEncryptedStore } from './datasources/redis/encrypted-store.ts';
import { Replicas } from './datasources/redis/replicas.ts';
import {
  type ErrorCode,
  errorCodes,
  framesOf,
  inOrder,
  internalError,
  publicError,
  refusal,
  refusesAll,
  usePublicErrors,
} from './errors.ts';
import { createGraphiQL } from './graphiql/graphiql.ts';
import { type FirstPage, linqPage } from './graphiql/graphiql-page.ts';
import { createDocumentCache } from './graphql/document-cache.ts';
import { useGraphqlExecute } from './graphql/execute.ts';
import { contentTypeFor, createFastPath } from './graphql/fast-path/fast-path.ts';
import { Plans, usePlans } from './graphql/fast-path/plans.ts';
import { useNoIntrospection } from './graphql/introspection.ts';
import { useOperationLimits } from './graphql/operation-limits.ts';
import { createParamsReader, hasJsonBody, useJsonRequests } from './graphql/params.ts';
import type { TrustedDocuments } from './graphql/trusted-documents.ts';
import { BodyFault, readBody } from './http/body.ts';
import { createCors } from './http/cors.ts';
import { createRequestCheck, dropUnreadBody } from './http/guard.ts';
import { setAnswerHeaders } from './http/headers.ts';
import { Readiness, useReadiness } from './http/readiness.ts';
import { requestIdOf, type ServerContext } from './http/request-id.ts';
import { schema } from './schema/index.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { createEndRequest, RequestRecord } from './telemetry/request-record.ts';
import { createTracing, useOperationSpans } from './telemetry/tracing.ts';

export interface Gateway {
  /** Connects to Redis, where that is used. Resolves without it as well: the gateway then begins alone. */
  connect(): Promise<void>;
  /** Answers every request of a `node:http` server. */
  readonly handle: RequestListener;
  /** From now on /readyz is 200. To be called when the server listens. */
  open(): void;
  /**
   * From now on /readyz is 503, and each answer closes its connection; resolves when balancers have had time to see it, which
   * they are given where one ever asked this process or, as `isWatched` says, another.
   */
  drain(isWatched: boolean): Promise<void>;
  /** Answers every read that is still under way, and every later request, with OVERLOADED; ends all calls to Linq. */
  close(): Promise<void>;
}

interface GatewayOptions {
  /** The only documents that are executed; undefined is all. */
  readonly documents?: TrustedDocuments | undefined;
  /** What GraphiQL opens with. */
  readonly firstPage?: FirstPage | undefined;
}

/** Puts the parts together. Makes no connection: the first one to Linq is made by the first read, the one to Redis by `connect`. */
export function createGateway(
  config: Config,
  log: Logger,
  { documents, firstPage = linqPage }: GatewayOptions = {},
): Gateway {
  const { linq, limits } = config;
  const metrics = createMetrics(
    Object.keys(errorCodes) as ErrorCode[],
    routes.map(({ template }) => template),
  );
  const endRequest = createEndRequest(log, metrics);
  const tracing = createTracing(linq.origin);
  const readiness = new Readiness();
  const replicas = createReplicas(config, log, metrics);
  let isClosed = false;
  const client = createLinqClient({
    ...linq,
    replicas,
    cache: createCache(linq.cacheTtlMs, replicas),
    metrics: metrics.upstream,
    traceCall: tracing?.traceCall,
    reportDrift: createDriftReporter(metrics.upstream.drift, (route, path, kind, requestId) =>
      log.warn({ requestId, route, path, kind }, 'Linq response does not match its documentation'),
    ),
  });
  const contextOf = createContextFactory({ client, ...linq, maxMessages: limits.maxMessages, onBatch: metrics.batch });
  const readParams = createParamsReader(documents);
  const plans = new Plans(schema);
  const errorOptions = { suggestions: config.introspection };
  const yoga = createYoga<ServerContext, Context>({
    schema,
    context: ({ request, record: { requestId }, identity: { chats } }) =>
      contextOf({ header: (name) => request.headers.get(name), requestId, signal: request.signal, chats }),
    cors: false, // ours covers every answer
    graphiql: false, // ours is below
    landingPage: false,
    maxRequestBodySize: false, // ours counts while it reads
    parserAndValidationCache: createDocumentCache(),
    logging: false, // what is worth a line is logged where it happens
    maskedErrors: false, // usePublicErrors masks, after every other plugin
    // In the order in which a request meets them.
    plugins: [
      useJsonRequests(config.maxBodyBytes, readParams),
      useOperationLimits(limits),
      !config.introspection && useNoIntrospection(),
      useGraphqlExecute(),
      usePlans(plans, (record) => {
        record.executor = 'interpreted';
        metrics.operation('interpreted');
      }),
      tracing !== undefined && useOperationSpans(),
      usePublicErrors(log, errorOptions),
      useReadiness(readiness),
    ],
  });
  const checkRequest = createRequestCheck({ ...config, loopbackOnly: isOpen(config) });
  const answerCors = createCors(config.corsOrigins);
  const credential = config.callers && { authorization: 'Bearer ' };
  const answerGraphiQL = config.graphiql
    ? createGraphiQL({ ...firstPage, headers: { ...credential, ...firstPage.headers } })
    : undefined;
  const identify = createIdentify(config.callers, log);
  const answerFast = createFastPath({
    plans,
    contextOf,
    readParams,
    beforeSend: (record, res) => {
      record.executor = 'compiled';
      metrics.operation('compiled');
      readiness.letGo(res);
    },
    afterSend: endRequest,
    publicErrors: (errors, data, record) =>
      errors.some(refusesAll)
        ? undefined
        : inOrder(errors, data).map((error) => publicError(error, record, log, errorOptions)),
  });

  async function answer(req: IncomingMessage, res: ServerResponse, record: RequestRecord): Promise<void> {
    const identity = await identify(req.headers.authorization, record);
    if ('code' in identity) return refuse(req, res, record, identity);
    const body = hasJsonBody(req) ? readBody(req, config.maxBodyBytes) : undefined;
    try {
      if (body !== undefined && (await answerFast(req, res, { record, identity }, await body))) return;
    } catch (error) {
      if (!(error instanceof BodyFault)) throw error; // that one is for Yoga to answer
    }
    setAnswerHeaders(res, record.requestId);
    if (!req.complete) dropUnreadBody(req, res);
    const end = () => endRequest(record, res.statusCode, res.writableFinished);
    if (res.closed) end();
    else res.once('close', end);
    yoga(req, res, { record, identity, ...(body && { body }) });
  }

  function refuse(
    req: IncomingMessage,
    res: ServerResponse,
    record: RequestRecord,
    { status, code, message, headers }: Refusal,
  ) {
    setAnswerHeaders(res, record.requestId);
    if (!req.complete) dropUnreadBody(req, res);
    // Apollo Client reads the errors of a status such as 401 only under the type that GraphQL over HTTP has for them.
    const contentType = contentTypeFor(req.headers.accept) ?? 'application/json; charset=utf-8';
    res.writeHead(status, { 'content-type': contentType, ...headers });
    record.codes = [code];
    const isAnswered = !res.closed;
    res.end(refusal(code, message, record.requestId));
    endRequest(record, status, isAnswered);
  }

  function fail(req: IncomingMessage, res: ServerResponse, record: RequestRecord, error: Error): void {
    const { requestId, traceId } = record;
    log.error({ requestId, traceId, error: error.name, frames: framesOf(error) }, 'internal error');
    if (res.headersSent) res.destroy();
    else refuse(req, res, record, { status: 500, code: 'INTERNAL_SERVER_ERROR', message: internalError });
    endRequest(record, 500, true);
  }

  return {
    handle: (req, res) => {
      const record = new RequestRecord(requestIdOf(req), req);
      const { requestId } = record;
      readiness.letGo(res);
      if (answerCors(req, res, requestId)) return;
      const refused = checkRequest(req);
      if (refused !== undefined) return refuse(req, res, record, { code: 'BAD_REQUEST', ...refused });
      const path = req.url?.split('?', 1)[0] ?? '';
      const page = answerGraphiQL?.(req, res, path, requestId);
      if (page !== undefined) {
        page.catch((error: Error) => fail(req, res, record, error));
        return;
      }
      if (path === '/graphql') {
        if (isClosed) return refuse(req, res, record, shuttingDown);
        record.trace = tracing?.begin(req);
        const start = () => {
          answer(req, res, record).catch((error: Error) => fail(req, res, record, error));
        };
        return record.trace === undefined ? start() : record.trace.run(start);
      }
      setAnswerHeaders(res, requestId);
      if (!req.complete) dropUnreadBody(req, res);
      if (path === '/metrics') {
        metrics.print().then(
          (text) => res.writeHead(200, { 'content-type': metrics.contentType }).end(text),
          () => res.writeHead(503).end(),
        );
      } else {
        res.writeHead(path === '/livez' ? 200 : path === '/readyz' ? readiness.ask() : 404).end();
      }
    },
    connect: async () => replicas?.open(),
    open: () => readiness.open(),
    drain: (isWatched) => readiness.drain(isWatched),
    async close() {
      isClosed = true;
      await client.close();
      await replicas?.close();
    },
  };
}

function createReplicas({ redisUrl, linq, workers }: Config, log: Logger, metrics: Metrics): Replicas | undefined {
  if (redisUrl === undefined) return undefined;
  return new Replicas({
    url: redisUrl,
    origin: linq.origin,
    atLeast: workers,
    onChange: (isUp, details) => {
      metrics.redis(isUp);
      if (isUp) log.info({ replicas: details.replicas }, 'Redis is there: rates and pauses are kept by all replicas');
      else log.warn(details, 'Redis is away: this replica keeps to its own share of the rates');
    },
  });
}

function createCache(ttlMs: number, replicas: Replicas | undefined): ReadCache | undefined {
  if (ttlMs === 0) return undefined;
  return createReadCache(replicas === undefined ? createMemoryStore(ttlMs) : createEncryptedStore(replicas, ttlMs));
}

const shuttingDown: Refusal = {
  status: 503,
  code: 'OVERLOADED',
  message: 'The gateway is shutting down. Ask again.',
};
