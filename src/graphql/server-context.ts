import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from '../context.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';

/** What is known of a request before Yoga handles it. */
export interface ServerContext {
  readonly record: RequestRecord;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly identity: Pick<Caller, 'caller' | 'chats'>;
  /** The body of a POST. */
  readonly body?: string;
}
