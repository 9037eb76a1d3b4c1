import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

type Fault = 'too large' | 'incomplete' | 'not UTF-8';

/** Why there is no body to read. */
export class BodyFault extends Error {
  override readonly name = 'BodyFault';
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault);
    this.fault = fault;
  }
}

/**
 * The whole body as text; rejects with a `BodyFault`. Reads the Node request itself: a web stream costs more than the
 * operation does. Bytes are counted as they come, whatever `Content-Length` says.
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
