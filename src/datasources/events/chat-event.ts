import type { LinqId } from '../model.ts';

/**
 * The place of an event in the log, as text that sorts in the order of the log. It begins with a time, so that a position of an
 * earlier process cannot be mistaken for one of this.
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

/** All that is kept of a webhook. */
export interface ChatEvent {
  readonly kind: EventKind;
  readonly chatId: LinqId;
  readonly messageId: LinqId;
  /** RFC 3339. */
  readonly occurredAt: string;
}

/** After a gap, events before it may have been missed. */
export type LogEvent = (ChatEvent | { readonly kind: 'gap' }) & { readonly position: Position };

export interface IncomingEvent {
  readonly event: ChatEvent;
  /** Digests by which another delivery of the event is recognized, with any of them. */
  readonly digests: readonly [string, string];
}

/** `unavailable`: it could be kept nowhere. */
export type Admission = 'admitted' | 'duplicate' | 'unavailable';

/** How long another delivery is recognized. In milliseconds. */
export const rememberMs = 25 * 3_600_000;

export function positionOf(ms: number, sequence: number): Position {
  return `${digits(ms, 15)}-${digits(sequence, 10)}`;
}

/**
 * The `index`th of the positions between this one and the next that `positionOf` could return. `process` is a number of up to eight
 * digits, by which another process knows that the position is not one of its own.
 */
export function positionBetween(position: Position, index: number, process: number): Position {
  return `${position}.${digits(index, 10)}${digits(process, 8)}`;
}

/** Before all positions of `positionOf`, and after those that an earlier process began with. */
export function firstPosition(): Position {
  return `.${positionOf(Date.now(), 0)}`;
}

function digits(value: number, length: number): string {
  return String(value).padStart(length, '0');
}
