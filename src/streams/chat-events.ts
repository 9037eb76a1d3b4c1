import type { EventKind } from '../datasources/events/chat-event.ts';
import {
  type ChatMessageEvent,
  positionOfCursor,
  toChatMessageEvent,
} from '../datasources/events/chat-message-event.ts';
import type { EventTail } from '../datasources/events/event-tail.ts';
import { followEvents } from '../datasources/events/follow-events.ts';
import type { Loaders } from '../datasources/loaders.ts';
import type { LinqId } from '../datasources/model.ts';
import { UpstreamError } from '../datasources/upstream-error.ts';
import { badUserInput, forbidden } from '../errors/client-errors.ts';

/** How often it is checked whether a stream may still read its chats, give or take a tenth. In milliseconds. */
const checkMs = 600_000;
/** When a check that failed for another reason is repeated. */
const recheckMs = 60_000;

interface ChatEventsOptions {
  readonly tail: EventTail;
  /** Identifies the caller whose streams are counted. */
  readonly caller: string;
  /** The same for streams whose reads have the same values. */
  readonly access: string;
  /** The header that EventSource sends when it connects again. */
  readonly lastEventId: string | undefined;
  /** Loaders that read from Linq now. */
  readonly loadersNow: () => Loaders;
  /** Loaders whose reads begin after the event. */
  readonly loadersAfter: (event: ChatMessageEvent) => Loaders;
}

export interface FollowRequest {
  readonly chatIds: readonly LinqId[];
  /** Undefined is all. */
  readonly kinds: readonly (EventKind | 'gap')[] | undefined;
  /** A cursor. */
  readonly after: string | undefined;
}

/** The events that one request follows. */
export class ChatEvents {
  readonly caller: string;
  readonly access: string;
  readonly #options: ChatEventsOptions;
  #followed: CheckedEvents | undefined;

  constructor(options: ChatEventsOptions) {
    this.#options = options;
    this.caller = options.caller;
    this.access = options.access;
  }

  /**
   * Events of these chats from now on, or from after a cursor on. Rejects with `FORBIDDEN` unless the caller may read all of them,
   * and ends with that error when it no longer may.
   */
  async follow({ chatIds, kinds, after }: FollowRequest): Promise<AsyncIterableIterator<ChatMessageEvent>> {
    const { tail, lastEventId, loadersNow } = this.#options;
    const position = startOf(after, lastEventId);
    const chats = new Set(chatIds);
    const source = followEvents(
      tail,
      (event) => event.kind !== 'gap' && chats.has(event.chatId) && (kinds === undefined || kinds.includes(event.kind)),
      position,
    );
    const check = () => checkAccess(chats, loadersNow());
    const events = new CheckedEvents(source, check);
    try {
      await check();
    } catch (error) {
      await events.return();
      throw error;
    }
    this.#followed = events;
    return events;
  }

  /** Loaders whose reads begin after the event. */
  loadersAfter(event: ChatMessageEvent): Loaders {
    return this.#options.loadersAfter(event);
  }

  /** Checks now whether the caller may still read the chats, if Linq has refused a read. */
  recheckAfter(errors: readonly unknown[]): void {
    if (errors.some(isRefusal)) void this.#followed?.check();
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof UpstreamError && (error.fault === 'unauthorized' || error.fault === 'forbidden');
}

/** The position to begin after. What EventSource sends is newer than what its URL says; if malformed, events may be missing. */
function startOf(after: string | undefined, lastEventId: string | undefined): string | undefined {
  const position = after === undefined ? undefined : positionOfCursor(after);
  if (after !== undefined && position === undefined)
    throw badUserInput('after must be the cursor of an event: send it as it was received.');
  return lastEventId === undefined ? position : (positionOfCursor(lastEventId) ?? '');
}

/** One text for chats that Linq refuses, that do not exist, and that the caller's credential does not cover. */
async function checkAccess(chatIds: ReadonlySet<LinqId>, loaders: Loaders): Promise<void> {
  const isReadable = async (chatId: LinqId) => {
    try {
      return (await loaders.chat({ chatId })) !== null;
    } catch (error) {
      if (error instanceof UpstreamError && error.fault === 'forbidden') return false;
      throw error;
    }
  };
  const readable = await Promise.all([...chatIds].map(isReadable));
  if (readable.includes(false)) throw forbidden('You may not read all of these chats, or one of them does not exist.');
}

/** Checks from time to time whether the events may still be sent, and ends with the error if not. */
class CheckedEvents implements AsyncIterableIterator<ChatMessageEvent> {
  readonly #source: ReturnType<typeof followEvents>;
  readonly #check: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #isChecking = false;
  #isOver = false;
  #error: unknown;

  constructor(source: ReturnType<typeof followEvents>, check: () => Promise<void>) {
    this.#source = source;
    this.#check = check;
    this.#checkIn(checkMs);
  }

  async next(): Promise<IteratorResult<ChatMessageEvent, undefined>> {
    const { done, value } = await this.#source.next();
    if (!done) return { done: false, value: toChatMessageEvent(value) };
    if (this.#error !== undefined) throw this.#error;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<ChatMessageEvent, undefined>> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    await this.#source.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Checks now, unless that is being done. */
  async check(): Promise<void> {
    if (this.#isChecking || this.#isOver) return;
    this.#isChecking = true;
    let nextMs = checkMs;
    try {
      await this.#check();
    } catch (error) {
      if (isTransient(error)) nextMs = recheckMs;
      else {
        this.#error = error;
        await this.return();
      }
    }
    this.#isChecking = false;
    if (!this.#isOver) this.#checkIn(nextMs);
  }

  #checkIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.check(), ms * (0.9 + 0.2 * Math.random())).unref();
  }
}

/** Whether Linq has refused nothing. */
function isTransient(error: unknown): boolean {
  return error instanceof UpstreamError && error.fault !== 'unauthorized' && error.fault !== 'no-token';
}
