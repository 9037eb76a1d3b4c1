import type { Admission, IncomingEvent } from './chat-event.ts';
import type { EventTail } from './event-tail.ts';

/** Numbers the events of all processes that share the log, and tells each process of them in that order. */
export interface EventLog {
  /** The newest events, and those to come. */
  readonly tail: EventTail;
  /** Never rejects. */
  append(event: IncomingEvent): Promise<Admission>;
  /** Resolves when the log is as complete as it can be for now. Never rejects. */
  open(): Promise<void>;
  close(): void;
}
