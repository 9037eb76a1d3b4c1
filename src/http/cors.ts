import type { IncomingMessage, ServerResponse } from 'node:http';
import { setResponseHeaders } from './headers.ts';

/** A list of names of headers. */
const names = /^[\w!#$%&'*+.^`|~-]+(\s*,\s*[\w!#$%&'*+.^`|~-]+)*$/;

/** Returns whether the request was a preflight, whose response is then sent. */
export type Cors = (req: IncomingMessage, res: ServerResponse, requestId: string) => boolean;

/**
 * Lets pages of these origins, and of no others, send any header and read responses; credentials that a browser adds by itself
 * never count.
 */
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
    res.setHeader('access-control-max-age', '600');
    res.appendHeader('vary', 'Access-Control-Request-Headers');
    const asked = req.headers['access-control-request-headers']?.trim();
    if (asked !== undefined && names.test(asked)) res.setHeader('access-control-allow-headers', asked);
    setResponseHeaders(res, requestId);
    res.writeHead(204).end();
    return true;
  };
}
