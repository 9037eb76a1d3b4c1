import type { RequestListener } from 'node:http';
import { createYoga } from 'graphql-yoga';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { type Context, createContext } from './context.ts';
import { createLinqClient } from './datasources/linq/client.ts';
import { createDriftReporter } from './datasources/linq/drift.ts';
import { refusal, usePublicErrors } from './errors.ts';
import { createDocumentCache } from './http/document-cache.ts';
import { useGraphiQLPage } from './http/graphiql.ts';
import { createRequestCheck, dropUnreadBody } from './http/request-check.ts';
import { requestIdOf, type ServerContext } from './http/request-id.ts';
import { useJsonRequests } from './http/request-parsing.ts';
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
  const yoga = createYoga<ServerContext, Context>({
    schema,
    context: createContext({ client, token: linq.token, timeoutMs: linq.timeoutMs }),
    cors: false,
    graphiql: false, // ours is below
    landingPage: false,
    maxRequestBodySize: config.maxBodyBytes,
    parserAndValidationCache: createDocumentCache(),
    logging: false, // what is worth a line is logged where it happens
    maskedErrors: false, // usePublicErrors masks, after every other plugin
    // In the order in which a request meets them.
    plugins: [config.graphiql && useGraphiQLPage(), useJsonRequests(), usePublicErrors(log)],
  });
  const checkRequest = createRequestCheck({
    loopbackOnly: linq.token !== undefined && !config.allowAnonymous,
    graphiql: config.graphiql,
  });
  return {
    handle: (req, res) => {
      const requestId = requestIdOf(req);
      res.setHeader('x-request-id', requestId);
      dropUnreadBody(req, res);
      const refused = checkRequest(req);
      const path = req.url?.split('?', 1)[0];
      if (refused !== undefined) {
        res.writeHead(refused.status, { 'content-type': 'application/json; charset=utf-8' });
        res.end(refusal('BAD_REQUEST', refused.message, requestId));
      } else if (path === '/graphql') {
        yoga(req, res, { requestId });
      } else if (path === '/metrics') {
        metrics.print().then((text) => res.writeHead(200, { 'content-type': metrics.contentType }).end(text));
      } else {
        res.writeHead(path === '/livez' ? 200 : 404).end();
      }
    },
    close: () => client.close(),
  };
}
