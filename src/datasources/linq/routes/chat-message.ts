import type { Attachment, ChatMessage, MessageKey, Reaction } from '../../model.ts';
import { UpstreamError } from '../../upstream-error.ts';
import type { ReportDrift } from '../drift.ts';
import {
  boolean,
  dateTime,
  isRecord,
  list,
  ownId,
  type Raw,
  reference,
  reportUnknown,
  size,
  string,
  uuid,
} from '../fields.ts';
import { parseExactly } from '../lossless-json.ts';

/** From the envelope to the fields of an element of a list. What lies deeper is not read. */
const depth = 4;

const messageFields = new Set(
  'id text sent_at delivered_at delivery_status edited_at is_read sent_from chat_handle_id attachments reactions'.split(
    ' ',
  ),
);
const attachmentFields = new Set('id url filename mime_type file_size'.split(' '));
const reactionFields = new Set(
  'id chat_message_id reaction is_from_me from_phone sent_at created_at updated_at'.split(' '),
);

/**
 * Reads the body of Get Chat Message: `{ "data": ChatMessage }`, every field formally optional (Linq's reference page).
 * What is right is kept; what is not becomes null and is reported. Fails, as `bad-response`, only for a body that is not
 * JSON, has no envelope, or holds another message than the one asked for.
 */
export function decodeMessage(body: string, key: MessageKey, report: ReportDrift): ChatMessage {
  const raw = envelope(body);
  if (!isRecord(raw)) throw new UpstreamError('bad-response', { status: 200 });
  if (ownId(raw['id'], 'data.id', report) !== key.id) throw new UpstreamError('bad-response', { status: 200 });
  const message: ChatMessage = {
    chatId: key.chatId,
    id: key.id,
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

/** Throws without a cause: the parser's own message quotes the body. */
function envelope(body: string): unknown {
  let parsed: unknown;
  try {
    const text = body.charCodeAt(0) === 0xfeff ? body.slice(1) : body; // a byte order mark
    parsed = parseExactly(text, depth, (source) => (/^-?\d{1,40}$/.test(source) ? BigInt(source) : Number.NaN));
  } catch {
    throw new UpstreamError('bad-response', { status: 200 });
  }
  return isRecord(parsed) ? parsed['data'] : undefined;
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
