import { UpstreamError } from './faults.ts';

/**
 * Runs one read under one signal, which fires with an `UpstreamError`: `timeout` when `timeoutMs` have passed,
 * `cancelled` when the caller leaves before. Neither the timer nor the listener outlives the read.
 */
export async function withDeadline<T>(
  timeoutMs: number,
  caller: AbortSignal,
  read: (stop: AbortSignal) => Promise<T>,
): Promise<T> {
  if (caller.aborted) throw new UpstreamError('cancelled');
  const stop = new AbortController();
  const leave = () => stop.abort(new UpstreamError('cancelled'));
  const timer = setTimeout(() => stop.abort(new UpstreamError('timeout')), timeoutMs);
  caller.addEventListener('abort', leave); // not AbortSignal.any: the server's signals are not native ones
  try {
    return await read(stop.signal);
  } finally {
    clearTimeout(timer);
    caller.removeEventListener('abort', leave);
  }
}
