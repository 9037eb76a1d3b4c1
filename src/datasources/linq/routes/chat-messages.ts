import { dateTimeOf, instantOf } from '../../message-position.ts';
import type { ChatKey, ChatMessage, LinqId, MessagePosition } from '../../model.ts';
import type { ReportDrift, Route } from '../../reads/route.ts';
import { UpstreamError } from '../../upstream-error.ts';
import { decodeListEnvelope } from '../envelope.ts';
import { isRecord, ownId, type Raw, reportUnknown, size } from '../fields.ts';
import { chatMessageRoute, decodeMessage } from './chat-message.ts';

const metaFields = 'page total_pages total_count per_page'.split(' ');

/** A part of a list of Linq's. */
export interface MessageListKey extends ChatKey {
  /** By the time sent. */
  readonly sort: 'asc' | 'desc';
  /** Only messages sent after (`asc`) or before (`desc`) this time. In milliseconds since the epoch. */
  readonly bound: number | undefined;
  readonly page: number;
  readonly perPage: number;
}

export interface MessageRow {
  readonly message: ChatMessage;
  readonly position: MessagePosition;
}

export interface MessageList {
  /** In the requested order, by the millisecond. Without those that have no id, or no time sent. */
  readonly rows: readonly MessageRow[];
  /** How many rows Linq sent, whatever is in them. */
  readonly count: number;
  /** Whether there are no more rows after these. */
  readonly isEnd: boolean;
}

/** How far a row may be outside the window. Whether bounds are exclusive, and how times are rounded, is not documented. */
const toleranceMs = 1_000;

/** List Chat Messages of Linq's Partner API V2: `{ "data": [ChatMessage], "meta": Pagination }`. It documents no errors. */
export const chatMessagesRoute: Route<MessageListKey, MessageList> = {
  template: '/api/partner/v2/chats/{chat_id}/chat_messages',
  subject: 'the page of messages',
  cacheFormat: undefined, // a page is as new as its read, but its messages are cached
  path({ chatId, sort, bound, page, perPage }) {
    const path = `/api/partner/v2/chats/${chatId}/chat_messages?sort=${sort}&page=${page}&per_page=${perPage}`;
    if (bound === undefined) return path;
    return `${path}&${sort === 'asc' ? 'after' : 'before'}=${encodeURIComponent(dateTimeOf(bound))}`;
  },
  decode: (body, key, report) =>
    decodeListEnvelope(body, (data, meta, collect) => decodeMessageList(data, meta, key, collect), report),
  matches: () => false,
  group: ({ chatId }) => chatId,
  scope: ({ chatId }) => ({ chatId }),
  eachPart({ rows }, { chatId }, visit) {
    for (const { message } of rows) visit(chatMessageRoute, { chatId, id: message.id }, message);
  },
};

/** Fails for rows that cannot come from a server that heeded `sort`, `before` and `after`. */
export function decodeMessageList(
  data: readonly unknown[],
  meta: unknown,
  key: MessageListKey,
  report: ReportDrift,
): MessageList {
  const rows: MessageRow[] = [];
  for (const raw of data) {
    if (!isRecord(raw)) report('data[]', 'type');
    const row = isRecord(raw) ? messageRow(raw, key.chatId, report) : undefined;
    if (row !== undefined) rows.push(row);
  }
  const { sort, bound } = key;
  const direction = sort === 'asc' ? 1 : -1;
  const limit = bound === undefined ? undefined : bound - direction * toleranceMs;
  let previous = limit ?? -direction * Number.POSITIVE_INFINITY;
  for (const { position } of rows) {
    if (direction * (position.ms - previous) < 0) {
      report(previous === limit ? (sort === 'asc' ? 'after' : 'before') : 'sort', 'ignored');
      throw new UpstreamError('bad-response', { status: 200 });
    }
    previous = position.ms;
  }
  return { rows, count: data.length, isEnd: isEnd(meta, data.length, key, report) };
}

/** Undefined for a row that cannot be identified or placed. */
function messageRow(raw: Raw, chatId: LinqId, report: ReportDrift): MessageRow | undefined {
  const reportRow: ReportDrift = (path, kind) => report(path.replace('data', 'data[]'), kind);
  const id = ownId(raw['id'], 'data.id', reportRow);
  if (id === null) return undefined;
  const message = decodeMessage(raw, chatId, id, reportRow);
  if (raw['sent_at'] === null) reportRow('data.sent_at', 'missing'); // elsewhere null is allowed
  const ms = message.sentAt === null ? undefined : instantOf(message.sentAt);
  return ms === undefined ? undefined : { message, position: { ms, id } };
}

/** A list has ended where it is short, unless `meta` contradicts that: a server that caps `per_page` sends short lists too. */
function isEnd(meta: unknown, count: number, { page, perPage }: MessageListKey, report: ReportDrift): boolean {
  if (!isRecord(meta)) report('meta', meta === undefined ? 'missing' : 'type');
  const raw: Raw = isRecord(meta) ? meta : { page: null, total_pages: null, total_count: null, per_page: null };
  size(raw['page'], 'meta.page', report);
  const totalPages = size(raw['total_pages'], 'meta.total_pages', report) ?? 0;
  const total = size(raw['total_count'], 'meta.total_count', report) ?? 0;
  const actual = size(raw['per_page'], 'meta.per_page', report) ?? perPage;
  reportUnknown(raw, 'meta', metaFields, report);
  const hasMore = totalPages > page || total > (page - 1) * Math.min(actual, perPage) + count;
  const isCapped = actual < perPage && count >= actual;
  return count === 0 || (count < perPage && !hasMore && !isCapped);
}
