import type { IncomingMessage, ServerResponse } from 'node:http';
import { brotliCompress, constants, gzip, zstdCompress } from 'node:zlib';
import { codingFor } from './accept.ts';

type Compress = (body: Buffer, done: (error: Error | null, compressed: Buffer) => void) => void;

/** In the order of preference. Levels for text that is compressed once: docs/operations.md has what each costs. */
const compressors = {
  zstd: (body, done) => zstdCompress(body, { params: { [constants.ZSTD_c_compressionLevel]: 3 } }, done),
  br: (body, done) => brotliCompress(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }, done),
  gzip: (body, done) => gzip(body, { level: 4 }, done),
} as const satisfies Record<string, Compress>;

const codings = Object.keys(compressors) as (keyof typeof compressors)[];

/** Below it, compression saves less than a packet. In bytes. */
const least = 1_024;

/** Not a stream of events, which is sent as it comes. */
const compressible = /^(application\/(graphql-response\+)?json|text\/(html|plain))\b/i;

/**
 * Compresses the body of a response as its client prefers, in zlib's threads, also where Yoga writes it. Call it before anything is
 * written, and only for clients that send `Accept-Encoding`: others should not pay for it.
 */
export function compressResponse(req: IncomingMessage, res: ServerResponse): void {
  if (req.method === 'HEAD') return;
  const own = { writeHead: res.writeHead, write: res.write, end: res.end };
  const chunks: Buffer[] = [];
  let isHeld: boolean | undefined; // undefined until the headers are complete

  /** Whether the body is held back until it is complete. If not, nothing is changed from here on. */
  function hold(): boolean {
    if (isHeld !== undefined) return isHeld;
    isHeld = compressible.test(String(res.getHeader('content-type'))) && !res.hasHeader('content-encoding');
    if (isHeld) res.appendHeader('vary', 'Accept-Encoding');
    else Object.assign(res, own);
    return isHeld;
  }

  function send(body: Buffer, coding?: string): void {
    Object.assign(res, own);
    if (res.destroyed) return;
    if (coding !== undefined) res.setHeader('content-encoding', coding);
    if (body.length > 0) res.setHeader('content-length', body.length);
    res.end(body);
  }

  const held = {
    writeHead(status: number, ...rest: readonly unknown[]) {
      res.statusCode = status;
      for (const part of rest) {
        if (typeof part === 'string') res.statusMessage = part;
        else for (const [name, value] of pairsOf(part)) res.setHeader(name, value);
      }
      if (!hold()) res.writeHead(res.statusCode);
      return res;
    },
    write(chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean {
      if (!hold()) return Reflect.apply(own.write, res, [chunk, ...rest]);
      chunks.push(bufferOf(chunk, rest[0]));
      return true;
    },
    end(chunk?: unknown, ...rest: readonly unknown[]) {
      if (!hold()) return Reflect.apply(own.end, res, [chunk, ...rest]);
      Object.assign(res, { writeHead: () => res, write: () => false, end: () => res }); // nothing may follow
      if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(bufferOf(chunk, rest[0]));
      const body = Buffer.concat(chunks);
      const coding = body.length < least ? undefined : codingFor(req.headers['accept-encoding']?.toString(), codings);
      if (coding === undefined) send(body);
      else
        compressors[coding](body, (error, compressed) => {
          if (error !== null || compressed.length >= body.length) send(body);
          else send(compressed, coding);
        });
      return res;
    },
  };
  Object.assign(res, held);
}

/** `writeHead` takes headers as an object, or as names and values in turn. */
function pairsOf(headers: unknown): [name: string, value: string][] {
  if (!Array.isArray(headers)) return Object.entries(headers ?? {});
  return Array.from({ length: headers.length / 2 }, (_, index) => [headers[2 * index], headers[2 * index + 1]]);
}

function bufferOf(chunk: string | Uint8Array, encoding: unknown): Buffer {
  if (typeof chunk !== 'string') return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return Buffer.from(chunk, encoding === 'latin1' ? 'latin1' : 'utf8');
}
