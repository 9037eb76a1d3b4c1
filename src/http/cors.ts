import type { IncomingMessage, ServerResponse } from 'node:http';
import { setAnswerHeaders } from './headers.ts';

/**
 * Headers that mean something here, or that GraphQL clients add of their own accord, and that a page of another origin
 * cannot send without a preflight.
 */
export const preflighted = [
  'authorization',
  'x-linq-integration-token',
  'x-request-id',
  'x-request-timeout-ms',
  'apollo-require-preflight',
  'graphql-preflight',
];

/** What a page of an origin that is let in may send. */
const requestHeaders = ['content-type', ...preflighted, 'cache-control', 'traceparent'].join(', ');

type AnswerCors = (req: IncomingMessage, res: ServerResponse, requestId: string) => boolean;

/**
 * Lets pages of these origins, and of no others, read our answers; credentials that a browser adds by itself never count.
 * Returns whether the request was a preflight, which is then answered.
 */
export function createCors(origins: readonly string[]): AnswerCors {
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
    setAnswerHeaders(res, requestId);
    res.writeHead(204).end();
    return true;
  };
}
