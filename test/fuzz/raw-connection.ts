import { connect } from 'node:net';
import { nameAndValue, type Response } from './target.ts';

export interface Bytes {
  /** In the chunks in which they are written. */
  readonly pieces: readonly Buffer[];
  /** The client disconnects after this many. */
  readonly disconnectsAfter: number | undefined;
  readonly isHead: boolean;
  readonly timeoutMs: number;
}

/** Sends bytes on a connection of their own. Undefined if no whole response arrives. */
export function sendBytes(port: number, { pieces, disconnectsAfter, isHead, timeoutMs }: Bytes) {
  const { promise, resolve } = Promise.withResolvers<Response | undefined>();
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  let received: Buffer = Buffer.alloc(0);
  let sent = 0;
  const next = (): void => {
    if (sent === disconnectsAfter) return void socket.destroy();
    const piece = pieces[sent++];
    if (piece !== undefined && !socket.destroyed) socket.write(piece, () => setImmediate(next));
  };
  const tryRead = (ended: boolean): void => {
    const response = readResponse(received, isHead, ended);
    if (response !== undefined) resolve(response);
    if (response !== undefined || ended) socket.destroy();
  };
  socket.on('connect', next);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    tryRead(false);
  });
  socket.on('end', () => tryRead(true));
  socket.on('error', () => {});
  socket.on('close', () => {
    clearTimeout(timer);
    resolve(undefined);
  });
  return promise;
}

/** Parses the first response other than `100 Continue`. Undefined while it is incomplete. */
function readResponse(bytes: Buffer, isHead: boolean, ended: boolean): Response | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
  let rest = bytes.subarray(headEnd + 4);
  if (status < 200) return readResponse(rest, isHead, ended);
  const headers = Object.fromEntries(lines.map(nameAndValue).map(([name, value]) => [name.toLowerCase(), value]));
  // The GraphiQL page has megabytes, so its head is enough.
  const isPage = /^text\/html/.test(headers['content-type'] ?? '');
  if (isHead || isPage || status === 204 || status === 304) return { status, headers, body: Buffer.alloc(0) };
  if (headers['transfer-encoding'] === 'chunked') {
    const chunks: Buffer[] = [];
    for (;;) {
      const end = rest.indexOf('\r\n');
      const size = Number.parseInt(rest.toString('latin1', 0, end), 16);
      if (end === -1 || rest.length < end + 2 + size + 2) return undefined;
      if (size === 0) return { status, headers, body: Buffer.concat(chunks) };
      chunks.push(rest.subarray(end + 2, end + 2 + size));
      rest = rest.subarray(end + 2 + size + 2);
    }
  }
  const length = headers['content-length'];
  if (length === undefined) return ended ? { status, headers, body: rest } : undefined;
  return rest.length < Number(length) ? undefined : { status, headers, body: rest.subarray(0, Number(length)) };
}
