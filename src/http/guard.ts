import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { preflighted } from './cors.ts';
import { isLoopback } from './loopback.ts';

interface RequestCheckOptions {
  /** Whether only a `Host` that names this machine is answered. */
  readonly loopbackOnly: boolean;
  readonly graphiql: boolean;
  /** Origins whose pages may ask as if they were ours. */
  readonly corsOrigins: readonly string[];
}

interface Refusal {
  readonly status: number;
  readonly message: string;
}

/**
 * What is looked at before anything else, on the Node request itself: that host and path make a URL (Yoga would answer
 * with a stack trace), that the host is ours (a web page that rebinds its own name to 127.0.0.1 would otherwise reach a
 * gateway that trusts whoever sits here), and that the answer may be JSON (Yoga would stream it).
 */
export function createRequestCheck(options: RequestCheckOptions): (request: IncomingMessage) => Refusal | undefined {
  const allowed = new Set(options.corsOrigins);
  let knownHost = ''; // the last one that was answered for `/graphql`: nearly always the same
  return ({ headers, url = '', method }) => {
    const { host, accept } = headers;
    if (method === 'POST' && accept === undefined && url === '/graphql' && host === knownHost) return undefined;
    if (
      !url.startsWith('/') ||
      !isAuthority(host ?? 'localhost') ||
      !URL.canParse(`http://${host ?? 'localhost'}${url}`)
    ) {
      return {
        status: 400,
        message: 'The Host header and the path make no URL: send plain ones, such as localhost:4000 and /graphql.',
      };
    }
    if (options.loopbackOnly && !(host !== undefined && isLoopback(nameOf(host)))) {
      return { status: 421, message: 'This gateway answers on loopback only: address it as localhost or 127.0.0.1.' };
    }
    const page = options.graphiql && asksForPage(method, accept);
    if (method === 'GET' && !page && isForeign(headers, allowed)) {
      return {
        status: 403,
        message: 'A browser sent this for a page of another origin: send a POST, or a header such as x-request-id.',
      };
    }
    if (accept !== undefined && !page && /^\/graphql($|\?)/.test(url) && !acceptsJson(accept)) {
      return { status: 406, message: 'Answers are application/graphql-response+json or application/json: accept one.' };
    }
    if (url === '/graphql' && host !== undefined) knownHost = host;
    return undefined;
  };
}

/** Whether it is a browser that opens the endpoint, rather than a program that asks. */
export function asksForPage(method: string | undefined, accept: string | null | undefined): boolean {
  return method === 'GET' && accept?.includes('text/html') === true;
}

/**
 * Whether a browser says that another origin's page made it send this. With a header that needs a preflight, which we
 * answer for nobody but CORS_ORIGINS, the page was asked for it first.
 */
function isForeign(headers: IncomingHttpHeaders, allowed: ReadonlySet<string>): boolean {
  const { host, origin } = headers;
  if (origin !== undefined && allowed.has(origin)) return false;
  if (preflighted.some((name) => headers[name] !== undefined)) return false;
  const site = headers['sec-fetch-site'];
  if (site === 'cross-site' || site === 'same-site') return true;
  return origin !== undefined && (URL.parse(origin)?.host ?? '') !== host;
}

/** A body that nobody reads, such as one that was refused for its size, may not keep its connection busy for long. */
export function dropUnreadBody(request: IncomingMessage, response: ServerResponse): void {
  response.once('finish', () => {
    if (!request.complete) setTimeout(() => request.complete || request.destroy(), 1_000).unref();
  });
}

/** Whether it is a name or an address, with or without a port, and nothing that would be read as more of a URL. */
function isAuthority(host: string): boolean {
  return /^([\w.~-]+|\[[\da-f:.]+\])(:\d*)?$/i.test(host);
}

function nameOf(host: string): string {
  return host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
}

function acceptsJson(accept: string): boolean {
  return accept
    .split(',')
    .map((range) => range.split(';', 1)[0]?.trim().toLowerCase())
    .some((range) => range !== undefined && /^(\*\/\*|application\/(\*|json|graphql-response\+json))$/.test(range));
}
