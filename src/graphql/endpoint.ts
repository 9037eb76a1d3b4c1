import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestIds } from '../errors/failure-log.ts';
import type { Rejection } from '../errors/rejection.ts';
import { responseTypeFor, streamTypeFor } from '../http/accept.ts';
import { dropUnreadBody, hasEncodedBody, hasJsonBody, readBody } from '../http/body.ts';
import { sendWhole } from '../http/compress.ts';
import { setResponseHeaders } from '../http/headers.ts';
import type { Readiness } from '../http/readiness.ts';
import type { Handle } from '../http/router.ts';
import type { UnreadResponses } from '../http/unread-responses.ts';
import type { EndRequest, RequestRecord } from '../telemetry/request-record.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import type { createFastPath } from './fast-path/fast-path.ts';
import type { AcceptedStream, ServerContext } from './server-context.ts';
import { streamFormats } from './streams/stream-format.ts';
import type { Turns } from './turns.ts';
import type { createYogaServer } from './yoga.ts';

type Identity = ServerContext['identity'];

type Authenticate = (
  authorization: string | undefined,
  ids: RequestIds,
) => Identity | Rejection | Promise<Identity | Rejection>;

type Result = Rejection | undefined;

interface EndpointOptions {
  readonly authenticate: Authenticate;
  readonly answerFast: ReturnType<typeof createFastPath>;
  readonly yoga: ReturnType<typeof createYogaServer>;
  readonly tracing: Tracing | undefined;
  readonly readiness: Readiness;
  readonly endRequest: EndRequest;
  readonly maxBodyBytes: number;
  /** Operations that are executed at the same time. */
  readonly maxInFlight: number;
  readonly unread: UnreadResponses;
  readonly turns: Turns;
  readonly laneOf: (caller: Identity['caller'], token: string | undefined) => string;
}

const shuttingDown: Rejection = {
  status: 503,
  code: 'OVERLOADED',
  message: 'The gateway is shutting down. Retry.',
};

const tooMany: Rejection = {
  status: 503,
  code: 'OVERLOADED',
  message: 'Too many requests are being executed. Retry shortly.',
};

const notJson: Rejection = {
  status: 415,
  code: 'BAD_REQUEST',
  message: 'The body must be JSON: send it with the header "content-type: application/json".',
};

const encoded: Rejection = {
  status: 415,
  code: 'BAD_REQUEST',
  message: 'The body must not be compressed: send it without content-encoding.',
  headers: { 'accept-encoding': 'identity' },
};

/** Handles `/graphql`: authenticates, then tries the fast path, then Yoga. Without a promise until a read is sent. */
export function createEndpoint(options: EndpointOptions): Handle {
  const {
    authenticate,
    answerFast,
    yoga,
    tracing,
    readiness,
    endRequest,
    maxBodyBytes,
    maxInFlight,
    unread,
    turns,
    laneOf,
  } = options;
  let inFlight = 0;
  const leave = () => {
    inFlight--;
  };

  /** Counts what a request does before and after its body arrives, but not the waiting for it: slow bodies must not exclude others. */
  function limited<T>(start: () => T | Promise<T>): T | Rejection | Promise<T> {
    if (inFlight >= maxInFlight) return tooMany;
    const result = start();
    if (!(result instanceof Promise)) return result;
    inFlight++;
    result.then(leave, leave);
    return result;
  }

  function execute(req: IncomingMessage, res: ServerResponse, record: RequestRecord, identity: Identity | Rejection) {
    if ('code' in identity) return identity;
    const lane = () => laneOf(identity.caller, req.headers['x-linq-integration-token']?.toString());
    const context = { record, identity, lane };
    /** In a turn of its own: Yoga computes in promises. */
    const interpret = (operation: Omit<ServerContext, 'req' | 'res'>) =>
      turns.next(lane).then(() => executeWithYoga(req, res, operation));
    if (req.method !== 'POST') return limited(() => interpret(context));
    if (!hasJsonBody(req)) return notJson;
    if (hasEncodedBody(req)) return encoded;
    return new Promise<Result>((resolve, reject) => {
      readBody(req, maxBodyBytes, (body) => {
        if (typeof body === 'object') return resolve(body);
        const finish = (handled: boolean | Rejection) =>
          handled === false ? interpret({ ...context, body }) : handled === true ? undefined : handled;
        try {
          const begin = () => {
            const handled = answerFast(req, res, context, body);
            return handled === false ? finish(false) : handled.then(finish);
          };
          const { trace } = record; // this is an event of the connection
          const result = limited(() => turns.start(lane, trace === undefined ? begin : () => trace.run(begin)));
          if (result instanceof Promise) result.then(resolve, reject);
          else resolve(result);
        } catch (error) {
          reject(error); // this is an event handler: nothing may be thrown here
        }
      });
    });
  }

  function executeWithYoga(req: IncomingMessage, res: ServerResponse, context: Omit<ServerContext, 'req' | 'res'>) {
    const { record } = context;
    setResponseHeaders(res, record.requestId);
    dropUnreadBody(req, res);
    const streamType = streamTypeFor(req.headers.accept);
    if (streamType !== undefined) {
      const { authorization } = req.headers;
      const accepts = { type: streamType, authenticate: () => authenticate(authorization, record) };
      return executeForStream(req, res, { ...context, accepts });
    }
    const end = () => endRequest(record, res.statusCode, res.writableFinished);
    if (res.closed) end();
    else res.once('close', end);
    // Yoga reads neither weights nor quotes: it gets the one type that is to be sent.
    req.headers.accept = responseTypeFor(req.headers.accept) ?? 'application/json';
    const response: NonNullable<ServerContext['response']> = {};
    sendWhole(req, res, unread, response);
    const handled = Promise.resolve(yoga(req, res, { ...context, response }));
    return handled.then(() => undefined);
  }

  /** For a client that accepts a stream, which it gets for a subscription, or where it accepts nothing else. */
  async function executeForStream(
    req: IncomingMessage,
    res: ServerResponse,
    context: Omit<ServerContext, 'req' | 'res'> & { readonly accepts: AcceptedStream },
  ): Promise<undefined> {
    const { record, accepts } = context;
    const isStreamOnly = responseTypeFor(req.headers.accept) === undefined;
    req.headers.accept = responseTypeFor(req.headers.accept) ?? 'application/graphql-response+json';
    let response: Response;
    try {
      response = await yoga.handleNodeRequestAndResponse(req, res, { ...context, req, res });
    } catch (error) {
      accepts.stream?.end('expired');
      throw error;
    }
    if (accepts.stream !== undefined) {
      accepts.stream.start(res);
      return;
    }
    const end = () => endRequest(record, res.statusCode, res.writableFinished);
    if (res.closed) end();
    else res.once('close', end);
    const text = await response.text();
    // A client that takes nothing but a stream reads a status only to decide whether to connect again.
    const isStream = isStreamOnly && response.status < 500;
    const format = streamFormats[accepts.type];
    const body = isStream ? format.start() + format.next(format.encode(text)) + format.complete : text;
    if (!isStream) for (const [name, value] of response.headers) res.setHeader(name, value);
    if (isStream) res.setHeader('content-type', format.contentType);
    const bytes = Buffer.byteLength(body);
    res.setHeader('content-length', bytes);
    res.writeHead(isStream ? 200 : response.status);
    unread.end(res, [body], bytes);
  }

  return (req, res, record) => {
    if (readiness.isClosed) return shuttingDown;
    record.trace = tracing?.begin(req);
    const start = () => {
      const identity = limited(() => authenticate(req.headers.authorization, record));
      if (!(identity instanceof Promise)) return execute(req, res, record, identity);
      return identity.then((known) => execute(req, res, record, known));
    };
    return record.trace === undefined ? start() : record.trace.run(start);
  };
}

/** Handles `/schema.graphql`: the SDL, for every caller that may send operations. */
export function createSdlHandle(authenticate: Authenticate, sdl: string): Handle {
  return async (req, res, record) => {
    const identity = await authenticate(req.headers.authorization, record);
    if ('code' in identity) return identity;
    res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(sdl) });
    res.end(req.method === 'HEAD' ? undefined : sdl);
    return undefined;
  };
}
