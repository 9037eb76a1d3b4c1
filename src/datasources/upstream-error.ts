/** Why a read failed, named by what the caller can do about it. A resource that Linq does not know is null, not a fault. */
export type UpstreamFault =
  | 'no-token' // send a token
  | 'unauthorized' // send another token
  | 'forbidden' // request access
  | 'rate-limited' // wait, then retry
  | 'timeout' // retry
  | 'unavailable' // retry later
  | 'bad-response' // Linq broke its contract: a human must look at it
  | 'caller-limited' // the caller reads more than it may in a second: wait, then retry
  | 'overloaded' // too many reads are queued here: retry
  | 'cancelled'; // every caller has disconnected, or the gateway is shutting down

interface ErrorDetails {
  /** The HTTP status of Linq's response, if there was one. */
  readonly status?: number | undefined;
  /** How long to wait before a retry, in milliseconds, if known. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** The only error that the data sources throw. Its cause is not shown to clients, and only its error code is logged. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly fault: UpstreamFault;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** What was read; set by the read that fails. */
  route: { readonly template: string; readonly subject: string } | undefined;

  constructor(fault: UpstreamFault, { status, retryAfterMs, cause }: ErrorDetails = {}) {
    super(fault, { cause });
    this.fault = fault;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  /** The same error with another `retryAfterMs`. */
  after(waitMs: number): UpstreamError {
    return new UpstreamError(this.fault, { status: this.status, retryAfterMs: Math.ceil(waitMs), cause: this.cause });
  }
}
