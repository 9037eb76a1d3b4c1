import type { ChatMessage, MessageKey } from '../model.ts';
import { parseRetryAfter } from '../reads/retry-after.ts';
import type { StopSignal } from '../reads/stop.ts';
import type { Token } from '../token.ts';
import { UpstreamError } from '../upstream-error.ts';
import type { ReportDrift } from './drift.ts';
import { decodeMessage } from './routes/chat-message.ts';
import type { Send, UpstreamResponse } from './transport.ts';

/** The route of Get Chat Message in Linq's Partner API V2. */
export function messagePath({ chatId, id }: MessageKey): string {
  return `/api/partner/v2/chats/${chatId}/chat_messages/${id}`;
}

/** One attempt: one GET, with the one header that is documented. Null when Linq answers 404. */
export async function readMessage(
  send: Send,
  key: MessageKey,
  token: Token,
  stop: StopSignal,
  reportDrift: ReportDrift,
): Promise<ChatMessage | null> {
  const response = await send(messagePath(key), token.header(), stop);
  if (response.status === 404) return null;
  if (response.status !== 200) throw failure(response);
  return decodeMessage(response.body, key, reportDrift);
}

/** By status alone: no error body is documented for this route, and some are HTML. */
function failure({ status, retryAfter }: UpstreamResponse): UpstreamError {
  const details = { status, retryAfterMs: parseRetryAfter(retryAfter) };
  if (status === 401) return new UpstreamError('unauthorized', details);
  if (status === 403) return new UpstreamError('forbidden', details);
  if (status === 429) return new UpstreamError('rate-limited', details);
  return new UpstreamError(status >= 500 && status < 600 ? 'unavailable' : 'bad-response', details);
}
