import type { ChatMessage, MessageKey } from '../model.ts';
import type { Token } from '../token.ts';

/** To be raised with every change of `ChatMessage`: replicas of two versions may share a store. */
const format = 1;
/** A longer text is not kept: it would push out many others. In UTF-16 units. */
const longest = 65_536;

/** Keeps texts for a while, each for the one token that it was read with; may forget any at any time. Nothing rejects. */
export interface Store {
  read(token: Token, name: string): string | undefined | Promise<string | undefined>;
  write(token: Token, name: string, text: string): void;
  remove(token: Token, name: string): void;
}

/** Messages that Linq answered with lately. That there is none is not kept: it may come at any moment. */
export class MessageCache {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async get(key: MessageKey, token: Token): Promise<ChatMessage | undefined> {
    const text = await this.#store.read(token, nameOf(key));
    return text === undefined ? undefined : parse(text, key);
  }

  set(key: MessageKey, token: Token, message: ChatMessage): void {
    const text = JSON.stringify(message);
    if (text.length <= longest) this.#store.write(token, nameOf(key), text);
  }

  /** For what Linq no longer answers with. */
  forget(key: MessageKey, token: Token): void {
    this.#store.remove(token, nameOf(key));
  }
}

function nameOf({ chatId, id }: MessageKey): string {
  return `message/${format}/${chatId}/${id}`;
}

/** Undefined unless it is the message asked for. */
function parse(text: string, { chatId, id }: MessageKey): ChatMessage | undefined {
  try {
    const message: ChatMessage = JSON.parse(text);
    return message.chatId === chatId && message.id === id ? message : undefined;
  } catch {
    return undefined;
  }
}
