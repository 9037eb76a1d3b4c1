import fc from 'fast-check';
import { mutated } from './hostile-text.ts';

export interface Message {
  readonly method: string;
  readonly path: string;
  /** `Name: value`. */
  readonly headers: readonly string[];
  readonly body: Buffer | undefined;
}

export function postTo(path: string, body: object, ...more: readonly string[]): Message {
  const headers = ['Host: localhost', 'Content-Type: application/json', ...more];
  return { method: 'POST', path, headers, body: Buffer.from(JSON.stringify(body)) };
}

/** A message in the pieces in which it is written. */
interface Framed {
  readonly pieces: readonly Buffer[];
  readonly isWellFormed: boolean;
  /** Whether the gateway waits for the rest of a body that never ends. */
  readonly isEndless: boolean;
}

/** The most pieces; the last has all that is left. */
const maxPieces = 20;
const chunkedLine = 'Transfer-Encoding: chunked\r\n';
const pieceSizes = fc.constantFrom(7, 64, 1_000, 1_000_000);
const chunking = fc.record({
  size: fc.constantFrom(1, 10, 500, 100_000),
  /** `%` stands for the size in hexadecimal digits. */
  head: fc.constantFrom('%', '00%', '%;x=y'),
  trailers: fc.constantFrom('', '', '', 'X-Trailer: authorization\r\nAuthorization: Bearer x\r\n'),
});

/** The bytes of a message that says this of its body, and the body as it is sent. */
export function bytesOf(
  { method, path, headers, body }: Message,
  more?: string,
  sent = latin1(body),
  version = 'HTTP/1.1',
): Buffer {
  const head = [`${method} ${path} ${version}`, ...headers, ''].join('\r\n');
  return Buffer.from(`${head}${more ?? lengthLine(body?.length ?? 0)}\r\n${sent}`, 'latin1');
}

/** Sent as a correct client may send it. */
export function wellFramed(message: Message): fc.Arbitrary<Framed> {
  const whole = fc.oneof(
    fc.constant(bytesOf(message)),
    chunked(latin1(message.body)).map((chunks) => bytesOf(message, chunkedLine, chunks)),
  );
  return inPieces(whole, { isWellFormed: true, isEndless: false });
}

/** Sent with a length, an encoding, a version or bytes that are wrong. */
export function malformed(message: Message): fc.Arbitrary<Framed> {
  const body = latin1(message.body);
  const { length } = body;
  const withLength = (text: string | number) => bytesOf(message, lengthLine(text));
  const withChunks = (chunks: string) => bytesOf(message, chunkedLine, chunks);
  const endless = fc.oneof(
    fc.constantFrom(1, 100, 1_000_000, 99_999_999_999).map((more) => withLength(length + more)),
    fc.constant(withChunks(`${length.toString(16)}\r\n${body}\r\n`)),
  );
  const wrong = fc.oneof(
    fc.constantFrom('abc', '-5', '1e3', '+5', '0x10', '5, 5', '9'.repeat(30)).map(withLength),
    fc.nat(length).map(withLength),
    mutated(chunked(body.slice(0, 2_000))).map(withChunks),
    fc
      .constantFrom('gzip, chunked', 'identity', 'chunked, chunked', 'xchunked', ' chunked')
      .map((coding) => bytesOf(message, `Transfer-Encoding: ${coding}\r\n${lengthLine(length)}`)),
    fc
      .constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/9', '')
      .map((version) => bytesOf(message, lengthLine(length), body, version)),
    mutated(fc.constant(latin1(bytesOf(message)))).map((text) => Buffer.from(text, 'latin1')),
    fc.constant(bytesOf(message, '')),
    fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes)),
  );
  return fc.oneof(
    inPieces(endless, { isWellFormed: false, isEndless: message.method === 'POST' }),
    inPieces(wrong, { isWellFormed: false, isEndless: false }),
  );
}

function inPieces(whole: fc.Arbitrary<Buffer>, how: Omit<Framed, 'pieces'>): fc.Arbitrary<Framed> {
  return fc.tuple(whole, pieceSizes).map(([bytes, size]) => {
    const count = Math.min(maxPieces, Math.ceil(bytes.length / size));
    const end = (index: number) => (index === count - 1 ? undefined : (index + 1) * size);
    return { ...how, pieces: Array.from({ length: count }, (_, index) => bytes.subarray(index * size, end(index))) };
  });
}

function latin1(bytes: Buffer | undefined): string {
  return bytes?.toString('latin1') ?? '';
}

function lengthLine(length: string | number): string {
  return `Content-Length: ${length}\r\n`;
}

function chunked(body: string): fc.Arbitrary<string> {
  return chunking.map(({ size, head, trailers }) => {
    const chunks = body.match(new RegExp(`[^]{1,${Math.max(size, Math.ceil(body.length / 500))}}`, 'g')) ?? [];
    const framed = chunks.map((chunk) => `${head.replace('%', chunk.length.toString(16))}\r\n${chunk}\r\n`);
    return `${framed.join('')}0\r\n${trailers}\r\n`;
  });
}
