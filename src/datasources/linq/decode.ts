import { UpstreamError } from '../faults.ts';
import type { Attachment, ChatMessage, MessageKey, Reaction } from '../model.ts';
import type { ReportDrift } from './drift.ts';
import { parseJson } from './json.ts';
import { isRecord, RecordReader } from './record-reader.ts';

/**
 * Reads the body of Get Chat Message: `{ "data": ChatMessage }`, every field formally optional (Linq's reference page).
 * What is right is kept; what is not becomes null and is reported. Fails, as `bad-response`, only for a body that is not
 * JSON, has no envelope, or holds another message than the one asked for.
 */
export function decodeMessage(body: string, key: MessageKey, report: ReportDrift): ChatMessage {
  const data = envelope(body);
  if (!isRecord(data)) throw new UpstreamError('bad-response', { status: 200 });
  const raw = new RecordReader(data, 'data', report);
  if (raw.id('id') !== key.id) throw new UpstreamError('bad-response', { status: 200 });
  const message: ChatMessage = {
    chatId: key.chatId,
    id: key.id,
    text: raw.string('text'),
    sentAt: raw.dateTime('sent_at'),
    deliveredAt: raw.dateTime('delivered_at'),
    deliveryStatus: raw.string('delivery_status'),
    editedAt: raw.dateTime('edited_at'),
    isRead: raw.boolean('is_read'),
    sentFrom: raw.string('sent_from'),
    chatHandleId: raw.reference('chat_handle_id'),
    attachments: raw.list('attachments', attachment),
    reactions: raw.list('reactions', reaction),
  };
  raw.reportUnknown();
  return message;
}

/** Throws without a cause: the parser's own message quotes the body. */
function envelope(body: string): unknown {
  let parsed: unknown;
  try {
    parsed = parseJson(body);
  } catch {
    throw new UpstreamError('bad-response', { status: 200 });
  }
  return isRecord(parsed) ? parsed['data'] : undefined;
}

function attachment(raw: RecordReader): Attachment | null {
  const id = raw.uuid('id');
  const rest = {
    url: raw.string('url'),
    filename: raw.string('filename'),
    mimeType: raw.string('mime_type'),
    fileSize: raw.size('file_size'),
  };
  return id === null ? null : { id, ...rest };
}

function reaction(raw: RecordReader): Reaction | null {
  const id = raw.id('id');
  const rest = {
    chatMessageId: raw.reference('chat_message_id'),
    reaction: raw.string('reaction'),
    isFromMe: raw.boolean('is_from_me'),
    fromPhone: raw.string('from_phone'),
    sentAt: raw.dateTime('sent_at'),
    createdAt: raw.dateTime('created_at'),
    updatedAt: raw.dateTime('updated_at'),
  };
  return id === null ? null : { id, ...rest };
}
