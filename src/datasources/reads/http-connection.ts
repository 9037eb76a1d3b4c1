import { Client, type Dispatcher, errors } from 'undici';
import { createConnector } from '../../network/connector.ts';
import { proxyAuthorization } from '../../network/proxies.ts';
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
  /** A connection is closed at this age, or up to a tenth earlier, once it has no call. Undefined is no limit. */
  readonly connectionMaxAgeMs?: number | undefined;
  /** The URL of an HTTP proxy; undefined connects directly. */
  readonly proxy?: string | undefined;
}

/** Limits on the body of a failure, which is read so that the connection can be reused. A larger or slower body closes it. */
const maxFailureBytes = 65_536;
const maxFailureMs = 100;

/** Opens nothing before the first call. */
export function createHttpConnections(options: ConnectionOptions): HttpConnection[] {
  const { origin, count, connectTimeoutMs, proxy } = options;
  // As clients do by convention: a tunnel for https; for http, the proxy gets the requests, with the whole URL.
  const forwarder = proxy !== undefined && origin.startsWith('http:') ? new URL(proxy) : undefined;
  const connector = createConnector({ timeoutMs: connectTimeoutMs, proxy: forwarder ? undefined : proxy });
  // The name in a certificate is the proxy's; undici would take it from the Host header.
  const connect: typeof connector = forwarder
    ? (endpoint, callback) => connector({ ...endpoint, servername: '' }, callback)
    : connector;
  const createClient = () =>
    new Client(forwarder?.origin ?? origin, {
      pipelining: 1,
      allowH2: false,
      connect,
      headersTimeout: 0, // only the deadlines of the read apply
      bodyTimeout: 0,
      keepAliveTimeout: 20_000, // shorter than the idle timeout of common load balancers, which would close the socket
      keepAliveMaxTimeout: 20_000,
    });
  const forwarding = forwarder && { origin, headers: headersForProxy(origin, forwarder) };
  return Array.from({ length: count }, () => new HttpConnection(createClient, options, forwarding));
}

function headersForProxy(origin: string, proxy: URL): string[] {
  const authorization = proxyAuthorization(proxy);
  return ['host', new URL(origin).host, ...(authorization ? ['proxy-authorization', authorization] : [])];
}

/** What requests have in addition, if a proxy forwards them. */
interface Forwarding {
  readonly origin: string;
  readonly headers: readonly string[];
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
  readonly #maxAgeMs: number | undefined;
  readonly #forwarding: Forwarding | undefined;
  #client: Client | undefined;
  /** Of the current socket. */
  #ageTimer: NodeJS.Timeout | undefined;
  #isTooOld = false;
  /** Responses on the current socket: only a socket that has carried one may be stale. */
  #responses = 0;
  #isReused = false;
  #isFree = true;
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

  constructor(
    createClient: () => Client,
    { maxResponseBytes, connectionMaxAgeMs }: Pick<ConnectionOptions, 'maxResponseBytes' | 'connectionMaxAgeMs'>,
    forwarding: Forwarding | undefined,
  ) {
    this.#createClient = createClient;
    this.#maxResponseBytes = maxResponseBytes;
    this.#maxAgeMs = connectionMaxAgeMs;
    this.#forwarding = forwarding;
  }

  send(call: Call): void {
    this.#call = call;
    this.#isFree = false;
    this.#client ??= this.#openClient();
    const { path, headers } = this.#forwarding === undefined ? call : forward(call, this.#forwarding);
    this.#client.dispatch({ method: 'GET', path, headers }, this);
  }

  drop(): void {
    if (this.#call === undefined) return;
    this.#call = undefined;
    // While it connects there is nothing to abort: `onRequestStart` then drops the call and keeps the socket.
    this.#controller?.abort(dropped);
  }

  async close(): Promise<void> {
    clearTimeout(this.#ageTimer);
    await this.#client?.destroy();
  }

  #openClient(): Client {
    const client = this.#createClient();
    const reset = () => {
      if (client !== this.#client) return; // one that was closed for its age
      this.#responses = 0;
      this.#isTooOld = false;
      clearTimeout(this.#ageTimer);
    };
    const age = () => {
      this.#isTooOld = true;
      if (this.#isFree) this.#closeClient();
    };
    return client
      .on('connect', () => {
        reset();
        if (this.#maxAgeMs === undefined) return;
        const jitter = 1 - Math.random() / 10; // so that not all connections are replaced at once
        this.#ageTimer = setTimeout(age, this.#maxAgeMs * jitter).unref();
      })
      .on('disconnect', reset);
  }

  /** Once its last response has ended, which it may just have. The next call opens another. */
  #closeClient(): void {
    void this.#client?.close();
    this.#client = undefined;
    this.#responses = 0;
    this.#isTooOld = false;
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
    this.#isFree = true;
    if (this.#isTooOld) this.#closeClient();
    this.onFree();
  }
}

function forward({ path, headers }: Call, forwarding: Forwarding): Pick<Call, 'path' | 'headers'> {
  return { path: forwarding.origin + path, headers: [...headers, ...forwarding.headers] };
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
