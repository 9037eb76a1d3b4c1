import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

const decoders = new Map([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflateSync],
  ['br', brotliDecompressSync],
]);

/**
 * Decodes a body with a `Content-Encoding`: we send no `Accept-Encoding`, which allows any (RFC 9110, 12.5.3). Throws when the
 * encoding is unknown, the body does not have it, or it decompresses to more than `maxBytes`.
 */
export function decodeContent(body: Buffer, encoding: string, maxBytes: number): Buffer {
  const decode = decoders.get(encoding.trim().toLowerCase());
  if (decode === undefined) throw new Error('unknown content encoding');
  return decode(body, { maxOutputLength: maxBytes });
}
