import type { OperationResult } from '@urql/core';
import type { Chat, ChatMessageEvent, ListedMessage } from './client.ts';
import { element } from './element.ts';
import { renderFailure } from './failure.ts';
import { list, renderContent, time } from './message.ts';
import { rememberPlace } from './place.ts';

export type Page = Pick<OperationResult<{ chat: Chat | null }>, 'data' | 'error'>;

export interface Conversation {
  readonly element: HTMLElement;
  /** Shows the message of an event; returns whether it is new. */
  apply(event: ChatMessageEvent): boolean;
  /** Shows this above the messages until the reader closes it. */
  notify(content: HTMLElement): void;
  /** Whether new messages appear by themselves. */
  setLive(text: string): void;
}

/** More of them are folded up. */
const fewParticipants = 8;

/** The chat with its newest messages, and more of them at a press. `read` reads the page before a cursor, or the newest. */
export function renderConversation(
  chat: Chat,
  newest: Page,
  read: (before: string | null, show: (page: Page) => void) => void,
): Conversation {
  const items = new Map<string, HTMLLIElement>();
  const messages = element('ol', { role: 'list' });
  /** Above the oldest message: the way to older ones, or why there are none. */
  const top = element('div', { class: 'older' });
  const box = element('section', { class: 'messages', tabindex: '0', 'aria-label': 'Messages' }, top, messages);
  const live = element('small', { class: 'live' });
  const notices = element('div', { class: 'notices' });
  let hasOlder = false;

  function show({ data, error }: Page, before: string | null): void {
    const page = data?.chat?.messages;
    keepPlace(() => {
      if (page) {
        messages.prepend(...page.nodes.filter(({ id }) => !items.has(id)).map(draw)); // one that came with an event is newer
        const { hasPreviousPage, startCursor } = page.pageInfo;
        hasOlder = hasPreviousPage;
        setTop(hasOlder ? button('Older messages', startCursor) : note('The conversation begins here.'));
      } else if (error) {
        setTop(renderFailure(error, () => load(before)));
      } else {
        setTop(note('Linq no longer has these messages.'));
      }
    });
  }

  function keepPlace(change: () => void): void {
    const restorePlace = rememberPlace(box);
    change();
    restorePlace();
  }

  function draw(message: ListedMessage): HTMLLIElement {
    const item = items.get(message.id) ?? element('li', { 'data-sent-at': message.sentAt ?? '' });
    const isFocused = item.contains(document.activeElement);
    item.replaceChildren(...renderListed(chat.id, message));
    if (isFocused) item.querySelector('a')?.focus();
    items.set(message.id, item);
    return item;
  }

  /** In the order of time. */
  function insert(item: HTMLLIElement): void {
    const sentAt = timeOf(item);
    const earlier = [...messages.children].findLast((other) => !(timeOf(other) > sentAt));
    if (earlier) earlier.after(item);
    else messages.prepend(item);
  }

  function apply({ messageId, message }: ChatMessageEvent): boolean {
    const shown = items.get(messageId ?? '');
    // A message older than the shown pages comes with its own page.
    const isOlder = hasOlder && Date.parse(message?.sentAt ?? '') < timeOf(messages.firstElementChild);
    const isNew = message !== null && !shown && !isOlder;
    keepPlace(() => {
      if (isNew) insert(draw(message));
      else if (message && shown) draw(message);
      else if (message === null) shown?.remove();
    });
    if (message === null) items.delete(messageId ?? '');
    return isNew;
  }

  function load(before: string | null): void {
    top.ariaBusy = 'true';
    read(before, (page) => show(page, before));
  }

  function setTop(content: HTMLElement): void {
    const isFocused = top.contains(document.activeElement);
    top.replaceChildren(content);
    top.ariaBusy = 'false';
    if (isFocused) (top.querySelector('button') ?? box).focus();
  }

  function button(text: string, before: string | null): HTMLElement {
    const made = element('button', { type: 'button' }, text);
    made.addEventListener('click', () => {
      if (top.ariaBusy === 'true') return;
      made.textContent = 'Loading …';
      load(before);
    });
    return made;
  }

  function notify(content: HTMLElement): void {
    const close = element('button', { type: 'button', 'aria-label': 'Close' }, '×');
    close.addEventListener('click', () => {
      notices.replaceChildren();
      box.focus();
    });
    notices.replaceChildren(content, close);
  }

  show(newest, null);
  return {
    element: element('article', { class: 'conversation' }, ...renderHead(chat), live, notices, box),
    apply,
    notify,
    setLive: (text) => {
      live.textContent = text;
    },
  };
}

function renderHead({ displayName, service, isGroup, messageCount, participants }: Chat): HTMLElement[] {
  const count = messageCount === 1 ? '1 message' : messageCount !== null && `${messageCount.toLocaleString()} messages`;
  const facts = [isGroup && 'Group', service, count].filter(Boolean).join(' · ');
  const people = participants.map(({ address }) => element('li', { dir: 'auto' }, address ?? 'Unknown address'));
  return [
    element('h2', { dir: 'auto' }, displayName ?? 'Unnamed chat'),
    element('small', {}, facts),
    element(
      'details',
      { open: participants.length <= fewParticipants && '' },
      element('summary', {}, `Participants (${participants.length})`),
      list('Participants', people),
    ),
  ];
}

function renderListed(chatId: string, message: ListedMessage): HTMLElement[] {
  const from = message.sender?.address ?? message.sentFrom ?? 'Unknown sender';
  const link = element('a', { href: `?chatId=${chatId}&id=${message.id}` });
  link.append(message.sentAt === null ? 'Details' : time(message.sentAt));
  const head = element('p', { class: 'from' }, element('b', { dir: 'auto' }, from), ' ', link);
  return [head, ...renderContent(message)];
}

function note(text: string): HTMLElement {
  return element('p', {}, text);
}

function timeOf(item: Element | null): number {
  return Date.parse(item?.getAttribute('data-sent-at') ?? '');
}
