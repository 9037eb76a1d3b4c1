import { chatOne, generatedMessage, type LinqMessage, recordJson, sentAtOf } from './messages.ts';
import type { Bodies } from './scenarios.ts';

export type Sort = 'asc' | 'desc';

/** All messages of a chat by the time they were sent. */
export interface Timeline {
  readonly length: number;
  /** The message at this index of the list in this order. Messages of the same time may be in any order. */
  at(index: number, sort: Sort): LinqMessage;
  /** The times sent, oldest first. In milliseconds since the epoch, and may be finer than the messages print them. */
  timeAt(index: number): number;
}

/** The parameters of List Chat Messages. Times are in milliseconds since the epoch. */
export interface ListParameters {
  readonly page: number;
  readonly perPage: number;
  readonly before: number | undefined;
  readonly after: number | undefined;
  readonly sort: Sort;
}

/** What Linq does not document, and some ways to be wrong. By default the commonest reading of its reference. */
export interface ListQuirks {
  readonly beforeIsInclusive?: boolean;
  readonly afterIsInclusive?: boolean;
  /** A parameter that has no effect. */
  readonly ignored?: 'page' | 'sort' | 'before' | 'after' | undefined;
  /** A larger `per_page` is lowered to this without an error. */
  readonly maxPerPage?: number;
  /** `unfiltered` counts all messages of the chat, whatever `before` and `after` are. */
  readonly meta?: 'exact' | 'unfiltered' | 'none';
}

export interface ListResponse {
  readonly data: readonly LinqMessage[];
  readonly meta?: {
    readonly page: number;
    readonly total_pages: number;
    readonly total_count: number;
    readonly per_page: number;
  };
}

/** Undefined if there is no such chat. */
export function findTimeline(chatId: string): Timeline | undefined {
  if (chatId === '2') return million;
  return chatId === '1' ? timelineOf([...chatOne.values()]) : undefined;
}

const million: Timeline = {
  length: 1_000_000,
  at: (index, sort) => generatedMessage(sort === 'asc' ? index + 1 : 1_000_000 - index),
  timeAt: (index) => sentAtOf(index + 1),
};

/** The response of List Chat Messages. */
export function listMessages(timeline: Timeline, parameters: ListParameters, quirks: ListQuirks = {}): ListResponse {
  const { ignored, maxPerPage = 100, meta = 'exact', beforeIsInclusive = false, afterIsInclusive = false } = quirks;
  const { before, after } = parameters;
  const sort = ignored === 'sort' ? 'asc' : parameters.sort;
  const page = ignored === 'page' ? 1 : parameters.page;
  const perPage = Math.min(maxPerPage, parameters.perPage);
  // The messages of the window are those from `low` to before `high`, oldest first.
  const low = after === undefined || ignored === 'after' ? 0 : countUntil(timeline, after, !afterIsInclusive);
  const end =
    before === undefined || ignored === 'before' ? timeline.length : countUntil(timeline, before, beforeIsInclusive);
  const high = Math.max(low, end);
  const first = sort === 'asc' ? low : timeline.length - high;
  const count = high - low;
  const data: LinqMessage[] = [];
  for (let index = (page - 1) * perPage; index < Math.min(count, page * perPage); index++) {
    data.push(timeline.at(first + index, sort));
  }
  if (meta === 'none') return { data };
  const total = meta === 'exact' ? count : timeline.length;
  return {
    data,
    meta: { page, total_pages: Math.ceil(total / perPage), total_count: total, per_page: perPage },
  };
}

/** How many messages were sent before this time, or until it. */
function countUntil(timeline: Timeline, time: number, isInclusive: boolean): number {
  let [low, high] = [0, timeline.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const sent = timeline.timeAt(middle);
    if (sent < time || (isInclusive && sent === time)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A timeline of these messages. */
function timelineOf(messages: readonly LinqMessage[]): Timeline {
  const sentAt = (message: LinqMessage) => Date.parse(message.sent_at ?? '');
  const sorted = messages.toSorted((a, b) => sentAt(a) - sentAt(b) || Number(BigInt(a.id) - BigInt(b.id)));
  return {
    length: sorted.length,
    at: (index, sort) => sorted[sort === 'asc' ? index : sorted.length - 1 - index] as LinqMessage,
    timeAt: (index) => sentAt(sorted[index] as LinqMessage),
  };
}

export function listJson({ data, meta }: ListResponse): string {
  const rows = `{"data":[${data.map(recordJson).join()}]`;
  return meta === undefined ? `${rows}}` : `${rows},"meta":${JSON.stringify(meta)}}`;
}

/** A list of the documented message, the newest of its chat. */
export function listBodies(): Bodies {
  const [documented] = chatOne.values();
  const response = listMessages(
    timelineOf(documented === undefined ? [] : [documented]),
    listParameters(new URLSearchParams()),
  );
  return { documented: listJson(response), drifted: driftedJson };
}

/** Rows that cannot be identified or placed, and one whose fields differ from their documentation. */
const driftedJson = `{
  "data": [
    { "id": "224", "text": 7, "sent_at": "2025-05-21T15:30:00.123-05:00", "service": "iMessage" },
    { "id": null, "text": "without an id", "sent_at": "2025-05-21T15:30:00.123-05:00" },
    { "id": 225, "text": "without a time", "sent_at": null },
    "not a message"
  ],
  "meta": { "page": "1", "total_count": 4 }
}`;

/** Of the query of a request. Whatever is malformed is as if it were absent. */
export function listParameters(query: URLSearchParams): ListParameters {
  const wholeNumber = (name: string, fallback: number) => {
    const text = query.get(name) ?? '';
    return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : fallback;
  };
  const time = (name: string) => {
    const ms = Date.parse(query.get(name) ?? '');
    return Number.isNaN(ms) ? undefined : ms;
  };
  return {
    page: wholeNumber('page', 1),
    perPage: wholeNumber('per_page', 25),
    before: time('before'),
    after: time('after'),
    sort: query.get('sort') === 'desc' ? 'desc' : 'asc',
  };
}
