import type { IncomingMessage } from 'node:http';
import type { Rejection } from '../errors/rejection.ts';

/**
 * Refuses a request without exactly one `Host`, as RFC 9112 demands; HTTP/1.0 has none. Node keeps the first of several. Turns
 * an absolute-form target into a path; its authority then counts as the `Host`, for the guard and for Yoga.
 */
export function readRequestTarget(req: IncomingMessage): Rejection | undefined {
  const { rawHeaders, url = '' } = req;
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  if (hosts > 1) return reject('The request has several Host headers: send one.');
  if (hosts === 0 && req.httpVersionMinor > 0) return reject('The request has no Host header: send one.');
  if (url.startsWith('/')) return undefined;
  const [, authority, path] = /^https?:\/\/([^/?#]+)([/?].*)?$/i.exec(url) ?? [];
  if (authority === undefined) return undefined; // the guard refuses it
  req.headers.host = authority;
  req.url = path?.startsWith('/') ? path : `/${path ?? ''}`;
  return undefined;
}

function reject(message: string): Rejection {
  return { status: 400, code: 'BAD_REQUEST', message };
}
