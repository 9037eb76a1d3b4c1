import { Client, type Dispatcher, errors, Pool } from 'undici';
import { decodeContent } from '../reads/content-encoding.ts';
import { StaleConnectionError } from '../reads/retry.ts';
import type { StopSignal } from '../reads/stop.ts';
import { UpstreamError } from '../upstream-error.ts';

interface TransportOptions {
  /** Scheme, host and port of the upstream. */
  readonly origin: string;
  /** Connections held open, which with HTTP/1.1 is also the number of calls in flight. */
  readonly connections: number;
  /** A larger body is cut off while it arrives. In bytes. */
  readonly maxResponseBytes: number;
  /** Bound on opening one connection. In milliseconds. */
  readonly connectTimeoutMs: number;
}

export interface UpstreamResponse {
  readonly status: number;
  /** The header as it was sent. */
  readonly retryAfter: string | undefined;
  /** Empty unless the status is 200: what Linq says of a failure is read off the socket and dropped. */
  readonly body: string;
}

/**
 * Sends one GET and settles exactly once; `stop` ends it at any time, its reason is the rejection's. Rejects with an
 * `UpstreamError` otherwise, or with a `StaleConnectionError` when nothing was asked because the connection was dead.
 */
export type Send = (path: string, headers: Record<string, string>, stop: StopSignal) => Promise<UpstreamResponse>;

/** One for each process. Opens nothing before the first call. */
export interface Transport {
  readonly send: Send;
  /** Ends what is in flight, as `unavailable`, and closes every connection. */
  close(): Promise<void>;
}

/** What we read of a failure's body so that its connection can be used again; a longer or slower one costs it. */
const maxFailureBytes = 65_536;
const maxFailureMs = 100;

export function createTransport({
  origin,
  connections,
  maxResponseBytes,
  connectTimeoutMs,
}: TransportOptions): Transport {
  const pool = new Pool(origin, {
    connections,
    pipelining: 1,
    allowH2: false, // with HTTP/2, `connections` would no longer bound the calls in flight
    connect: { timeout: connectTimeoutMs },
    headersTimeout: 0, // `stop` is the only clock
    bodyTimeout: 0,
    keepAliveTimeout: 20_000, // below the idle time of common load balancers: a socket they closed fails a read
    keepAliveMaxTimeout: 20_000,
    factory: (to, options) => new CountingClient(to, options),
  });
  const send: Send = (path, headers, stop) =>
    new Promise((resolve, reject) => {
      if (stop.aborted) return reject(stop.reason);
      pool.dispatch({ method: 'GET', path, headers }, new Exchange(maxResponseBytes, stop, resolve, reject));
    });
  return { send, close: () => pool.destroy() };
}

/** Tells each exchange whether its connection has answered before: only then may it have gone stale. */
class CountingClient extends Client {
  #answers = 0;

  constructor(origin: string | URL, options: object) {
    super(origin, options);
    this.on('connect', () => {
      this.#answers = 0;
    });
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (handler instanceof Exchange) {
      handler.onStart = () => this.#answers > 0;
      handler.onAnswer = () => {
        this.#answers++;
      };
    }
    return super.dispatch(options, handler);
  }
}

/** Collects one answer. `dispatch` with a handler of our own spares the stream that `request` builds for each answer. */
class Exchange implements Dispatcher.DispatchHandler {
  /** Whether the connection that it starts on has answered before. */
  onStart: () => boolean = () => false;
  onAnswer: () => void = () => {};

  readonly #maxBytes: number;
  readonly #stop: StopSignal;
  readonly #resolve: (response: UpstreamResponse) => void;
  readonly #reject: (error: unknown) => void;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #draining: NodeJS.Timeout | undefined;
  #reused = false;
  #status = 0;
  #encoding: string | undefined;
  #bytes = 0;

  constructor(
    maxBytes: number,
    stop: StopSignal,
    resolve: (response: UpstreamResponse) => void,
    reject: (error: unknown) => void,
  ) {
    this.#maxBytes = maxBytes;
    this.#stop = stop;
    this.#resolve = resolve;
    this.#reject = reject;
    stop.addEventListener('abort', this.#onStop);
  }

  // Settles at once: the pool may hold this exchange back for longer, and then it never starts.
  readonly #onStop = (): void => {
    this.#reject(this.#stop.reason);
    this.#controller?.abort(stopped);
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#reused = this.onStart();
    if (this.#stop.aborted) throw stopped; // drops the exchange; `abort` would cost the connection as well
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Record<string, unknown>): void {
    this.#reused = false; // it has answered
    if (status < 200) return;
    this.#status = status;
    const { 'retry-after': retryAfter, 'content-encoding': encoding } = headers;
    if (typeof encoding === 'string' && encoding.toLowerCase() !== 'identity') this.#encoding = encoding;
    if (status === 200) return;
    const [wait] = [retryAfter].flat();
    this.#resolve({ status, retryAfter: typeof wait === 'string' ? wait : undefined, body: '' });
    this.#draining = setTimeout(() => controller.abort(stopped), maxFailureMs).unref();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > (this.#status === 200 ? this.#maxBytes : maxFailureBytes)) {
      controller.abort(tooLarge);
    } else if (this.#status === 200) {
      this.#chunks.push(chunk);
    }
  }

  onResponseEnd(): void {
    this.#release();
    this.onAnswer();
    if (this.#status !== 200) return; // settled when it began
    try {
      this.#resolve({ status: 200, retryAfter: undefined, body: this.#body() });
    } catch (error) {
      this.#reject(new UpstreamError('bad-response', { status: 200, cause: error }));
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#release();
    if (this.#reused && isConnectionError(error)) {
      this.#reject(new StaleConnectionError('', { cause: error }));
    } else {
      const fault = error === tooLarge || isProtocolError(error) ? 'bad-response' : 'unavailable';
      this.#reject(new UpstreamError(fault, { status: this.#status || undefined, cause: error }));
    }
  }

  #body(): string {
    const [first, second] = this.#chunks;
    const bytes = first === undefined || second !== undefined ? Buffer.concat(this.#chunks) : first;
    return (this.#encoding === undefined ? bytes : decodeContent(bytes, this.#encoding, this.#maxBytes)).toString();
  }

  #release(): void {
    this.#stop.removeEventListener('abort', this.#onStop);
    clearTimeout(this.#draining);
  }
}

const stopped = new Error('stopped');
const tooLarge = new Error('the body is larger than the limit');

/** Not HTTP as we can read it: asking again would not help. */
function isProtocolError(error: Error): boolean {
  return error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError;
}

function isConnectionError(error: Error): boolean {
  return error instanceof errors.SocketError || /^(ECONNRESET|EPIPE)$/.test(String('code' in error && error.code));
}
