import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from '../context.ts';
import type { Rejection } from '../errors/rejection.ts';
import type { StreamType } from '../http/accept.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import type { EventStream } from './streams/event-stream.ts';

/** An authenticated caller, and when its credential must be checked again: in milliseconds of `performance.now()`, or never. */
type Authenticated = Pick<Caller, 'caller' | 'chats'> & { readonly validUntil?: number | undefined };

/** For a request whose response may be a stream. */
export interface AcceptedStream {
  readonly type: StreamType;
  /** Checks the credential of the request again. */
  readonly authenticate: () => Authenticated | Rejection | Promise<Authenticated | Rejection>;
  /** To be started in place of the response. */
  stream?: EventStream;
}

/** What is known of a request before Yoga handles it. */
export interface ServerContext {
  readonly record: RequestRecord;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly identity: Authenticated;
  /** Names the lane in which the caller has its turns at the processor. */
  readonly lane: () => string;
  /** The body of a POST. */
  readonly body?: string;
  /** What is sent in place of the body that Yoga returns, once there are `texts`. Undefined if the client accepts a stream. */
  readonly response?: { texts?: readonly string[] };
  /** Undefined if the client accepts no stream. */
  readonly accepts?: AcceptedStream;
}
