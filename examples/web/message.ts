import type { Attachment, ChatMessage, Reaction } from './client.ts';
import { element } from './element.ts';
import { formatSize, formatTime, webUrl } from './format.ts';
import { reactionDrawings } from './reaction-drawings.ts';

/** Linq may add others: a word that is not here is shown as Linq wrote it. */
const deliveryWords = new Map([
  ['pending', 'Pending'],
  ['delivered', 'Delivered'],
  ['paused', 'Paused'],
  ['service_unavailable', 'Held up: service unavailable'],
  ['rate_limit_exceeded', 'Held up: too many messages'],
]);

export function renderMessage(message: ChatMessage): HTMLElement {
  const { sentFrom, sentAt } = message;
  return element(
    'article',
    {},
    element('h2', { dir: 'auto' }, sentFrom ?? 'Unknown sender'),
    ...(sentAt ? [time(sentAt)] : []),
    ...renderContent(message),
    renderFacts(message),
  );
}

/** What was written and sent with it, and the reactions to it. */
export function renderContent({ text, attachments, reactions }: ChatMessage): HTMLElement[] {
  const bubble = element(
    'div',
    { class: 'bubble' },
    ...(text ? [element('p', { dir: 'auto' }, text)] : []),
    ...(attachments.length > 0 ? [list('Attachments', attachments.map(renderAttachment))] : []),
  );
  return reactions.length > 0 ? [bubble, list('Reactions', reactions.map(renderReaction))] : [bubble];
}

/** What Linq does not say is left out. */
function renderFacts({ editedAt, deliveryStatus, deliveredAt, isRead }: ChatMessage): HTMLElement {
  const facts: [name: string, value: Node | string | null][] = [
    ['Delivery', deliveryStatus && (deliveryWords.get(deliveryStatus) ?? deliveryStatus)],
    ['Delivered', deliveredAt && time(deliveredAt)],
    ['Read', isRead === null ? null : isRead ? 'Yes' : 'Not yet'],
    ['Edited', editedAt && time(editedAt)],
  ];
  const rows = facts.flatMap(([name, value]) =>
    value ? [element('div', {}, element('dt', {}, name), element('dd', {}, value))] : [],
  );
  return element('dl', {}, ...rows);
}

function renderAttachment({ url, filename, mimeType, fileSize }: Attachment): HTMLElement {
  const name = filename ?? 'Unnamed file';
  const href = webUrl(url);
  const facts = [mimeType, fileSize !== null && formatSize(fileSize), href === null && 'cannot be opened'];
  return element(
    'li',
    {},
    href === null ? element('span', {}, name) : element('a', { href, rel: 'noreferrer' }, name),
    element('small', {}, facts.filter(Boolean).join(' · ')),
  );
}

function renderReaction({ reaction, isFromMe, fromPhone }: Reaction): HTMLElement {
  const path = reactionDrawings.get(reaction);
  const what = path ? drawing(reaction ?? '', path) : element('b', {}, reaction ?? 'reaction');
  const who = isFromMe ? 'You' : (fromPhone ?? 'Somebody');
  return element('li', { class: isFromMe === true && 'mine' }, what, element('span', { dir: 'auto' }, who));
}

function drawing(reaction: string, path: string): SVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const drawn = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', reaction);
  svg.setAttribute('viewBox', '0 0 24 24');
  drawn.setAttribute('d', path);
  svg.append(drawn);
  return svg;
}

export function list(label: string, items: HTMLElement[]): HTMLElement {
  // Said to be a list, since Safari takes one without bullets for none.
  return element('ul', { role: 'list', 'aria-label': label, class: label.toLowerCase() }, ...items);
}

export function time(dateTime: string): HTMLElement {
  return element('time', { datetime: dateTime }, formatTime(dateTime));
}
