import type { RequestIds } from '../errors/failure-log.ts';
import type { Rejection } from '../errors/rejection.ts';
import { dropUnreadBody, hasJsonBody, readBody } from '../http/body.ts';
import { setResponseHeaders } from '../http/headers.ts';
import type { Readiness } from '../http/readiness.ts';
import type { Handle } from '../http/router.ts';
import type { EndRequest } from '../telemetry/request-record.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import type { createFastPath } from './fast-path/fast-path.ts';
import type { ServerContext } from './server-context.ts';
import type { createYogaServer } from './yoga.ts';

type Identity = ServerContext['identity'];

interface EndpointOptions {
  readonly authenticate: (
    authorization: string | undefined,
    ids: RequestIds,
  ) => Identity | Rejection | Promise<Identity | Rejection>;
  readonly answerFast: ReturnType<typeof createFastPath>;
  readonly yoga: ReturnType<typeof createYogaServer>;
  readonly tracing: Tracing | undefined;
  readonly readiness: Readiness;
  readonly endRequest: EndRequest;
  readonly maxBodyBytes: number;
}

const shuttingDown: Rejection = {
  status: 503,
  code: 'OVERLOADED',
  message: 'The gateway is shutting down. Retry.',
};

const notJson: Rejection = {
  status: 415,
  code: 'BAD_REQUEST',
  message: 'The body must be JSON: send it with the header "content-type: application/json".',
};

/** Handles `/graphql`: authenticates, then tries the fast path, then Yoga. */
export function createEndpoint(options: EndpointOptions): Handle {
  const { authenticate, answerFast, yoga, tracing, readiness, endRequest, maxBodyBytes } = options;

  const execute: Handle = async (req, res, record) => {
    const identity = await authenticate(req.headers.authorization, record);
    if ('code' in identity) return identity;
    if (req.method === 'POST' && !hasJsonBody(req)) return notJson;
    const body = req.method === 'POST' ? await readBody(req, maxBodyBytes) : undefined;
    if (typeof body === 'object') return body;
    if (body !== undefined && (await answerFast(req, res, { record, identity }, body))) return undefined;
    setResponseHeaders(res, record.requestId);
    dropUnreadBody(req, res);
    const end = () => endRequest(record, res.statusCode, res.writableFinished);
    if (res.closed) end();
    else res.once('close', end);
    yoga(req, res, { record, identity, ...(body !== undefined && { body }) });
    return undefined;
  };

  return (req, res, record, path) => {
    if (readiness.isClosed) return shuttingDown;
    record.trace = tracing?.begin(req);
    const start = () => execute(req, res, record, path);
    return record.trace === undefined ? start() : record.trace.run(start);
  };
}
