import type { OperationResult } from '@urql/core';
import type { Chat, ListedMessage } from './client.ts';
import { element } from './element.ts';
import { renderFailure } from './failure.ts';
import { list, renderContent, time } from './message.ts';

export type Page = Pick<OperationResult<{ chat: Chat | null }>, 'data' | 'error'>;

/** More of them are folded up. */
const fewParticipants = 8;

/** The chat with its newest messages, and more of them at a press. `read` reads the page before a cursor, or the newest. */
export function renderConversation(
  chat: Chat,
  newest: Page,
  read: (before: string | null, show: (page: Page) => void) => void,
): HTMLElement {
  const messages = element('ol', { role: 'list' });
  /** Above the oldest message: the way to older ones, or why there are none. */
  const top = element('div', { class: 'older' });
  const box = element('section', { class: 'messages', tabindex: '0', 'aria-label': 'Messages' }, top, messages);

  function show({ data, error }: Page, before: string | null): void {
    const page = data?.chat?.messages;
    const below = box.scrollHeight - box.scrollTop; // what is being read stays where it is
    if (page) {
      messages.prepend(...page.nodes.map((message) => renderListed(chat.id, message)));
      const { hasPreviousPage, startCursor } = page.pageInfo;
      setTop(hasPreviousPage ? button('Older messages', startCursor) : note('The conversation begins here.'));
    } else if (error) {
      setTop(renderFailure(error, () => load(before)));
    } else {
      setTop(note('Linq no longer has these messages.'));
    }
    box.scrollTop = box.scrollHeight - below;
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

  show(newest, null);
  return element('article', { class: 'conversation' }, ...renderHead(chat), box);
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

function renderListed(chatId: string, message: ListedMessage): HTMLElement {
  const from = message.sender?.address ?? message.sentFrom ?? 'Unknown sender';
  const link = element('a', { href: `?chatId=${chatId}&id=${message.id}` });
  link.append(message.sentAt === null ? 'Details' : time(message.sentAt));
  const head = element('p', { class: 'from' }, element('b', { dir: 'auto' }, from), ' ', link);
  return element('li', {}, head, ...renderContent(message));
}

function note(text: string): HTMLElement {
  return element('p', {}, text);
}
