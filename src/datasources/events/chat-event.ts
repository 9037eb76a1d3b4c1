import type { LinqId } from '../model.ts';

/**
 * The place of an event in the log, as text that sorts in the order of the log. It begins with the time in milliseconds, so
 * that a position of an earlier process cannot be mistaken for one of this.
 */
export type Position = string;

/** Linq's names for the events that the gateway uses. */
export const eventKinds = [
  'message.sent',
  'message.received',
  'message.read',
  'reaction.sent',
  'reaction.received',
] as const;
export type EventKind = (typeof eventKinds)[number];

/** What is kept of a webhook, and all that leaves the process. */
export interface ChatEvent {
  readonly kind: EventKind;
  readonly chatId: LinqId;
  readonly messageId: LinqId;
  /** RFC 3339. */
  readonly occurredAt: string;
}

/** After a gap, events may have been missed. */
export type LogEvent = (ChatEvent | { readonly kind: 'gap' }) & { readonly position: Position };

/** An event, and the names by which a second delivery of it is known: neither reveals anything of it. */
export interface IncomingEvent extends ChatEvent {
  readonly names: readonly [string, string];
}

/** `unavailable`: it could be kept nowhere. */
export type Admission = 'admitted' | 'duplicate' | 'unavailable';
