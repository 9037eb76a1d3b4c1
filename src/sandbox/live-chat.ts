import type { Sort, Timeline } from './message-list.ts';
import { chatThree, type LinqMessage, linqTime, messageOfNow } from './messages.ts';

const maxMessages = 500;
/** When a sent message is delivered, which no webhook reports. In milliseconds. */
const deliveryMs = 2_000;

interface Person {
  readonly handleId: number;
  readonly address: string;
}

const john: Person = { handleId: 123, address: '+15551234567' };
/** The person whose line it is. */
const jane: Person = { handleId: 124, address: '+15559876543' };

const received = ['Are we still on for Thursday?', 'I booked the table.', 'See you there!', 'Bring the plans, please.'];
const sent = ['Yes, at one.', 'Great, thank you.', 'Looking forward to it.', 'I will.'];

/** Reports something that happened, as a webhook of this type. */
type Announce = (type: string, data: object) => void;

/** Chat 3: a conversation that goes on. */
export class LiveChat implements Timeline {
  #messages: LinqMessage[] = Array.from(chatThree.values(), (message) => ({ ...message }));
  #lastId = 61_000_000;
  #steps = 0;
  readonly #announce: Announce;

  constructor(announce: Announce) {
    this.#announce = announce;
  }

  get length(): number {
    return this.#messages.length;
  }

  at(index: number, sort: Sort): LinqMessage {
    return this.#messages[sort === 'asc' ? index : this.length - 1 - index] as LinqMessage;
  }

  timeAt(index: number): number {
    return Date.parse(this.#messages[index]?.sent_at ?? '');
  }

  find(id: string): LinqMessage | undefined {
    return this.#messages.find((message) => message.id === id);
  }

  /** What happens next: a message is received, one is sent, that is read, and has a reaction. */
  step(): void {
    const round = Math.floor(this.#steps / 4);
    const steps = [
      () => this.receive(received[round % received.length] ?? ''),
      () => this.#send(sent[round % sent.length] ?? ''),
      () => this.#read(),
      () => this.#react(),
    ];
    steps[this.#steps++ % 4]?.();
  }

  receive(text: string): LinqMessage {
    const message = this.#add(text, john, { is_read: false });
    this.#announce('message.received', this.#webhookData(message));
    return message;
  }

  #send(text: string): void {
    const message = this.#add(text, jane, { is_read: false, delivered_at: null, delivery_status: 'pending' });
    this.#announce('message.sent', this.#webhookData(message));
    setTimeout(() => {
      Object.assign(message, { delivered_at: linqTime(Date.now()), delivery_status: 'delivered' });
    }, deliveryMs).unref();
  }

  #read(): void {
    const message = this.#lastSent();
    if (message === undefined) return;
    message.is_read = true;
    this.#announce('message.read', { id: message.id, chat_id: '3', read_at: rubyTime(Date.now()) });
  }

  #react(): void {
    const message = this.#lastSent();
    if (message === undefined) return;
    const now = Date.now();
    const id = this.#nextId();
    const at = linqTime(now);
    const reaction = {
      ...{ id: Number(id), chat_message_id: Number(message.id), reaction: 'love', is_from_me: false },
      ...{ from_phone: john.address, sent_at: at, created_at: at, updated_at: at },
    };
    message.reactions = [...(message.reactions ?? []), reaction];
    this.#announce('reaction.received', {
      ...{ id, chat_id: '3', chat_message_id: message.id, reaction: 'love', is_from_me: false },
      ...{ sent_at: rubyTime(now), created_at: rubyTime(now) },
      chat_handle: { id: String(john.handleId), identifier: john.address },
    });
  }

  #lastSent(): LinqMessage | undefined {
    return this.#messages.findLast(({ chat_handle_id }) => chat_handle_id === jane.handleId);
  }

  #add(text: string, { handleId, address }: Person, more: Partial<LinqMessage>): LinqMessage {
    const message = { ...messageOfNow(this.#nextId(), text), sent_from: address, chat_handle_id: handleId, ...more };
    this.#messages.push(message);
    if (this.length > maxMessages) this.#messages.shift();
    return message;
  }

  #nextId(): string {
    this.#lastId += 1_237;
    return String(this.#lastId);
  }

  #webhookData({ id, text, sent_at, is_read, sent_from }: LinqMessage): object {
    return {
      ...{ id, chat_id: '3', text, is_read, from_phone: sent_from, service: 'iMessage', reaction_id: null },
      sent_at: rubyTime(Date.parse(sent_at ?? '')),
      attachments: [],
      chat_handles: [john, jane].map(({ address }) => ({ identifier: address, is_me: address === jane.address })),
    };
  }
}

/** As Linq writes times in webhooks: Ruby's own format. */
export function rubyTime(instant: number): string {
  const [day, time] = new Date(instant - 6 * 3_600_000).toISOString().split(/[T.]/);
  return `${day} ${time} -0600`;
}
