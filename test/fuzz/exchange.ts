import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';

/** A request in the pieces in which it is written. */
export interface Bytes {
  readonly pieces: readonly Buffer[];
  /** The client disconnects after this many. */
  readonly leavesAfter?: number | undefined;
  /** Of a HEAD request, whose response has no body. */
  readonly isHead?: boolean;
  /** The client disconnects when it has waited this long for the response. */
  readonly timeoutMs: number;
}

export interface Response {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** A subscription that has begun. */
  readonly isOpen: boolean;
  /** Whether no other response follows on its connection. */
  readonly isLast: boolean;
}

/**
 * Sends requests on one connection: all at once, or each after the response to the one before it. Returns the responses in their
 * order, undefined for one that did not arrive whole, and none after the last; and the number of bytes after all of them.
 */
export async function exchange(port: number, requests: readonly Bytes[], isPipelined = false) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let received: Buffer = Buffer.alloc(0);
  let wake = () => {};
  const responses: (Response | undefined)[] = [];
  socket.on('error', () => {});
  socket.on('close', () => wake());
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  let writing = isPipelined ? write(socket, requests) : Promise.resolve();
  for (const request of requests) {
    const timer = setTimeout(() => socket.destroy(), request.timeoutMs);
    // A response may come before the request is written whole.
    if (!isPipelined) writing = writing.then(() => write(socket, [request]));
    let read: ReturnType<typeof readResponse>;
    for (;;) {
      const isClosed = socket.closed;
      read = readResponse(received, request.isHead === true, isClosed);
      if (read !== undefined || isClosed) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    clearTimeout(timer);
    responses.push(read?.response);
    received = read?.rest ?? Buffer.alloc(0);
    if (read === undefined || read.response.isLast) break;
  }
  socket.destroy();
  return { responses, surplus: responses.at(-1)?.isLast ? 0 : received.length };
}

async function write(socket: Socket, requests: readonly Bytes[]): Promise<void> {
  for (const { pieces, leavesAfter } of requests) {
    for (const [index, piece] of pieces.entries()) {
      if (index === leavesAfter) socket.destroy();
      if (socket.destroyed) return;
      await new Promise((resolve) => socket.write(piece, resolve));
      await setImmediate();
    }
    if (leavesAfter === pieces.length) socket.destroy();
  }
}

/** The first response other than `100 Continue`, and what follows it. Undefined while it is incomplete. */
function readResponse(
  bytes: Buffer,
  isHead: boolean,
  isClosed: boolean,
): { readonly response: Response; readonly rest: Buffer } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
  const rest = bytes.subarray(headEnd + 4);
  if (status < 200) return readResponse(rest, isHead, isClosed);
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const { connection, 'content-type': type = '', 'content-length': length, 'transfer-encoding': coding } = headers;
  const isPage = type.startsWith('text/html'); // GraphiQL, of megabytes: its head is enough
  const isLast = isPage || connection === 'close';
  const read = (body: Buffer, end: number, isOpen = false) => ({
    response: { status, headers, body, isOpen, isLast: isLast || isOpen },
    rest: rest.subarray(end),
  });
  if (isHead || isPage || status === 204 || status === 304) return read(Buffer.alloc(0), 0);
  if (coding !== 'chunked') {
    const end = length === undefined ? rest.length : Number(length);
    return rest.length < end || (length === undefined && !isClosed) ? undefined : read(rest.subarray(0, end), end);
  }
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = rest.indexOf('\r\n', at);
    const size = Number.parseInt(rest.toString('latin1', at, end), 16);
    if (end === -1 || rest.length < end + 2 + size + 2) break;
    at = end + 2 + size + 2;
    if (size === 0) return read(Buffer.concat(chunks), at);
    chunks.push(rest.subarray(end + 2, end + 2 + size));
  }
  // As streams begin, which do not end.
  return /^(?:retry: |--graphql)/.test(`${chunks[0]}`) ? read(Buffer.concat(chunks), rest.length, true) : undefined;
}
