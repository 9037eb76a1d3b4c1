/** One GET and the callbacks for its end: exactly one of `respond` and `fail` is called, unless the call is dropped. */
export interface Call {
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: string[];
  /** `retryAfter` is the header as it was sent; `body` is empty unless the status is 200. */
  respond(status: number, retryAfter: string | undefined, body: string): void;
  /** With an `UpstreamError`, or a `StaleConnectionError`. */
  fail(error: Error): void;
}

/** The kept-alive connection was dead before the call reached the upstream: sending it again costs nothing. */
export class StaleConnectionError extends Error {
  override readonly name = 'StaleConnectionError';
}

/** Carries one call at a time. */
export interface Connection {
  /** Called when the connection can carry another call, perhaps within `send`, `drop`, or before the callback of its call. */
  onFree: () => void;
  send(call: Call): void;
  /** No caller waits for the response anymore. */
  drop(): void;
  close(): Promise<void>;
}
