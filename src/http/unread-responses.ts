import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** A larger body is written in pieces, which shows whether its client still reads. In bytes. */
const pieceBytes = 65_536;

/** A text with more bytes that cannot be sent at once is kept outside of the heap. */
const smallBytes = 8_192;

/** How much of larger bodies is written in one turn of the event loop, of all responses together. In bytes; a million takes about 1 ms. */
const turnBytes = 4_000_000;

interface UnreadLimits {
  /** Of all responses together that their clients have not read. */
  readonly maxBytes: number;
  /** How long a client may read nothing of its response. */
  readonly maxMs: number;
}

interface Connection {
  bytes: number;
  /** When its client last read something, as far as it is known. */
  since: number;
  readonly forget: () => void;
}

/**
 * The responses that are complete here and that their clients have not read. Cuts a connection whose client reads nothing for
 * too long, and, when there are too many bytes, the connections whose clients have read nothing for the longest time.
 */
export class UnreadResponses {
  readonly #limits: UnreadLimits;
  readonly #onCut: () => void;
  /** In the order of `since`. */
  readonly #connections = new Map<Duplex, Connection>();
  readonly #cut = new WeakSet<Duplex>();
  #bytes = 0;
  #leftInTurn = turnBytes;
  #turn: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: UnreadLimits, onCut: () => void) {
    this.#limits = limits;
    this.#onCut = onCut;
  }

  /** Whether the connection of a response was cut here. */
  hasCut(res: ServerResponse): boolean {
    return this.#cut.has(res.req.socket);
  }

  /** Ends a response, whose headers are complete, with a body of so many bytes. */
  end(res: ServerResponse, body: readonly (string | Buffer)[], bytes: number): void {
    if (bytes <= pieceBytes) {
      const [first = '', second] = body;
      const whole = second === undefined ? first : isText(body) ? body.join('') : Buffer.concat(body.map(bufferOf));
      if (typeof whole === 'string') endWith(res, whole, bytes);
      else res.end(whole);
      this.watch(res);
      return;
    }
    const release = this.hold(res, bytes);
    res.once('close', release);
    void this.#writePieces(res, body.values().flatMap(piecesOf)).then(() => {
      if (res.destroyed) return;
      release(); // where the response is compressed next, that counts it from here on
      res.end();
      this.watch(res);
    });
  }

  /** To be called when a response may have ended; costs nothing where the client has read all of it. */
  watch(res: ServerResponse): void {
    if (res.writableEnded && res.writableLength > 0) res.once('close', this.hold(res, res.writableLength));
  }

  /** Writes a part of a response. Returns undefined if it can be followed by more at once, or a promise of when it can. */
  write(res: ServerResponse, text: string): Promise<void> | undefined {
    if (text.length > pieceBytes) return this.#writePieces(res, piecesOf(text)).then(() => drained(res));
    return res.write(text) ? undefined : drained(res);
  }

  /** Counts the bytes of a response until its connection is closed, or until the function is called that it returns. */
  hold(res: ServerResponse, bytes: number): () => void {
    const { socket } = res.req;
    if (res.closed || socket.destroyed) return () => {};
    const connection = this.#connections.get(socket) ?? this.#add(socket);
    connection.bytes += bytes;
    this.#bytes += bytes;
    let isHeld = true;
    const release = () => {
      if (!isHeld || this.#connections.get(socket) !== connection) return;
      isHeld = false;
      connection.bytes -= bytes;
      this.#bytes -= bytes;
      if (connection.bytes === 0) this.#remove(socket, connection);
      else this.#progress(socket);
    };
    while (this.#bytes > this.#limits.maxBytes) this.#cutFirst();
    return release;
  }

  async #writePieces(res: ServerResponse, pieces: IteratorObject<Piece>): Promise<void> {
    let waits = res.socket === null; // for other responses of the connection
    if (waits) pieces = (await this.#copy(res, pieces)).values(); // nothing keeps the strings
    while (!res.destroyed) {
      if (res.writableNeedDrain) {
        if (!waits && !(await drainsInThisTurn(res))) {
          waits = true;
          pieces = (await this.#copy(res, pieces)).values();
        }
        await drained(res);
        this.#progress(res.req.socket);
      }
      const { value: piece, done } = pieces.next();
      if (done === true) return;
      await this.#turnFor(piece.bytes);
      if (res.destroyed) return;
      res.write(piece.data, piece.encoding);
    }
  }

  /** To memory outside of the heap. Garbage collection would copy strings that clients do not read, twice, while nothing else runs. */
  async #copy(res: ServerResponse, pieces: IteratorObject<Piece>): Promise<Piece[]> {
    const copied: Piece[] = [];
    for (const piece of pieces) {
      if (typeof piece.data === 'string') await this.#turnFor(piece.bytes);
      if (res.destroyed) break;
      copied.push({ ...piece, data: bufferOf(piece.data) });
    }
    return copied;
  }

  async #turnFor(bytes: number): Promise<void> {
    while (this.#leftInTurn <= 0) await this.#nextTurn();
    this.#leftInTurn -= bytes;
  }

  #nextTurn(): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#leftInTurn = turnBytes;
        this.#turn = undefined;
        resolve();
      });
    });
    return this.#turn;
  }

  #add(socket: Duplex): Connection {
    const forget = () => this.#remove(socket, connection);
    const connection: Connection = { bytes: 0, since: performance.now(), forget };
    socket.once('close', forget);
    this.#connections.set(socket, connection);
    this.#timer ??= setInterval(() => this.#cutIdle(), Math.min(1_000, this.#limits.maxMs / 4)).unref();
    return connection;
  }

  #remove(socket: Duplex, connection: Connection): void {
    if (this.#connections.get(socket) !== connection) return;
    this.#connections.delete(socket);
    socket.off('close', connection.forget);
    this.#bytes -= connection.bytes;
  }

  #progress(socket: Duplex): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.since = performance.now();
    this.#connections.delete(socket);
    this.#connections.set(socket, connection);
  }

  #cutIdle(): void {
    const latest = performance.now() - this.#limits.maxMs;
    for (const { since } of this.#connections.values()) {
      if (since > latest) break;
      this.#cutFirst();
    }
    if (this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #cutFirst(): void {
    for (const [socket, connection] of this.#connections) {
      this.#remove(socket, connection);
      this.#cut.add(socket);
      socket.destroy();
      this.#onCut();
      return;
    }
  }
}

/** Resolves when the client has read enough for more, or has disconnected. */
function drained(res: ServerResponse): Promise<void> | undefined {
  if (!res.writableNeedDrain || res.closed) return undefined;
  return new Promise((resolve) => {
    const proceed = () => {
      res.off('drain', proceed).off('close', proceed);
      resolve();
    };
    res.once('drain', proceed).once('close', proceed);
  });
}

/** Whether the client reads what was written: Node sends it after what now runs, so that is known only in the next turn. */
function drainsInThisTurn(res: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    setImmediate(() => resolve(false));
    void drained(res)?.then(() => resolve(true));
  });
}

/** ASCII text that can be sent at once is sent in one piece with the headers, without being encoded. */
function endWith(res: ServerResponse, text: string, bytes: number): void {
  const waits = res.socket === null || res.writableLength > 0; // for other responses of the connection
  if (waits && bytes > smallBytes) res.end(Buffer.from(text));
  else res.end(text, bytes === text.length ? 'latin1' : 'utf8');
}

interface Piece {
  readonly data: string | Buffer;
  readonly encoding: 'latin1' | 'utf8';
  readonly bytes: number;
}

function* piecesOf(part: string | Buffer): Generator<Piece> {
  if (typeof part === 'string' && part.length <= 2 * pieceBytes) {
    const bytes = Buffer.byteLength(part);
    yield { data: part, encoding: bytes === part.length ? 'latin1' : 'utf8', bytes };
    return;
  }
  const buffer = bufferOf(part);
  for (let at = 0; at < buffer.length; at += pieceBytes) {
    const data = buffer.subarray(at, at + pieceBytes);
    yield { data, encoding: 'utf8', bytes: data.length };
  }
}

function bufferOf(part: string | Buffer): Buffer {
  return typeof part === 'string' ? Buffer.from(part) : part;
}

function isText(body: readonly (string | Buffer)[]): body is readonly string[] {
  return body.every((part) => typeof part === 'string');
}
