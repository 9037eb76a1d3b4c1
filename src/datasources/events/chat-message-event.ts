import type { LinqId } from '../model.ts';
import type { EventKind, LogEvent, Position } from './chat-event.ts';

/** An event of the log as a stream sends it. All of a gap's ids and times are null. */
export interface ChatMessageEvent {
  readonly position: Position;
  /** The position as clients see it. */
  readonly cursor: string;
  readonly kind: EventKind | 'gap';
  readonly chatId: LinqId | null;
  readonly messageId: LinqId | null;
  readonly occurredAt: string | null;
}

export function toChatMessageEvent(event: LogEvent): ChatMessageEvent {
  const { kind, position } = event;
  const cursor = Buffer.from(`1:${position}`).toString('base64url');
  if (event.kind === 'gap') return { position, cursor, kind, chatId: null, messageId: null, occurredAt: null };
  const { chatId, messageId, occurredAt } = event;
  return { position, cursor, kind, chatId, messageId, occurredAt };
}

const form = /^1:(\.?\d{15}-\d{10}(?:\.\d{18})?)$/;

/** Undefined if it is no cursor of an event. */
export function positionOfCursor(cursor: string): Position | undefined {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const isCanonical = Buffer.from(text, 'latin1').toString('base64url') === cursor;
  return isCanonical ? form.exec(text)?.[1] : undefined;
}
