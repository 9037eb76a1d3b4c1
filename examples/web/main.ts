import { type ChatMessageEvent, chatMessageQuery, client, conversationQuery, type MessageKey } from './client.ts';
import { type Conversation, type Page, renderConversation } from './conversation.ts';
import { element } from './element.ts';
import { renderFailure } from './failure.ts';
import { follow } from './live.ts';
import { renderMessage } from './message.ts';
import { createNews } from './news.ts';
import { liveWords, missedWords } from './stream.ts';

const form = the('form', HTMLFormElement);
const status = the('[role=status]', HTMLElement);
const result = the('#result', HTMLElement);
const title = document.title;
const fields = { chatId: the('#chatId', HTMLInputElement), id: the('#id', HTMLInputElement) };

/** Ends what is under way: a later read must not be overtaken by the answer of an earlier one. */
let stop = () => {};

/** Shows what the address asks for, so that every state can be linked to: a message, or without its id the conversation. */
function show(): void {
  const asked = new URLSearchParams(location.search);
  fields.chatId.value = asked.get('chatId') ?? '1';
  fields.id.value = asked.get('id') ?? (asked.has('chatId') ? '' : '224');
  const shown = `?chatId=${fields.chatId.value}${fields.id.value && `&id=${fields.id.value}`}`;
  for (const link of document.querySelectorAll('nav a')) {
    link.ariaCurrent = link.getAttribute('href') === shown ? 'page' : null;
  }
  document.title = title;
  stop();
  result.replaceChildren();
  result.ariaBusy = 'false';
  status.textContent = '';
  if (!readable()) return;
  if (fields.id.value === '') loadConversation(fields.chatId.value);
  else load({ chatId: fields.chatId.value, id: fields.id.value });
}

function load(key: MessageKey): void {
  const name = `Message ${key.id} of chat ${key.chatId}`;
  begin(name);
  const query = client.query(chatMessageQuery, key).subscribe(({ data, error }) => {
    status.textContent = name;
    if (data?.chatMessage) put(renderMessage(data.chatMessage));
    else if (error) put(renderFailure(error, () => load(key)));
    else put(element('p', { class: 'missing' }, 'There is no such message.'));
  });
  stop = query.unsubscribe;
}

function loadConversation(chatId: string): void {
  const name = `Chat ${chatId}`;
  begin(name);
  let conversation: Conversation | undefined;
  let liveText = '';
  /** Events that arrive while the newest page is being read, which may be older than they are. Undefined at other times. */
  let waiting: ChatMessageEvent[] | undefined;
  const news = createNews((text) => {
    status.textContent = `${name}: ${text}`;
  });
  /** Cancels each read in flight, by cursor. */
  const reads = new Map<string | null, () => void>();
  const read = (before: string | null, show: (page: Page) => void) => {
    reads.get(before)?.(); // its result may be older than the latest events
    const query = client.query(conversationQuery, { chatId, before }).subscribe((page) => {
      show(page);
      const shown = result.querySelectorAll('.messages ol > li').length;
      status.textContent = shown > 0 ? `${name}: ${shown} messages shown` : name;
    });
    reads.set(before, query.unsubscribe);
  };
  const setLive = (text: string) => {
    liveText = text;
    conversation?.setLive(text);
  };

  function readNewest(): void {
    waiting = [];
    const missed = conversation !== undefined;
    read(null, (page) => {
      const events = waiting ?? [];
      waiting = undefined;
      if (page.data?.chat && (!missed || page.data.chat.messages)) {
        conversation = renderConversation(page.data.chat, page, read);
        put(conversation.element);
        for (const event of events) conversation.apply(event);
        conversation.setLive(liveText);
        if (missed) conversation.notify(element('p', { role: 'alert' }, missedWords));
        const messages = result.querySelector('.messages');
        messages?.scrollTo(0, messages.scrollHeight); // the newest
      } else if (page.error) {
        if (conversation) conversation.notify(renderFailure(page.error, readNewest));
        else put(renderFailure(page.error, () => loadConversation(chatId)));
      } else {
        conversation = undefined;
        put(element('p', { class: 'missing' }, 'There is no such chat.'));
      }
    });
  }
  const readAtFirst = () => {
    if (!conversation && !waiting) readNewest();
  };

  const unfollow = follow(chatId, {
    onOpen: () => setLive(liveWords.open),
    onStart: readNewest,
    onEvent(event) {
      if (waiting) waiting.push(event);
      else if (conversation?.apply(event)) news.add();
    },
    onMissed: readNewest,
    onLost() {
      setLive(liveWords.lost);
      readAtFirst();
    },
    onRefused() {
      setLive(liveWords.refused);
      if (!waiting) readNewest(); // its error says why
    },
  });
  stop = () => {
    unfollow();
    news.stop();
    for (const end of reads.values()) end();
  };
}

function begin(name: string): void {
  stop(); // an earlier try would be told the answer as well
  status.textContent = `${name}: loading …`;
  document.title = name;
  result.ariaBusy = 'true';
}

function put(content: HTMLElement): void {
  const focused = result.contains(document.activeElement);
  result.replaceChildren(content);
  result.ariaBusy = 'false';
  // Whoever pressed "Try again" goes on from here, not from the top of the page.
  if (focused) (result.querySelector('button') ?? result).focus();
}

/** Whether both fields hold ids, the second one or none; says beside each what is wrong. */
function readable(): boolean {
  const wrong = Object.values(fields).filter((field) => {
    field.value = field.value.trim();
    const fits = isId(field.value) || (field === fields.id && field.value === '');
    field.ariaInvalid = String(!fits);
    the(`#${field.id}-fault`, HTMLElement).textContent = fits
      ? ''
      : 'A whole number from 1 to 9223372036854775807, please.';
    return !fits;
  });
  wrong[0]?.focus();
  return wrong.length === 0;
}

function isId(text: string): boolean {
  return /^[1-9]\d{0,18}$/.test(text) && BigInt(text) < 2n ** 63n;
}

function the<T extends Element>(selector: string, type: new () => T): T {
  const found = document.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`index.html has no ${selector}`);
  return found;
}

form.addEventListener('submit', (event) => {
  if (!readable()) event.preventDefault();
});
// Links and the form work by themselves; this only spares the reload. Where a browser lacks it, it reloads.
window.navigation?.addEventListener('navigate', (event) => {
  const { pathname } = new URL(event.destination.url);
  if (!event.canIntercept || event.navigationType === 'reload' || pathname !== location.pathname) return;
  event.intercept({ focusReset: 'manual', scroll: 'manual', handler: async () => show() });
});
show();
