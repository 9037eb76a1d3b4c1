/** Why a read failed, named by what the caller can do about it. A message that Linq does not know is null, not a fault. */
export type UpstreamFault =
  | 'no-token' // bring a token
  | 'unauthorized' // bring another token
  | 'forbidden' // ask for access
  | 'rate-limited' // wait, then ask again
  | 'timeout' // ask again
  | 'unavailable' // ask again later
  | 'bad-response' // the contract broke: wake a human
  | 'cancelled'; // nobody is waiting any more

interface FaultDetails {
  /** The HTTP status that Linq answered with, where it answered. */
  readonly status?: number;
  /** How long Linq asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The one error that leaves the data sources. Its message and cause are for the log and never reach a client. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly fault: UpstreamFault;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(fault: UpstreamFault, { status, retryAfterMs, cause }: FaultDetails = {}) {
    super(fault, { cause });
    this.fault = fault;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}
