import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type FailureLog, framesOf } from '../errors/failure-log.ts';
import { internalError } from '../errors/public-error.ts';
import { type Rejection, rejectionBody } from '../errors/rejection.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type EndRequest, RequestRecord } from '../telemetry/request-record.ts';
import { responseTypeFor, wantsHtml } from './accept.ts';
import { dropUnreadBody } from './body.ts';
import type { Cors } from './cors.ts';
import type { Guard } from './guard.ts';
import { setResponseHeaders } from './headers.ts';
import type { Readiness } from './readiness.ts';
import { requestIdOf } from './request-id.ts';

/** Sends the response, or returns why the request is refused. Anything it throws is an internal error. */
export type Handle = (
  req: IncomingMessage,
  res: ServerResponse,
  record: RequestRecord,
  path: string,
) => Rejection | undefined | Promise<Rejection | undefined>;

interface Route {
  /** One that ends in a slash covers every path below it. */
  readonly path: string;
  readonly when?: (req: IncomingMessage) => boolean;
  readonly handle: Handle;
}

interface RouterOptions {
  readonly graphql: Handle;
  readonly graphiql: { readonly page: Handle; readonly asset: Handle } | undefined;
  readonly metrics: Pick<Metrics, 'print' | 'contentType'>;
  readonly readiness: Readiness;
  readonly cors: Cors;
  readonly guard: Guard;
  readonly log: FailureLog;
  readonly endRequest: EndRequest;
}

/** Handles every request of a `node:http` server: CORS, then the guard, then the first route that matches. */
export function createRouter(options: RouterOptions): RequestListener {
  const { graphql, graphiql, metrics, readiness, cors, guard, log, endRequest } = options;
  const isRead = ({ method }: IncomingMessage) => method === 'GET' || method === 'HEAD';
  const opensPage = ({ method, headers }: IncomingMessage) => method === 'GET' && wantsHtml(headers.accept);
  const pages: readonly Route[] = graphiql
    ? [
        { path: '/graphql', when: opensPage, handle: plain(graphiql.page) },
        { path: '/graphql/assets/', when: isRead, handle: plain(graphiql.asset) },
      ]
    : [];
  const routes: readonly Route[] = [
    ...pages,
    { path: '/graphql', handle: graphql },
    { path: '/metrics', handle: plain(printMetrics) },
    { path: '/livez', handle: plain((_req, res) => endWith(res, 200)) },
    { path: '/readyz', handle: plain((_req, res) => endWith(res, readiness.probe())) },
    { path: '/', handle: plain((_req, res) => endWith(res, 404)) },
  ];

  async function printMetrics(_req: IncomingMessage, res: ServerResponse): Promise<undefined> {
    const text = await metrics.print().catch(() => undefined);
    if (text === undefined) return endWith(res, 503);
    res.writeHead(200, { 'content-type': metrics.contentType }).end(text);
  }

  /** Without a promise where the route needs none. */
  function respond(req: IncomingMessage, res: ServerResponse, record: RequestRecord): void {
    const path = req.url?.split('?', 1)[0] ?? '';
    const route = routes.find((each) => covers(each, path) && each.when?.(req) !== false);
    const finish = (rejection: Rejection | undefined) => rejection && reject(req, res, record, rejection);
    const result = route?.handle(req, res, record, path);
    if (result instanceof Promise) result.then(finish).catch((error: Error) => fail(req, res, record, error));
    else finish(result);
  }

  function reject(req: IncomingMessage, res: ServerResponse, record: RequestRecord, rejection: Rejection): void {
    setResponseHeaders(res, record.requestId);
    dropUnreadBody(req, res);
    // Apollo Client reads the errors of a status such as 401 only from the type that GraphQL over HTTP defines for them.
    const contentType = responseTypeFor(req.headers.accept ?? '*/*') ?? 'application/json; charset=utf-8';
    res.writeHead(rejection.status, { 'content-type': contentType, ...rejection.headers });
    record.codes = [rejection.code];
    const isSent = !res.closed;
    res.end(rejectionBody(rejection, record.requestId));
    endRequest(record, rejection.status, isSent);
  }

  function fail(req: IncomingMessage, res: ServerResponse, record: RequestRecord, error: Error): void {
    const { requestId, traceId } = record;
    log.error({ requestId, traceId, error: error.name, frames: framesOf(error) }, 'internal error');
    if (res.headersSent) res.destroy();
    else reject(req, res, record, { status: 500, code: 'INTERNAL_SERVER_ERROR', message: internalError });
    endRequest(record, 500, true);
  }

  return (req, res) => {
    const record = new RequestRecord(requestIdOf(req), req);
    readiness.closeWhenDraining(res);
    if (cors(req, res, record.requestId)) return;
    const rejection = guard(req);
    try {
      if (rejection !== undefined) reject(req, res, record, rejection);
      else respond(req, res, record);
    } catch (error) {
      fail(req, res, record, error as Error);
    }
  };
}

function covers({ path }: Route, requested: string): boolean {
  return path === requested || (path.endsWith('/') && requested.startsWith(path));
}

/** For routes that read no body and set no headers of every response themselves. */
function plain(handle: Handle): Handle {
  return (req, res, record, path) => {
    setResponseHeaders(res, record.requestId);
    dropUnreadBody(req, res);
    return handle(req, res, record, path);
  };
}

function endWith(res: ServerResponse, status: number): undefined {
  res.writeHead(status).end();
}
