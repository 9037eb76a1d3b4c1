import type { Admission, IncomingEvent } from './chat-event.ts';
import type { EventTail } from './event-tail.ts';

/** Numbers the events of all processes that share the log, and delivers them to each process in that order. */
export interface EventLog {
  /** The newest events, and those to come. */
  readonly tail: EventTail;
  /** Never rejects. */
  append(incoming: IncomingEvent): Promise<Admission>;
  /** Resolves when the newest events of other processes are known, or cannot be known now. Never rejects. */
  open(): Promise<void>;
  close(): void;
}
