import { buildConnector, Client, type Dispatcher, errors } from 'undici';
import { UpstreamError } from '../upstream-error.ts';
import { type Call, type Connection, StaleConnectionError } from './connection.ts';
import { decodeContent } from './content-encoding.ts';

interface ConnectionOptions {
  /** Scheme, host and port of the upstream. */
  readonly origin: string;
  readonly count: number;
  /** A larger body is cut off while it arrives. In bytes. */
  readonly maxResponseBytes: number;
  readonly connectTimeoutMs: number;
}

/** Limits on the body of a failure, which is read so that the connection can be reused. A larger or slower body closes it. */
const maxFailureBytes = 65_536;
const maxFailureMs = 100;

/** Opens nothing before the first call. */
export function createHttpConnections(options: ConnectionOptions): HttpConnection[] {
  const { origin, count, maxResponseBytes, connectTimeoutMs } = options;
  const connect = buildConnector({ timeout: connectTimeoutMs, allowH2: false }); // one cache of TLS sessions for all
  const createClient = () =>
    new Client(origin, {
      pipelining: 1,
      allowH2: false,
      connect,
      headersTimeout: 0, // only the deadlines of the read apply
      bodyTimeout: 0,
      keepAliveTimeout: 20_000, // shorter than the idle timeout of common load balancers, which would close the socket
      keepAliveMaxTimeout: 20_000,
    });
  return Array.from({ length: count }, () => new HttpConnection(createClient, maxResponseBytes));
}

/**
 * One undici `Client`, and the handler of its responses, so that a call allocates nothing. (In undici's `Pool`, no client is
 * free yet when a slot is freed at the end of a response, and the next call waits in the pool's own queue.) It is occupied
 * until its socket can be used again: also while the body of a failure is read, and while a dropped call still connects.
 */
class HttpConnection implements Connection, Dispatcher.DispatchHandler {
  onFree: () => void = () => {};

  readonly #createClient: () => Client;
  readonly #maxResponseBytes: number;
  #client: Client | undefined;
  /** Responses on the current socket: only a socket that has carried one may be stale. */
  #responses = 0;
  #isReused = false;
  /** Undefined when the connection is free, when the call was dropped, and when its end was reported. */
  #call: Call | undefined;
  /** Undefined while the socket is being opened. */
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #encoding: string | undefined;
  #bytes = 0;
  #firstChunk: Buffer | undefined;
  #moreChunks: Buffer[] | undefined;
  #drainTimer: NodeJS.Timeout | undefined;

  constructor(createClient: () => Client, maxResponseBytes: number) {
    this.#createClient = createClient;
    this.#maxResponseBytes = maxResponseBytes;
  }

  send(call: Call): void {
    this.#call = call;
    this.#client ??= this.#openClient();
    this.#client.dispatch({ method: 'GET', path: call.path, headers: call.headers }, this);
  }

  drop(): void {
    if (this.#call === undefined) return;
    this.#call = undefined;
    // While it connects there is nothing to abort: `onRequestStart` then drops the call and keeps the socket.
    this.#controller?.abort(dropped);
  }

  async close(): Promise<void> {
    await this.#client?.destroy();
  }

  #openClient(): Client {
    const client = this.#createClient();
    const reset = () => {
      this.#responses = 0;
    };
    return client.on('connect', reset).on('disconnect', reset);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#call === undefined) throw dropped; // `abort` would close the socket as well
    this.#controller = controller;
    this.#isReused = this.#responses > 0;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Record<string, unknown>): void {
    this.#isReused = false; // not stale
    if (status < 200) return;
    this.#status = status;
    const { 'retry-after': retryAfter, 'content-encoding': encoding } = headers;
    if (typeof encoding === 'string' && encoding.toLowerCase() !== 'identity') this.#encoding = encoding;
    if (status === 200) return;
    this.#drainTimer = setTimeout(() => controller.abort(dropped), maxFailureMs).unref();
    const call = this.#call;
    this.#call = undefined;
    const [wait] = [retryAfter].flat();
    call?.respond(status, typeof wait === 'string' ? wait : undefined, '');
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > (this.#status === 200 ? this.#maxResponseBytes : maxFailureBytes)) controller.abort(tooLarge);
    else if (this.#status !== 200) return;
    else if (this.#firstChunk === undefined) this.#firstChunk = chunk;
    else if (this.#moreChunks === undefined) this.#moreChunks = [this.#firstChunk, chunk];
    else this.#moreChunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#responses++;
    const call = this.#call;
    if (call === undefined) {
      this.#free();
      return;
    }
    let body: string;
    try {
      body = this.#text();
    } catch (error) {
      this.#free();
      call.fail(new UpstreamError('bad-response', { status: 200, cause: error }));
      return;
    }
    this.#free(); // first, so that the next call is sent before this body is decoded
    call.respond(200, undefined, body);
  }

  onResponseError(controller: Dispatcher.DispatchController | undefined, error: Error): void {
    const isStale = (controller ? this.#isReused : this.#responses > 0) && isConnectionError(error);
    const isBadResponse = error === tooLarge || isProtocolError(error);
    const status = this.#status || undefined;
    const fault = new UpstreamError(isBadResponse ? 'bad-response' : 'unavailable', { status, cause: error });
    const end = () => {
      const call = this.#call;
      this.#free();
      call?.fail(isStale ? new StaleConnectionError('', { cause: error }) : fault);
    };
    if (controller) end();
    else queueMicrotask(end); // not started: undici then asserts that its queue is empty, so the next call must not be sent yet
  }

  #text(): string {
    const bytes = this.#moreChunks === undefined ? (this.#firstChunk ?? empty) : Buffer.concat(this.#moreChunks);
    const encoding = this.#encoding;
    return (encoding === undefined ? bytes : decodeContent(bytes, encoding, this.#maxResponseBytes)).toString();
  }

  #free(): void {
    this.#call = undefined;
    this.#controller = undefined;
    this.#isReused = false;
    this.#status = 0;
    this.#encoding = undefined;
    this.#bytes = 0;
    this.#firstChunk = undefined;
    this.#moreChunks = undefined;
    if (this.#drainTimer !== undefined) clearTimeout(this.#drainTimer);
    this.#drainTimer = undefined;
    this.onFree();
  }
}

const empty = Buffer.alloc(0);
const dropped = new Error('dropped');
const tooLarge = new Error('the body is larger than the limit');

/** The response is not valid HTTP: a retry would not help. */
function isProtocolError(error: Error): boolean {
  return error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError;
}

function isConnectionError(error: Error): boolean {
  return error instanceof errors.SocketError || /^(ECONNRESET|EPIPE)$/.test(String('code' in error && error.code));
}
