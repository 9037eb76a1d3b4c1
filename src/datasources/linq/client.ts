import type { CreateBucket } from '../reads/bucket.ts';
import { createHttpConnections } from '../reads/http-connection.ts';
import { maxPauseMs } from '../reads/read.ts';
import { Reads, type ReadsOptions } from '../reads/reads.ts';
import { TokenBucket } from '../reads/token-bucket.ts';
import type { Replicas } from '../redis/replicas.ts';
import { SharedBucket } from '../redis/shared-bucket.ts';

export interface LinqClientOptions
  extends Pick<
    ReadsOptions,
    'timeoutMs' | 'maxQueue' | 'callerReadsPerSecond' | 'cache' | 'metrics' | 'reportDrift' | 'traceCall'
  > {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Calls in flight, and connections held open. */
  readonly maxConcurrency: number;
  /** For each token; undefined is unlimited. */
  readonly requestsPerSecond: number | undefined;
  /** A larger body fails the read. In bytes. */
  readonly maxResponseBytes: number;
  /** A connection is not used for longer; undefined is no limit. */
  readonly connectionMaxAgeMs?: number | undefined;
  /** The URL of an HTTP proxy; undefined reaches Linq directly. */
  readonly proxy?: string | undefined;
  /** The other processes that rates and pauses are shared with; undefined is none. */
  readonly replicas?: Replicas | undefined;
}

/** Reads from Linq; one for each process. The routes are in `routes/`. */
export type LinqClient = Pick<Reads, 'get' | 'laneOf' | 'close'>;

export function createLinqClient(options: LinqClientOptions): LinqClient {
  const { timeoutMs, maxConcurrency, replicas } = options;
  const connections = createHttpConnections({ ...options, count: maxConcurrency, connectTimeoutMs: timeoutMs });
  const reads = new Reads({
    ...options,
    connections,
    createBucket: bucketFactory(options),
    onPause: (token, ms) => replicas?.announcePause(token.digest, ms),
  });
  replicas?.onPause((tokenDigest, ms) => reads.pause(tokenDigest, Math.min(maxPauseMs, ms)));
  return reads;
}

function bucketFactory({ requestsPerSecond, replicas }: LinqClientOptions): CreateBucket {
  if (requestsPerSecond === undefined) return () => undefined;
  if (replicas === undefined) return () => new TokenBucket(requestsPerSecond);
  return (tokenDigest, onChange) => new SharedBucket(tokenDigest, requestsPerSecond, replicas, onChange);
}
