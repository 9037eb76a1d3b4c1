import fc from 'fast-check';
import { mutated } from './mutated.ts';
import type { Message } from './target.ts';

/** How a request becomes bytes. */
export interface Framing {
  readonly isChunked: boolean;
  /** Of chunks, and of the pieces that are written. */
  readonly chunkSize: number;
  readonly pieceSize: number;
  /** `%` stands for the size in hexadecimal digits. */
  readonly chunkHead: string;
  readonly trailers: string;
}

export const framed: fc.Arbitrary<Framing> = fc.record({
  isChunked: fc.boolean(),
  chunkSize: fc.constantFrom(1, 10, 500, 100_000),
  pieceSize: fc.constantFrom(7, 64, 1_000, 1_000_000),
  chunkHead: fc.constantFrom('%', '00%', '%;x=y'),
  trailers: fc.constantFrom('', '', '', 'X-Trailer: authorization\r\nAuthorization: Bearer x\r\n'),
});

/** The most pieces; the last has all that is left. */
const maxPieces = 20;

export function inPieces(message: Message, framing: Framing): Buffer[] {
  const { body } = message;
  const chunks = chunksOf(body ?? Buffer.alloc(0), framing);
  return framing.isChunked
    ? cut(bytesOf(message, ['Transfer-Encoding: chunked'], chunks), framing.pieceSize)
    : cut(bytesOf(message, [`Content-Length: ${body?.length ?? 0}`], body?.toString('latin1')), framing.pieceSize);
}

function bytesOf({ method, path, headers }: Message, more: readonly string[], rest = '', version = 'HTTP/1.1'): Buffer {
  const lines = [...headers, ...more].map((line) => `${line}\r\n`).join('');
  return Buffer.from(`${method} ${path} ${version}\r\n${lines}\r\n${rest}`, 'latin1');
}

function chunksOf(body: Buffer, { chunkSize, chunkHead, trailers }: Framing): string {
  const size = Math.max(chunkSize, Math.ceil(body.length / 500));
  let text = '';
  for (let at = 0; at < body.length; at += size) {
    const chunk = body.toString('latin1', at, at + size);
    text += `${chunkHead.replace('%', chunk.length.toString(16))}\r\n${chunk}\r\n`;
  }
  return `${text}0\r\n${trailers}\r\n`;
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const count = Math.min(maxPieces, Math.ceil(bytes.length / size));
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * size, index === count - 1 ? undefined : (index + 1) * size),
  );
}

/** A request whose framing is wrong: its bytes, and whether the gateway waits for the rest of its body. */
interface Malformed {
  readonly pieces: Buffer[];
  readonly isEndless: boolean;
}

const lengths = fc.constantFrom('abc', '-5', '1e3', '+5', '0x10', '5, 5', '9'.repeat(30));
const encodings = fc.constantFrom('gzip, chunked', 'identity', 'chunked, chunked', 'xchunked', ' chunked');
const versions = fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/9', '');

export function malformed(message: Message): fc.Arbitrary<Malformed> {
  const body = message.body?.toString('latin1') ?? '';
  const { length } = body;
  const wholeChunks = (framing: Framing) => chunksOf(Buffer.from(body.slice(0, 2_000), 'latin1'), framing);
  const withLength = (text: string) => bytesOf(message, [`Content-Length: ${text}`], body);
  const chunked = (chunks: string) => bytesOf(message, ['Transfer-Encoding: chunked'], chunks);
  const waits = message.method === 'POST';
  const endless = fc.oneof(
    fc.constantFrom(1, 100, 1_000_000, 99_999_999_999).map((more) => withLength(`${length + more}`)),
    fc.constant(chunked(`${length.toString(16)}\r\n${body}\r\n`)),
  );
  const wrong = fc.oneof(
    lengths.map(withLength),
    fc.nat(length).map((less) => withLength(`${less}`)),
    mutated(framed.map(wholeChunks)).map(chunked),
    encodings.map((encoding) =>
      bytesOf(message, [`Transfer-Encoding: ${encoding}`, `Content-Length: ${length}`], body),
    ),
    versions.map((version) => bytesOf(message, [`Content-Length: ${length}`], body, version)),
    mutated(fc.constant(withLength(`${length}`).toString('latin1'))).map((text) => Buffer.from(text, 'latin1')),
    fc.constant(bytesOf(message, [], body)),
    fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes)),
  );
  const pieceSize = fc.constantFrom(7, 64, 1_000, 1_000_000);
  return fc
    .tuple(
      fc.oneof(
        endless.map((bytes) => ({ bytes, isEndless: waits })),
        wrong.map((bytes) => ({ bytes, isEndless: false })),
      ),
      pieceSize,
    )
    .map(([{ bytes, isEndless }, size]) => ({ pieces: cut(bytes, size), isEndless }));
}
