import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Rejection } from '../errors/rejection.ts';

/** Whether the body claims to be JSON, the only kind that is read. */
export function hasJsonBody({ method, headers }: IncomingMessage): boolean {
  const contentType = headers['content-type'];
  if (method !== 'POST' || contentType === undefined) return false;
  return (
    contentType === 'application/json' || contentType.split(';', 1)[0]?.trim().toLowerCase() === 'application/json'
  );
}

/** Whether the body is sent compressed, which is not read: what it grows to could not be counted in advance. */
export function hasEncodedBody({ headers }: IncomingMessage): boolean {
  const codings = headers['content-encoding']?.split(',') ?? [];
  return codings.some((coding) => !/^\s*(identity)?\s*$/i.test(coding));
}

/**
 * Calls back once, with the whole body as text or why it is refused. Reads the Node request itself: a web stream costs more
 * than the operation does. Bytes are counted as they arrive, whatever `Content-Length` says.
 */
export function readBody(request: IncomingMessage, maxBytes: number, done: (body: string | Rejection) => void): void {
  let isDone = false;
  const finish = (body: string | Rejection) => {
    if (!isDone) done(body);
    isDone = true;
  };
  if (Number(request.headers['content-length']) > maxBytes) finish(tooLarge);
  if (request.destroyed) finish(incomplete); // disconnected before this call
  if (isDone) return;
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
    else finish(tooLarge);
  });
  request.on('end', () => {
    const [first, second] = chunks;
    const body = first === undefined || second !== undefined ? Buffer.concat(chunks) : first;
    finish(isUtf8(body) ? body.toString() : notUtf8);
  });
  request.on('close', () => finish(incomplete));
}

const refuse = (status: number, message: string): Rejection => ({ status, code: 'BAD_REQUEST', message });
const tooLarge = refuse(413, 'The body is larger than MAX_BODY_BYTES: ask for less at once.');
const notUtf8 = refuse(400, 'The body is not UTF-8: encode it as UTF-8.');
const incomplete = refuse(400, 'The body ended before it was complete. Send it again.');

/** A body that is not read, such as one that is too large, must not keep its connection busy for long. */
export function dropUnreadBody(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) return;
  response.once('finish', () => {
    if (!request.complete) setTimeout(() => request.complete || request.destroy(), 1_000).unref();
  });
}
