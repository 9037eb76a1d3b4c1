import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Transform } from 'node:stream';
import { constants, createBrotliCompress, createGzip, createZstdCompress } from 'node:zlib';
import { codingFor } from './accept.ts';
import { bytesOf } from './text-pieces.ts';
import type { UnreadResponses } from './unread-responses.ts';

/** In the order of preference. Levels for text that is compressed once: docs/operations.md has what each costs. */
const compressors = {
  zstd: () => createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 } }),
  br: () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  gzip: () => createGzip({ level: 4 }),
} as const satisfies Record<string, () => Transform>;

const codings = Object.keys(compressors) as (keyof typeof compressors)[];

/** Below it, compression saves less than a packet. In bytes. */
const least = 1_024;

/** Not a stream of events, which is sent as it comes. */
const compressible = /^(application\/(graphql-response\+)?json|text\/(html|plain))\b/i;

/**
 * Compresses the body of a response as its client prefers, in zlib's threads, also where Yoga writes it. Call it before anything is
 * written, and only for clients that send `Accept-Encoding`: others should not pay for it.
 */
export function compressResponse(req: IncomingMessage, res: ServerResponse, unread: UnreadResponses): void {
  collectBody(req, res, {
    onStart: () => res.appendHeader('vary', 'Accept-Encoding'),
    onEnd(body, release) {
      const bytes = lengthOf(body);
      const coding = bytes < least ? undefined : codingFor(req.headers['accept-encoding']?.toString(), codings);
      if (coding === undefined) return sendBody(res, body, unread, release);
      const forget = unread.hold(res, bytes);
      compress(body, compressors[coding](), (compressed) => {
        forget();
        const isShorter = compressed !== undefined && lengthOf(compressed) < bytes;
        if (isShorter) res.setHeader('content-encoding', coding);
        sendBody(res, isShorter ? compressed : body, unread, release);
      });
    },
  });
}

/** The body has at least one chunk. Chunks are not joined: a large body would take memory that is new each time. Undefined if it fails. */
function compress(
  body: readonly Buffer[],
  compressor: Transform,
  done: (compressed: readonly Buffer[] | undefined) => void,
): void {
  const compressed: Buffer[] = [];
  compressor
    .on('data', (chunk: Buffer) => compressed.push(chunk))
    .once('end', () => done(compressed))
    .once('error', () => done(undefined));
  body.forEach((chunk, index) => {
    if (index < body.length - 1) compressor.write(chunk);
    else compressor.write(chunk, (error) => error || compressor.end()); // not before: zstd would add an empty frame
  });
}

function lengthOf(body: readonly Buffer[]): number {
  return body.reduce((sum, { length }) => sum + length, 0);
}

/** Sends the body of a response whole, also where Yoga writes it, or `texts` in its place. Call it before anything is written. */
export function sendWhole(
  req: IncomingMessage,
  res: ServerResponse,
  unread: UnreadResponses,
  inPlace: { readonly texts?: readonly string[] },
): void {
  collectBody(req, res, {
    onStart() {},
    onEnd: (body, release) => sendBody(res, inPlace.texts ?? body, unread, release),
  });
}

function sendBody(
  res: ServerResponse,
  body: readonly (string | Buffer)[],
  unread: UnreadResponses,
  release: () => void,
): void {
  release();
  if (res.destroyed) return;
  const bytes = bytesOf(body);
  if (bytes > 0) res.setHeader('content-length', bytes);
  unread.end(res, body, bytes);
}

interface Collector {
  /** Called when the headers are complete, if the body is collected. */
  onStart(): void;
  /** Called with the body when it is complete. `release` makes the response an ordinary one again, to send it. */
  onEnd(body: readonly Buffer[], release: () => void): void;
}

/** Holds the body of a response back until it is complete. A stream of events, or a body that is encoded, is sent as it comes. */
function collectBody(req: IncomingMessage, res: ServerResponse, { onStart, onEnd }: Collector): void {
  if (req.method === 'HEAD') return;
  const own = { writeHead: res.writeHead, write: res.write, end: res.end };
  const chunks: Buffer[] = [];
  let isHeld: boolean | undefined; // undefined until the headers are complete

  /** Whether the body is held back until it is complete. If not, nothing is changed from here on. */
  function hold(): boolean {
    if (isHeld !== undefined) return isHeld;
    isHeld = compressible.test(String(res.getHeader('content-type'))) && !res.hasHeader('content-encoding');
    if (isHeld) onStart();
    else Object.assign(res, own);
    return isHeld;
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
      onEnd(chunks, () => Object.assign(res, own));
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
