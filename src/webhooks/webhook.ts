import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { type EventKind, eventKinds, type IncomingEvent } from '../datasources/events/chat-event.ts';
import { isDateTime, isRecord, type Raw } from '../datasources/linq/fields.ts';
import { parseLossless } from '../datasources/linq/lossless-json.ts';
import { isLinqId, type LinqId } from '../datasources/model.ts';

/**
 * Why a webhook is not admitted. `ignored`: another version of the API, or a type that the gateway does not use. `outdated`: too
 * old, or from the future, so that no captured body counts again once its digests are forgotten. `unusable`: without the ids of a
 * chat and a message.
 */
type Unused = 'malformed' | 'ignored' | 'outdated' | 'unusable';

const oldestMs = 24 * 3_600_000;
/** For clocks that differ. Together with `oldestMs`, no longer than digests are remembered. */
const newestMs = 3_600_000;

/** Reads the body of a webhook of Linq's API V2, an envelope whose `data` depends on the type. `now` is in milliseconds. */
export function readWebhook(body: Buffer, now: number): IncomingEvent | Unused {
  const envelope = parse(body);
  const eventId = textOf(envelope?.['event_id']);
  const type = textOf(envelope?.['event_type']);
  if (envelope === undefined || eventId === undefined || type === undefined) return 'malformed';
  const kind = eventKinds.find((known) => known === type);
  if (envelope['api_version'] !== 'v2' || kind === undefined) return 'ignored';
  const occurredAt = toDateTime(envelope['created_at']);
  const createdMs = Date.parse(occurredAt ?? '');
  if (occurredAt === undefined || Number.isNaN(createdMs)) return 'malformed';
  if (createdMs < now - oldestMs || createdMs > now + newestMs) return 'outdated';
  const { data } = envelope;
  if (!isRecord(data)) return 'unusable';
  const chatId = idOf(data['chat_id']);
  const messageId = idOf(data[isReaction(kind) ? 'chat_message_id' : 'id']);
  if (chatId === undefined || messageId === undefined) return 'unusable';
  return {
    event: { kind, chatId, messageId, occurredAt },
    digests: [digest('event', eventId), digest(kind, textOf(data['id']) ?? eventId, createdMs)],
  };
}

function isReaction(kind: EventKind): boolean {
  return kind === 'reaction.sent' || kind === 'reaction.received';
}

/** Large numbers become their digits. */
function parse(body: Buffer): Raw | undefined {
  if (!isUtf8(body)) return undefined;
  try {
    const parsed = parseLossless(body.toString(), 2, (source) => source);
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Linq writes ids as strings or as numbers. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function idOf(value: unknown): LinqId | undefined {
  const text = textOf(value);
  return text !== undefined && isLinqId(text) ? text : undefined;
}

const rubyTime = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) (?:([+-]\d\d)(\d\d)|UTC)$/;

/** RFC 3339, which Ruby's way to print a time, `2025-05-21 15:30:00 -0600`, is rewritten to. */
function toDateTime(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.replace(rubyTime, (_text, day: string, time: string, hours?: string, minutes?: string) =>
    hours === undefined ? `${day}T${time}Z` : `${day}T${time}${hours}:${minutes}`,
  );
  return isDateTime(text) ? text : undefined;
}

/** 128 bits, which no two events share and nothing can be read from. */
function digest(...parts: readonly (string | number)[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 22);
}
