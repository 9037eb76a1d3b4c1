import type { Chat, ChatKey, ChatParticipant } from '../../model.ts';
import type { ReportDrift, Route } from '../../reads/route.ts';
import { UpstreamError } from '../../upstream-error.ts';
import { decodeEnvelope } from '../envelope.ts';
import { boolean, dateTime, list, ownId, type Raw, reportUnknown, size, string } from '../fields.ts';

const chatFields = 'id display_name service group message_count chat_handles'.split(' ');
const handleFields = 'id phone_number service joined_at'.split(' ');

/** Get Chat of Linq's Partner API V2: `{ "data": Chat }`. */
export const chatRoute: Route<ChatKey, Chat> = {
  template: '/api/partner/v2/chats/{chat_id}',
  subject: 'the chat',
  cacheFormat: 1,
  path: ({ chatId }) => `/api/partner/v2/chats/${chatId}`,
  decode: (body, key, report) => decodeEnvelope(body, (data, collect) => chat(data, key, collect), report),
  matches: ({ id }, { chatId }) => id === chatId,
  group: ({ chatId }) => chatId,
  scope: ({ chatId }) => ({ chatId }),
};

/** Invalid values become null and are reported. Fails only if the id is not the requested one. */
function chat(raw: Raw, { chatId }: ChatKey, report: ReportDrift): Chat {
  if (ownId(raw['id'], 'data.id', report) !== chatId) throw new UpstreamError('bad-response', { status: 200 });
  const chat: Chat = {
    id: chatId,
    displayName: string(raw['display_name'], 'data.display_name', report),
    service: string(raw['service'], 'data.service', report),
    isGroup: boolean(raw['group'], 'data.group', report),
    messageCount: size(raw['message_count'], 'data.message_count', report),
    participants: list(raw['chat_handles'], 'data.chat_handles', report, participant),
  };
  reportUnknown(raw, 'data', chatFields, report);
  return chat;
}

function participant(raw: Raw, report: ReportDrift): ChatParticipant | null {
  const id = ownId(raw['id'], 'data.chat_handles[].id', report);
  const address = string(raw['phone_number'], 'data.chat_handles[].phone_number', report);
  const service = string(raw['service'], 'data.chat_handles[].service', report);
  const joinedAt = dateTime(raw['joined_at'], 'data.chat_handles[].joined_at', report);
  reportUnknown(raw, 'data.chat_handles[]', handleFields, report);
  return id === null ? null : { id, address, service, joinedAt };
}
