import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Identity } from '../auth/credentials.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';

/** What our plugins know of a request from its very start; Yoga adds `req` and `res`. */
export interface ServerContext {
  readonly record: RequestRecord;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly identity: Identity;
  /** The body, where somebody has begun to read it before Yoga. */
  readonly body?: Promise<string>;
}

/**
 * In every response as `x-request-id`, in every error and every log line of the request: the caller's `x-request-id` if it is 1 to 128
 * of `A-Za-z0-9._-`, else one of ours.
 */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : randomUUID();
}
