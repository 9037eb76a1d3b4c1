import { ProxyRefusedError } from '../../network/connector.ts';
import { UpstreamError } from '../upstream-error.ts';
import { parseRetryAfter } from './retry-after.ts';

/** The error for a status other than 200 and 404. By status alone: error bodies are undocumented, and some are HTML. */
export function statusError(status: number, retryAfter: string | undefined): UpstreamError {
  const details = { status, retryAfterMs: parseRetryAfter(retryAfter) };
  if (status === 401) return new UpstreamError('unauthorized', details);
  if (status === 403) return new UpstreamError('forbidden', details);
  if (status === 407) return new UpstreamError('unavailable', { status, cause: new ProxyRefusedError(status) });
  if (status === 429) return new UpstreamError('rate-limited', details);
  // 408 and 425 are about the moment, not about the request.
  const isPassing = (status >= 500 && status < 600) || status === 408 || status === 425;
  return new UpstreamError(isPassing ? 'unavailable' : 'bad-response', details);
}
