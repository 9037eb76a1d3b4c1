import type { Attachment, ChatMessage, Reaction } from './client.ts';
import { element } from './element.ts';

/** Both sets are open: a word that is not here is shown as Linq wrote it. */
const deliveryWords = new Map([
  ['pending', 'Pending'],
  ['delivered', 'Delivered'],
  ['paused', 'Paused'],
  ['service_unavailable', 'Held up: service unavailable'],
  ['rate_limit_exceeded', 'Held up: too many messages'],
]);
/** Drawn in index.html, so that they look the same where no emoji font is installed. */
const drawnReactions = new Set(['love', 'like', 'dislike', 'laugh', 'emphasize', 'question']);

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
  // Others wrote it: a link to anything but the web, such as javascript:, is none.
  const href = url !== null && /^https?:$/.test(URL.parse(url)?.protocol ?? '') ? url : null;
  const facts = [mimeType, fileSize !== null && size(fileSize), href === null && 'cannot be opened'];
  return element(
    'li',
    {},
    href === null ? element('span', {}, name) : element('a', { href, rel: 'noreferrer' }, name),
    element('small', {}, facts.filter(Boolean).join(' · ')),
  );
}

function renderReaction({ reaction, isFromMe, fromPhone }: Reaction): HTMLElement {
  const what = drawnReactions.has(reaction ?? '') ? drawing(reaction ?? '') : element('b', {}, reaction ?? 'reaction');
  const who = isFromMe ? 'You' : (fromPhone ?? 'Somebody');
  return element('li', { class: isFromMe === true && 'mine' }, what, element('span', { dir: 'auto' }, who));
}

function drawing(reaction: string): SVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', reaction);
  use.setAttribute('href', `#reaction-${reaction}`);
  svg.append(use);
  return svg;
}

export function list(label: string, items: HTMLElement[]): HTMLElement {
  // Said to be a list, since Safari takes one without bullets for none.
  return element('ul', { role: 'list', 'aria-label': label, class: label.toLowerCase() }, ...items);
}

/** In the reader's own language and time zone. */
export function time(dateTime: string): HTMLElement {
  const instant = new Date(dateTime);
  const leapSecond = Number.isNaN(instant.valueOf()); // RFC 3339 has them, JavaScript does not
  const shown = leapSecond
    ? dateTime
    : new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' }).format(instant);
  return element('time', { datetime: dateTime }, shown);
}

function size(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const unit = units[step] ?? 'byte';
  const style = { style: 'unit', unit, unitDisplay: step === 0 ? 'long' : 'short', maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(undefined, style).format(bytes / 1000 ** step);
}
