import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Rejection } from '../errors/rejection.ts';
import { responseTypeFor, streamTypeFor, wantsHtml } from './accept.ts';
import { isLoopback } from './loopback.ts';

interface GuardOptions {
  /** Whether the `Host` header must name this machine. */
  readonly loopbackOnly: boolean;
  readonly graphiql: boolean;
  /** Origins whose pages are treated as same-origin. */
  readonly corsOrigins: readonly string[];
}

/**
 * Headers that the gateway reads, or that GraphQL clients add by themselves, and that a page of another origin cannot send
 * without a preflight, which passes for pages of `corsOrigins` alone.
 */
const preflighted = [
  'authorization',
  'x-linq-integration-token',
  'x-request-id',
  'x-request-timeout-ms',
  'x-linq-explain',
  'apollo-require-preflight',
  'graphql-preflight',
];

/** Returns why a request is refused before anything else is done with it. */
export type Guard = (request: IncomingMessage) => Rejection | undefined;

/**
 * Checks that host and path form a URL (Yoga would respond with a stack trace), that the host is ours (a web page that
 * rebinds its own name to 127.0.0.1 would otherwise reach a gateway that trusts local callers), that no other origin's page
 * caused a GET, and that the client accepts JSON or a stream.
 */
export function createGuard(options: GuardOptions): Guard {
  const allowed = new Set(options.corsOrigins);
  let knownHost = 'localhost'; // the last one that passed for `/graphql`: nearly always the same
  return ({ headers, url = '', method }) => {
    const { host, accept } = headers;
    if (method === 'POST' && accept === undefined && url === '/graphql' && host === knownHost) return undefined;
    if (
      !url.startsWith('/') ||
      !isAuthority(host ?? 'localhost') ||
      !URL.canParse(`http://${host ?? 'localhost'}${url}`)
    ) {
      return reject(
        400,
        'The Host header and the path do not form a URL: send plain ones, such as localhost:4000 and /graphql.',
      );
    }
    if (options.loopbackOnly && !(host !== undefined && isLoopback(nameOf(host))))
      return reject(421, 'This gateway accepts loopback requests only: address it as localhost or 127.0.0.1.');
    const isPage = options.graphiql && method === 'GET' && wantsHtml(accept);
    if (method === 'GET' && !isPage && isForeign(headers, allowed)) {
      return reject(
        403,
        'A browser sent this for a page of another origin: send a POST, or a header such as x-request-id.',
      );
    }
    const isAcceptable = accept === undefined || isPage || responseTypeFor(accept) !== undefined;
    if (!isAcceptable && streamTypeFor(accept) === undefined && /^\/graphql\/?($|\?)/.test(url))
      return reject(406, 'Responses are application/graphql-response+json or application/json: accept one.');
    if (url === '/graphql' && host !== undefined) knownHost = host;
    return undefined;
  };
}

function reject(status: number, message: string): Rejection {
  return { status, code: 'BAD_REQUEST', message };
}

/**
 * Whether a browser says that another origin's page caused the request. A header that requires a preflight proves consent:
 * only CORS_ORIGINS pass one.
 */
function isForeign(headers: IncomingHttpHeaders, allowed: ReadonlySet<string>): boolean {
  const { host, origin } = headers;
  if (origin !== undefined && allowed.has(origin)) return false;
  if (preflighted.some((name) => headers[name] !== undefined)) return false;
  const site = headers['sec-fetch-site'];
  if (site === 'cross-site' || site === 'same-site') return true;
  return origin !== undefined && (URL.parse(origin)?.host ?? '') !== host;
}

/** Whether it is a name or an address, with or without a port, and nothing that would be parsed as more of a URL. */
function isAuthority(host: string): boolean {
  return /^([\w.~-]+|\[[\da-f:.]+\])(:\d*)?$/i.test(host);
}

function nameOf(host: string): string {
  return host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
}
