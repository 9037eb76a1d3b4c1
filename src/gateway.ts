import type { RequestListener } from 'node:http';
import { createYoga } from 'graphql-yoga';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { type Context, createContext } from './context.ts';
import { createLinqClient } from './datasources/linq/client.ts';
import { createDriftReporter } from './datasources/linq/drift.ts';
import { refusal, usePublicErrors } from './errors.ts';
import { useGraphiQLPage } from './http/graphiql.ts';
import { createHostCheck, isLoopback } from './http/host-check.ts';
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
    multipart: false,
    graphiql: false, // ours is below: Yoga's own would answer before the host is checked
    landingPage: false,
    healthCheckEndpoint: '/livez',
    maxRequestBodySize: config.maxBodyBytes,
    logging: false, // what is worth a line is logged where it happens
    maskedErrors: false, // usePublicErrors masks, after every other plugin
    // In the order in which a request meets them.
    plugins: [config.graphiql && useGraphiQLPage(), useJsonRequests(), usePublicErrors(log)],
  });
  const checkHost = createHostCheck(linq.token !== undefined && !config.allowAnonymous && isLoopback(config.host));
  return {
    handle: (req, res) => {
      const requestId = requestIdOf(req);
      res.setHeader('x-request-id', requestId);
      const fault = checkHost(req);
      if (fault === undefined && req.url === '/metrics') {
        metrics.print().then((text) => res.writeHead(200, { 'content-type': metrics.contentType }).end(text));
      } else if (fault === undefined) {
        yoga(req, res, { requestId });
      } else {
        res.writeHead(fault.status, { 'content-type': 'application/json; charset=utf-8' });
        res.end(refusal('BAD_REQUEST', fault.message, requestId));
      }
    },
    close: () => client.close(),
  };
}
