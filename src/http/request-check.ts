import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLoopback } from './loopback.ts';

interface RequestCheckOptions {
  /** Whether only a `Host` that names this machine is answered. */
  readonly loopbackOnly: boolean;
  readonly graphiql: boolean;
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
  let knownHost: string | undefined; // the last one that was answered for `/graphql`: nearly always the same
  return ({ headers: { host, accept }, url = '', method }) => {
    if (method === 'POST' && accept === undefined && url === '/graphql' && host === knownHost) return undefined;
    if (!url.startsWith('/') || !URL.canParse(`http://${host ?? 'localhost'}${url}`)) {
      return { status: 400, message: 'The Host header and the path make no URL.' };
    }
    if (options.loopbackOnly && !(host !== undefined && isLoopback(nameOf(host)))) {
      return { status: 421, message: 'This gateway answers on loopback only: address it as localhost or 127.0.0.1.' };
    }
    const page = options.graphiql && method === 'GET' && accept?.includes('text/html');
    if (accept !== undefined && !page && /^\/graphql($|\?)/.test(url) && !acceptsJson(accept)) {
      return { status: 406, message: 'Answers are application/graphql-response+json or application/json: accept one.' };
    }
    if (url === '/graphql') knownHost = host;
    return undefined;
  };
}

/** A body that nobody reads, such as one that was refused for its size, may not keep its connection busy for long. */
export function dropUnreadBody(request: IncomingMessage, response: ServerResponse): void {
  response.once('finish', () => {
    if (!request.complete) setTimeout(() => request.complete || request.destroy(), 1_000).unref();
  });
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
