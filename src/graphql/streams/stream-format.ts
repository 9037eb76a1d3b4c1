import type { StreamType } from '../../http/accept.ts';

/** How a stream is written. All texts are complete: a client sees each part at once. */
interface StreamFormat {
  readonly contentType: string;
  /** Before all parts. `retryMs` says when to connect again. */
  start(retryMs?: number): string;
  /** One result, as JSON. `id` is the cursor of its event. */
  next(json: string, id?: string): string;
  readonly heartbeat: string;
  /** The client must not connect again. */
  readonly complete: string;
  /** Before an end at which the client should connect again. */
  retry(retryMs: number): string;
}

const boundary = '--graphql';
const part = (json: string) => `\r\ncontent-type: application/json\r\n\r\n${json}\r\n${boundary}`;

/** JSON with the same meaning. */
function toAscii(json: string): string {
  return json.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export const streamFormats: Readonly<Record<StreamType, StreamFormat>> = {
  /**
   * Server-Sent Events, in the distinct connections mode of graphql-sse. Some clients take all that follows `data:` for JSON. The
   * executor of graphql-tools decodes each chunk by itself, which only ASCII survives.
   */
  'text/event-stream': {
    contentType: 'text/event-stream; charset=utf-8',
    start: (retryMs) => (retryMs === undefined ? '' : `retry: ${retryMs}\n\n`),
    next: (json, id) => `${id === undefined ? '' : `id: ${id}\n`}event: next\ndata: ${toAscii(json)}\n\n`,
    heartbeat: ':\n\n',
    complete: 'event: complete\ndata:\n\n',
    retry: (retryMs) => `retry: ${retryMs}\n\n`,
  },
  /** Apollo's protocol. Its client shows a part when it has the boundary after it. */
  'multipart/mixed': {
    contentType: 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
    start: () => boundary,
    next: (json) => part(`{"payload":${json}}`),
    heartbeat: part('{}'),
    complete: '--\r\n',
    retry: () => '',
  },
};
