/** Why a read failed, named by what the caller can do about it. A message that Linq does not know is null, not a fault. */
export type UpstreamFault =
  | 'no-token' // bring a token
  | 'unauthorized' // bring another token
  | 'forbidden' // ask for access
  | 'rate-limited' // wait, then ask again
  | 'timeout' // ask again
  | 'unavailable' // ask again later
  | 'bad-response' // the contract broke: wake a human
  | 'overloaded' // too much is waiting here: ask again
  | 'cancelled'; // nobody is waiting any more, or the gateway is shutting down

interface FaultDetails {
  /** The HTTP status that Linq answered with, where it answered. */
  readonly status?: number | undefined;
  /** How long to wait before asking again, in milliseconds, where that is known. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** The one error that leaves the data sources. Nothing of its cause but an error code reaches the log, and nothing at all a client. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly fault: UpstreamFault;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** What was to be read, such as "the message"; set by the read path. */
  subject: string | undefined;

  constructor(fault: UpstreamFault, { status, retryAfterMs, cause }: FaultDetails = {}) {
    super(fault, { cause });
    this.fault = fault;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  /** The same fault, for somebody who is told how long to wait. */
  after(waitMs: number): UpstreamError {
    return new UpstreamError(this.fault, { status: this.status, retryAfterMs: Math.ceil(waitMs), cause: this.cause });
  }
}
