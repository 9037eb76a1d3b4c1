import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createYoga } from 'graphql-yoga';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { type Context, createContext } from './context.ts';
import { createLinqClient } from './datasources/linq/client.ts';
import { createDriftReporter } from './datasources/linq/drift.ts';
import { inOrder, publicError, refusal, usePublicErrors } from './errors.ts';
import { CompiledOperations, useCompiledOperations } from './http/compiled-operations.ts';
import { createDocumentCache } from './http/document-cache.ts';
import { createFastPath } from './http/fast-path.ts';
import { useGraphiQLPage } from './http/graphiql.ts';
import { BodyFault, readBody } from './http/request-body.ts';
import { createRequestCheck, dropUnreadBody } from './http/request-check.ts';
import { requestIdOf, type ServerContext } from './http/request-id.ts';
import { hasJsonBody, useJsonRequests } from './http/request-parsing.ts';
import { schema } from './schema/index.ts';
import { createMetrics } from './telemetry/metrics.ts';

export interface Gateway {
  /** Answers every request of a `node:http` server. */
  readonly handle: RequestListener;
  /** Answers every read that is still under way with OVERLOADED, ends its call and closes the connections to Linq. */
  close(): Promise<void>;
}

/** Puts the parts together. Opens nothing: the first connection to Linq is made by the first read. */
export function createGateway(config: Config, log: Logger): Gateway {
  const { linq } = config;
  const metrics = createMetrics();
  const client = createLinqClient({
    ...linq,
    meter: metrics.upstream,
    reportDrift: createDriftReporter(metrics.upstream.drift, (path, kind) =>
      log.warn({ path, kind }, 'Linq left its documented contract'),
    ),
  });
  const contextOf = createContext({ client, token: linq.token, timeoutMs: linq.timeoutMs });
  const operations = new CompiledOperations(schema);
  const yoga = createYoga<ServerContext, Context>({
    schema,
    context: ({ request }) => contextOf({ header: (name) => request.headers.get(name), signal: request.signal }),
    cors: false,
    graphiql: false, // ours is below
    landingPage: false,
    maxRequestBodySize: false, // ours counts while it reads
    parserAndValidationCache: createDocumentCache(),
    logging: false, // what is worth a line is logged where it happens
    maskedErrors: false, // usePublicErrors masks, after every other plugin
    // In the order in which a request meets them.
    plugins: [
      config.graphiql && useGraphiQLPage(),
      useJsonRequests(config.maxBodyBytes),
      useCompiledOperations(operations, () => metrics.operation('interpreted')),
      usePublicErrors(log),
    ],
  });
  const checkRequest = createRequestCheck({
    loopbackOnly: linq.token !== undefined && !config.allowAnonymous,
    graphiql: config.graphiql,
  });
  const answerFast = createFastPath({
    operations,
    contextOf,
    onAnswer: () => metrics.operation('compiled'),
    publicErrors: (errors, data, requestId) => inOrder(errors, data).map((error) => publicError(error, requestId, log)),
  });

  async function answer(req: IncomingMessage, res: ServerResponse, requestId: string): Promise<void> {
    const body = hasJsonBody(req) ? readBody(req, config.maxBodyBytes) : undefined;
    try {
      if (body !== undefined && (await answerFast(req, res, requestId, await body))) return;
    } catch (error) {
      if (!(error instanceof BodyFault)) throw error; // that one is for Yoga to answer
    }
    res.setHeader('x-request-id', requestId);
    if (!req.complete) dropUnreadBody(req, res);
    yoga(req, res, { requestId, ...(body && { body }) });
  }

  return {
    handle: (req, res) => {
      const requestId = requestIdOf(req);
      const refused = checkRequest(req);
      const path = req.url?.split('?', 1)[0];
      if (path === '/graphql' && refused === undefined) return void answer(req, res, requestId);
      res.setHeader('x-request-id', requestId);
      if (refused !== undefined) {
        res.writeHead(refused.status, { 'content-type': 'application/json; charset=utf-8' });
        res.end(refusal('BAD_REQUEST', refused.message, requestId));
      } else if (path === '/metrics') {
        metrics.print().then(
          (text) => res.writeHead(200, { 'content-type': metrics.contentType }).end(text),
          () => res.writeHead(503).end(),
        );
      } else {
        res.writeHead(path === '/livez' ? 200 : 404).end();
      }
      if (!req.complete) dropUnreadBody(req, res);
    },
    close: () => client.close(),
  };
}
