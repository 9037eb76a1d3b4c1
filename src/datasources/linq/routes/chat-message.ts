import type { Attachment, ChatMessage, LinqId, MessageKey, Reaction } from '../../model.ts';
import type { ReportDrift, Route } from '../../reads/route.ts';
import { UpstreamError } from '../../upstream-error.ts';
import { decodeEnvelope } from '../envelope.ts';
import { boolean, dateTime, list, ownId, type Raw, reference, reportUnknown, size, string, uuid } from '../fields.ts';

const messageFields =
  'id text sent_at delivered_at delivery_status edited_at is_read sent_from chat_handle_id attachments reactions'.split(
    ' ',
  );
const attachmentFields = 'id url filename mime_type file_size'.split(' ');
const reactionFields = 'id chat_message_id reaction is_from_me from_phone sent_at created_at updated_at'.split(' ');

/** Get Chat Message of Linq's Partner API V2: `{ "data": ChatMessage }`, every field formally optional (its reference page). */
export const chatMessageRoute: Route<MessageKey, ChatMessage> = {
  template: '/api/partner/v2/chats/{chat_id}/chat_messages/{id}',
  subject: 'the message',
  cacheFormat: 2,
  path: ({ chatId, id }) => `/api/partner/v2/chats/${chatId}/chat_messages/${id}`,
  group: ({ chatId }) => chatId,
  decode: (body, key, report) => decodeEnvelope(body, (data, collect) => requested(data, key, collect), report),
  matches: ({ chatId, id }, key) => chatId === key.chatId && id === key.id,
  scope: ({ chatId, id }) => ({ chatId, messageId: id }),
};

/** Fails only if the id is not the requested one. */
function requested(raw: Raw, { chatId, id }: MessageKey, report: ReportDrift): ChatMessage {
  if (ownId(raw['id'], 'data.id', report) !== id) throw new UpstreamError('bad-response', { status: 200 });
  return decodeMessage(raw, chatId, id, report);
}

/** Invalid values become null and are reported. */
export function decodeMessage(raw: Raw, chatId: LinqId, id: LinqId, report: ReportDrift): ChatMessage {
  const message: ChatMessage = {
    chatId,
    id,
    text: string(raw['text'], 'data.text', report),
    sentAt: dateTime(raw['sent_at'], 'data.sent_at', report),
    deliveredAt: dateTime(raw['delivered_at'], 'data.delivered_at', report),
    deliveryStatus: string(raw['delivery_status'], 'data.delivery_status', report),
    editedAt: dateTime(raw['edited_at'], 'data.edited_at', report),
    isRead: boolean(raw['is_read'], 'data.is_read', report),
    sentFrom: string(raw['sent_from'], 'data.sent_from', report),
    chatHandleId: reference(raw['chat_handle_id'], 'data.chat_handle_id', report),
    attachments: list(raw['attachments'], 'data.attachments', report, attachment),
    reactions: list(raw['reactions'], 'data.reactions', report, reaction),
  };
  reportUnknown(raw, 'data', messageFields, report);
  return message;
}

function attachment(raw: Raw, report: ReportDrift): Attachment | null {
  const id = uuid(raw['id'], 'data.attachments[].id', report);
  const url = string(raw['url'], 'data.attachments[].url', report);
  const filename = string(raw['filename'], 'data.attachments[].filename', report);
  const mimeType = string(raw['mime_type'], 'data.attachments[].mime_type', report);
  const fileSize = size(raw['file_size'], 'data.attachments[].file_size', report);
  reportUnknown(raw, 'data.attachments[]', attachmentFields, report);
  return id === null ? null : { id, url, filename, mimeType, fileSize };
}

function reaction(raw: Raw, report: ReportDrift): Reaction | null {
  const id = ownId(raw['id'], 'data.reactions[].id', report);
  const chatMessageId = reference(raw['chat_message_id'], 'data.reactions[].chat_message_id', report);
  const word = string(raw['reaction'], 'data.reactions[].reaction', report);
  const isFromMe = boolean(raw['is_from_me'], 'data.reactions[].is_from_me', report);
  const fromPhone = string(raw['from_phone'], 'data.reactions[].from_phone', report);
  const sentAt = dateTime(raw['sent_at'], 'data.reactions[].sent_at', report);
  const createdAt = dateTime(raw['created_at'], 'data.reactions[].created_at', report);
  const updatedAt = dateTime(raw['updated_at'], 'data.reactions[].updated_at', report);
  reportUnknown(raw, 'data.reactions[]', reactionFields, report);
  if (id === null) return null;
  return { id, chatMessageId, reaction: word, isFromMe, fromPhone, sentAt, createdAt, updatedAt };
}
