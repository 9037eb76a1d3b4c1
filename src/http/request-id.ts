import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/**
 * In every response as `x-request-id`, in every error and every log line of the request: the caller's `x-request-id` if it
 * is 1 to 128 of `A-Za-z0-9._-`, else a random one.
 */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : randomUUID();
}
