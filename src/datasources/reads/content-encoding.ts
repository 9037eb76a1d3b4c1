import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

const decoders = new Map([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflateSync],
  ['br', brotliDecompressSync],
]);

/**
 * Undoes a `Content-Encoding` that nobody asked for: we send no `Accept-Encoding`, which allows any (RFC 9110, 12.5.3).
 * Throws when the encoding is unknown, the body is not of that encoding, or it unpacks to more than `maxBytes`.
 */
export function decodeContent(body: Buffer, encoding: string, maxBytes: number): Buffer {
  const decode = decoders.get(encoding.trim().toLowerCase());
  if (decode === undefined) throw new Error('unknown content encoding');
  return decode(body, { maxOutputLength: maxBytes });
}
