import type { IncomingMessage } from 'node:http';

const maxBytes = 262_144;
/** How long a body may take to arrive. In milliseconds. */
const maxMs = 5_000;

/** The bytes as they were signed, or why there are none. Counted as they arrive, whatever `Content-Length` says. */
export function readBytes(req: IncomingMessage): Promise<Buffer | 'too-large' | 'too-slow' | 'canceled'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const end = (result: Parameters<typeof resolve>[0]) => {
      clearTimeout(timer);
      req.off('data', read);
      resolve(result);
    };
    const read = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else end('too-large');
    };
    const timer = setTimeout(() => end('too-slow'), maxMs);
    if (Number(req.headers['content-length']) > maxBytes) return end('too-large');
    req.on('data', read);
    req.once('end', () => end(Buffer.concat(chunks)));
    req.once('close', () => end('canceled'));
  });
}
