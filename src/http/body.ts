import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';

type Fault = 'too large' | 'incomplete' | 'not UTF-8';

/** Why the body cannot be used. */
export class BodyFault extends Error {
  override readonly name = 'BodyFault';
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault);
    this.fault = fault;
  }
}

/** Whether the body claims to be JSON, the only kind that is read. */
export function hasJsonBody({ method, headers }: IncomingMessage): boolean {
  const contentType = headers['content-type'];
  if (method !== 'POST' || contentType === undefined) return false;
  return (
    contentType === 'application/json' || contentType.split(';', 1)[0]?.trim().toLowerCase() === 'application/json'
  );
}

/**
 * The whole body as text; rejects with a `BodyFault`. Reads the Node request itself: a web stream costs more than the
 * operation does. Bytes are counted as they arrive, whatever `Content-Length` says.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length']) > maxBytes) return reject(new BodyFault('too large'));
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else reject(new BodyFault('too large'));
    });
    request.on('end', () => {
      const [first, second] = chunks;
      const body = first === undefined || second !== undefined ? Buffer.concat(chunks) : first;
      if (isUtf8(body)) resolve(body.toString());
      else reject(new BodyFault('not UTF-8'));
    });
    request.on('close', () => request.complete || reject(new BodyFault('incomplete')));
  });
}

/** A body that is not read, such as one that is too large, must not keep its connection busy for long. */
export function dropUnreadBody(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) return;
  response.once('finish', () => {
    if (!request.complete) setTimeout(() => request.complete || request.destroy(), 1_000).unref();
  });
}
