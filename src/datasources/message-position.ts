import { isDateTime } from './linq/fields.ts';
import { isLinqId, type LinqId, type MessagePosition } from './model.ts';

/** Negative if `a` is before `b`. */
export function comparePositions(a: MessagePosition, b: MessagePosition): number {
  if (a.ms !== b.ms || a.id === b.id) return a.ms - b.ms;
  return a.id.length - b.id.length || (a.id < b.id ? -1 : 1); // same length: digits sort as text
}

/** Years 0 to 9999: what four digits can say. */
const [minMs, maxMs] = [-62_167_219_200_000, 253_402_300_799_999];

/** Opaque to clients. */
export function cursorOf(chatId: LinqId, { ms, id }: MessagePosition): string {
  return Buffer.from(`1:${chatId}:${ms}:${id}`, 'latin1').toString('base64url');
}

/** Undefined for text that is no cursor, and for a cursor of another chat. */
export function positionOf(cursor: string, chatId: LinqId): MessagePosition | undefined {
  const text = cursor.length > 100 ? '' : Buffer.from(cursor, 'base64url').toString('latin1');
  const [, chat, milliseconds = '', id = ''] = /^1:(\d+):(-?\d{1,15}):(\d+)$/.exec(text) ?? [];
  const ms = Number(milliseconds);
  if (chat !== chatId || !isLinqId(id) || ms < minMs || ms > maxMs) return undefined;
  return cursorOf(chatId, { ms, id }) === cursor ? { ms, id } : undefined;
}

/** Of an RFC 3339 date-time, in milliseconds since the epoch; undefined for other text. Finer digits are dropped, or rounded up. */
export function instantOf(text: string, rounding: 'down' | 'up' = 'down'): number | undefined {
  if (!isDateTime(text)) return undefined;
  const isLeapSecond = text.startsWith('60', 17); // which `Date` does not know
  const ms = Date.parse(isLeapSecond ? `${text.slice(0, 17)}59${text.slice(19)}` : text) + (isLeapSecond ? 1_000 : 0);
  const isFiner = rounding === 'up' && /\.\d{3}0*[1-9]/.test(text);
  return isFiner ? ms + 1 : ms;
}

/** With milliseconds and a numeric offset, as Linq documents its times. */
export function dateTimeOf(ms: number): string {
  return new Date(Math.min(maxMs, Math.max(minMs, ms))).toISOString().replace('Z', '+00:00');
}
