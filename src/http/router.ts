import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type FailureLog, framesOf } from '../errors/failure-log.ts';
import { internalError } from '../errors/public-error.ts';
import { type Rejection, rejectionBody } from '../errors/rejection.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type EndRequest, RequestRecord } from '../telemetry/request-record.ts';
import { responseTypeFor, wantsHtml } from './accept.ts';
import { dropUnreadBody } from './body.ts';
import { compressResponse } from './compress.ts';
import type { Cors } from './cors.ts';
import type { Guard } from './guard.ts';
import { setResponseHeaders } from './headers.ts';
import type { Readiness } from './readiness.ts';
import { requestIdOf } from './request-id.ts';
import { readRequestTarget } from './request-target.ts';
import type { UnreadResponses } from './unread-responses.ts';

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
  /** Sends the SDL; undefined where the schema is hidden. */
  readonly sdl: Handle | undefined;
  readonly graphiql: { readonly page: Handle; readonly asset: Handle } | undefined;
  /** Handles Linq's webhooks, which no rule for callers applies to; undefined where they are not configured. */
  readonly webhooks: RequestListener | undefined;
  readonly metrics: Pick<Metrics, 'print' | 'contentType'>;
  readonly readiness: Readiness;
  /** Whether responses are compressed. */
  readonly compression: boolean;
  readonly unread: UnreadResponses;
  readonly cors: Cors;
  readonly guard: Guard;
  readonly log: FailureLog;
  readonly endRequest: EndRequest;
}

export const notFound: Rejection = {
  status: 404,
  code: 'BAD_REQUEST',
  message: 'There is nothing at this path. GraphQL is at /graphql.',
};

/** Handles every request of a `node:http` server: CORS, then the guard, then the first route that matches. */
export function createRouter(options: RouterOptions): RequestListener {
  const { graphql, sdl, graphiql, webhooks, metrics, readiness, compression, unread, cors, guard, log, endRequest } =
    options;
  const isRead = ({ method }: IncomingMessage) => method === 'GET' || method === 'HEAD';
  const opensPage = ({ method, headers }: IncomingMessage) => method === 'GET' && wantsHtml(headers.accept);
  const pages: readonly Route[] = graphiql
    ? [
        { path: '/graphql', when: opensPage, handle: plain(graphiql.page) },
        // The page loads its files by relative paths.
        {
          path: '/',
          when: (req) => opensPage(req) && /^\/(graphql\/)?(\?|$)/.test(req.url ?? ''),
          handle: plain(openPage),
        },
        { path: '/graphql/assets/', when: isRead, handle: plain(graphiql.asset) },
      ]
    : [];
  const routes: readonly Route[] = [
    ...pages,
    { path: '/graphql', handle: graphql },
    { path: '/graphql/', when: ({ url = '' }) => /^\/graphql\/(\?|$)/.test(url), handle: withoutSlash(graphql) },
    ...(sdl ? [{ path: '/schema.graphql', when: isRead, handle: plain(sdl) }] : []),
    { path: '/metrics', handle: plain(printMetrics) },
    { path: '/livez', handle: plain((_req, res) => endWith(res, 200)) },
    { path: '/readyz', handle: plain((_req, res) => endWith(res, readiness.probe())) },
    { path: '/', handle: () => notFound },
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
    const finish = (rejection: Rejection | undefined) => {
      if (rejection !== undefined) reject(req, res, record, rejection);
      unread.watch(res);
    };
    const result = route?.handle(req, res, record, path);
    if (result instanceof Promise) result.then(finish).catch((error: Error) => fail(req, res, record, error));
    else finish(result);
  }

  function reject(req: IncomingMessage, res: ServerResponse, record: RequestRecord, rejection: Rejection): void {
    setResponseHeaders(res, record.requestId);
    dropUnreadBody(req, res);
    // Apollo Client reads the errors of a status such as 401 only from the type that GraphQL over HTTP defines for them.
    const contentType = responseTypeFor(req.headers.accept) ?? 'application/json; charset=utf-8';
    const body = rejectionBody(rejection, record.requestId);
    const own = { 'content-type': contentType, 'content-length': Buffer.byteLength(body) };
    res.writeHead(rejection.status, { ...own, ...rejection.headers });
    record.codes = [rejection.code];
    const isSent = !res.closed;
    res.end(body);
    if (rejection !== notFound) endRequest(record, rejection.status, isSent); // otherwise it is no request for GraphQL
  }

  function fail(req: IncomingMessage, res: ServerResponse, record: RequestRecord, error: Error): void {
    const { requestId, traceId } = record;
    log.error({ requestId, traceId, error: error.name, frames: framesOf(error) }, 'internal error');
    if (res.headersSent) res.destroy();
    else reject(req, res, record, { status: 500, code: 'INTERNAL_SERVER_ERROR', message: internalError });
    endRequest(record, 500, true);
  }

  return (req, res) => {
    if (webhooks !== undefined && req.url?.split('?', 1)[0] === '/webhooks/linq') return webhooks(req, res);
    const record = new RequestRecord(requestIdOf(req), req);
    readiness.arrive(req, res);
    if (compression && req.headers['accept-encoding'] !== undefined) compressResponse(req, res, unread);
    if (cors(req, res, record.requestId)) return;
    const rejection = readRequestTarget(req) ?? guard(req);
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

/** `/graphql/` is `/graphql`. */
function withoutSlash(handle: Handle): Handle {
  return (req, res, record) => {
    req.url = req.url?.replace('/graphql/', '/graphql');
    return handle(req, res, record, '/graphql');
  };
}

function openPage({ url = '' }: IncomingMessage, res: ServerResponse): undefined {
  const at = url.indexOf('?');
  res.writeHead(302, { location: `/graphql${at === -1 ? '' : url.slice(at)}` }).end();
}

function endWith(res: ServerResponse, status: number): undefined {
  res.writeHead(status).end();
}
