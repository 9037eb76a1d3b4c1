import type { IncomingMessage, ServerResponse } from 'node:http';
import { setResponseHeaders } from './headers.ts';

/**
 * Headers that the gateway reads, or that GraphQL clients add by themselves, and that a page of another origin cannot send
 * without a preflight.
 */
export const preflighted = [
  'authorization',
  'x-linq-integration-token',
  'x-request-id',
  'x-request-timeout-ms',
  'apollo-require-preflight',
  'graphql-preflight',
];

/** What pages of the allowed origins may send. */
const requestHeaders = ['content-type', ...preflighted, 'cache-control', 'traceparent'].join(', ');

/** Returns whether the request was a preflight, whose response is then sent. */
export type Cors = (req: IncomingMessage, res: ServerResponse, requestId: string) => boolean;

/** Lets pages of these origins, and of no others, read responses; credentials that a browser adds by itself never count. */
export function createCors(origins: readonly string[]): Cors {
  const allowed = new Set(origins);
  return (req, res, requestId) => {
    if (allowed.size === 0) return false;
    res.appendHeader('vary', 'Origin');
    const { origin } = req.headers;
    if (origin === undefined || !allowed.has(origin)) return false;
    res.setHeader('access-control-allow-origin', origin);
    res.setHeader('access-control-expose-headers', 'x-request-id');
    if (req.method !== 'OPTIONS' || req.headers['access-control-request-method'] === undefined) return false;
    res.setHeader('access-control-allow-methods', 'GET, POST');
    res.setHeader('access-control-allow-headers', requestHeaders);
    res.setHeader('access-control-max-age', '600');
    setResponseHeaders(res, requestId);
    res.writeHead(204).end();
    return true;
  };
}
