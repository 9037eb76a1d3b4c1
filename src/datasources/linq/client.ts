import { withDeadline } from '../deadline.ts';
import { UpstreamError } from '../faults.ts';
import type { ChatMessage, MessageKey } from '../model.ts';
import { parseRetryAfter } from '../retry-after.ts';
import { decodeMessage } from './decode.ts';
import type { ReportDrift } from './drift.ts';
import type { Send, UpstreamResponse } from './transport.ts';

/** One function for each route of Linq's Partner API V2 that we use; bound to one token and one caller. */
export interface LinqClient {
  /**
   * GET /api/partner/v2/chats/{chat_id}/chat_messages/{id}
   * Null when Linq answers 404; rejects with an `UpstreamError`.
   */
  getMessage(key: MessageKey): Promise<ChatMessage | null>;
}

interface LinqClientOptions {
  readonly send: Send;
  /** Sent as it is; without one every read fails before it costs a call. */
  readonly token: string | undefined;
  /** The whole of one read, in milliseconds. */
  readonly timeoutMs: number;
  /** Fires when the caller leaves. */
  readonly caller: AbortSignal;
  readonly reportDrift: ReportDrift;
}

export function createLinqClient({ send, token, timeoutMs, caller, reportDrift }: LinqClientOptions): LinqClient {
  return {
    async getMessage(key) {
      if (token === undefined) throw new UpstreamError('no-token');
      const path = `/api/partner/v2/chats/${key.chatId}/chat_messages/${key.id}`;
      const headers = { 'X-LINQ-INTEGRATION-TOKEN': token };
      const response = await withDeadline(timeoutMs, caller, (stop) => send(path, headers, stop));
      if (response.status === 404) return null;
      if (response.status !== 200) throw failure(response);
      return decodeMessage(response.body, key, reportDrift);
    },
  };
}

/** By status alone: no error body is documented for this route, and some are HTML. */
function failure({ status, retryAfter }: UpstreamResponse): UpstreamError {
  const retryAfterMs = parseRetryAfter(retryAfter);
  const details = { status, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  if (status === 401) return new UpstreamError('unauthorized', details);
  if (status === 403) return new UpstreamError('forbidden', details);
  if (status === 429) return new UpstreamError('rate-limited', details);
  return new UpstreamError(status >= 500 ? 'unavailable' : 'bad-response', details);
}
