import { comparePositions, cursorOf } from '../message-position.ts';
import type { ChatMessageConnection, MessagePageKey, MessagePosition } from '../model.ts';
import { UpstreamError } from '../upstream-error.ts';
import { chatMessagesRoute, type MessageList, type MessageListKey, type MessageRow } from './routes/chat-messages.ts';

const [minPerPage, maxPerPage] = [25, 100];
/** Calls for one page. More are needed only where about a thousand messages were sent in one millisecond. */
const maxCalls = 12;

/** The calls that a page is counted as. It may need more where messages were sent in the same millisecond. */
export function callsOf({ size }: MessagePageKey): number {
  return rowsFor(size) > maxPerPage ? 2 : 1;
}

/** The message of the cursor, the page, and one beyond it, so that the page is known to be whole and whether there are more. */
function rowsFor(size: number): number {
  return size + 2;
}

/**
 * Reads one page of a chat. Null when Linq knows no such chat.
 *
 * Linq's numbered pages shift while messages arrive or disappear, so a page is cut out of a window: it begins at the cursor's
 * millisecond, a millisecond early, because it is not documented whether bounds are exclusive and how fine stored times are.
 * How Linq orders messages of the same millisecond is not documented either: those of the last millisecond of a window count
 * only when a message beyond it was seen. If too few are left, the window moves to that millisecond. Only if it cannot move,
 * because all rows are of one millisecond, are larger and then further numbered pages of the window read. These overlap: where
 * one has no row of those before it, because messages disappeared meanwhile, the window is read again from its first page.
 *
 * `reportIgnored` is called with the name of a parameter that Linq did not heed; the page then fails.
 */
export async function readMessagePage(
  key: MessagePageKey,
  readList: (key: MessageListKey) => Promise<MessageList | null>,
  reportIgnored: (parameter: string) => void,
): Promise<ChatMessageConnection | null> {
  const { chatId, size, direction } = key;
  const sign = direction === 'forward' ? 1 : -1;
  const sort = direction === 'forward' ? 'asc' : 'desc';
  const { lower, upper } = boundsOf(key);
  const [start, stop] = direction === 'forward' ? [lower, upper] : [upper, lower];
  // The outermost milliseconds that the page may have messages of.
  let edge = start && outermostOf(start, start === upper);
  const end = stop && outermostOf(stop, stop === upper);

  const seen = new Map<string, MessageRow>();
  const shown = new Set<string>(); // in this window
  let perPage = Math.min(maxPerPage, Math.max(minPerPage, rowsFor(size)));
  let overlaps = false; // not where Linq returns fewer rows than requested
  let page = 1;
  for (let calls = 1; ; calls++) {
    if (calls > maxCalls) throw ignored('per_page');
    const bound = edge === undefined ? undefined : edge - sign;
    const list = await readList({ chatId, sort, bound, page, perPage: overlaps ? perPage - page + 1 : perPage });
    if (list === null) return null;
    const { rows, count, isEnd } = list;
    const repeated = rows.filter(({ position }) => shown.has(position.id)).length;
    if (page === 1) overlaps = count === perPage;
    else if (count > 0 && repeated === rows.length && (!overlaps || repeated >= page)) throw ignored('page');
    else if (overlaps && count > 0 && repeated === 0) {
      page = 1;
      shown.clear();
      continue;
    }
    for (const row of rows) {
      seen.set(row.position.id, row);
      shown.add(row.position.id);
    }

    const last = rows.at(-1)?.position.ms;
    const inRange = [...seen.values()].filter(
      ({ position }) =>
        (start === undefined || sign * comparePositions(position, start) > 0) &&
        (stop === undefined || sign * comparePositions(position, stop) < 0),
    );
    const found = inRange.filter(({ position }) => isEnd || (last !== undefined && sign * (last - position.ms) > 0));
    const isComplete = isEnd || (last !== undefined && end !== undefined && sign * (last - end) > 0);
    const hasMore = inRange.length > size;
    if (isComplete || (hasMore && found.length >= size)) return connectionOf(key, found, hasMore, [...seen.values()]);

    if (last !== undefined && (edge === undefined || sign * (last - edge) > 0)) {
      edge = last;
      page = 1;
      shown.clear();
    } else if (perPage < maxPerPage) {
      perPage = maxPerPage;
      page = 1;
    } else {
      page++;
    }
  }

  function ignored(parameter: string): UpstreamError {
    reportIgnored(parameter);
    const error = new UpstreamError('bad-response', { status: 200 });
    error.route = chatMessagesRoute;
    return error;
  }
}

/** The page is between them, without them. */
function boundsOf({ after, before, sentSince, sentBefore }: MessagePageKey) {
  const since = sentSince === undefined ? undefined : { ms: sentSince, id: '0' };
  const until = sentBefore === undefined ? undefined : { ms: sentBefore, id: '0' };
  const lower = after && since ? (comparePositions(after, since) > 0 ? after : since) : (after ?? since);
  const upper = before && until ? (comparePositions(before, until) < 0 ? before : until) : (before ?? until);
  return { lower, upper };
}

/** The last millisecond before an upper bound that may have messages, or the first one after a lower bound. */
function outermostOf({ ms, id }: MessagePosition, isUpper: boolean): number {
  return isUpper && id === '0' ? ms - 1 : ms;
}

/** `found` are the messages of the page, and maybe more beyond it; `seen` are all that were read. */
function connectionOf(
  { chatId, size, direction, after, before, sentSince, sentBefore }: MessagePageKey,
  found: readonly MessageRow[],
  hasMore: boolean,
  seen: readonly MessageRow[],
): ChatMessageConnection {
  const isForward = direction === 'forward';
  const sorted = found.toSorted((a, b) => comparePositions(a.position, b.position));
  const rows = isForward ? sorted.slice(0, size) : sorted.slice(-size);
  const hasBefore = seen.some(
    ({ position }) => after && comparePositions(position, after) <= 0 && position.ms >= (sentSince ?? position.ms),
  );
  const hasAfter = seen.some(
    ({ position }) => before && comparePositions(position, before) >= 0 && position.ms < (sentBefore ?? Infinity),
  );
  const edges = rows.map(({ message, position }) => ({ cursor: cursorOf(chatId, position), node: message }));
  return {
    edges,
    nodes: rows.map(({ message }) => message),
    pageInfo: {
      hasNextPage: isForward ? hasMore : hasAfter,
      hasPreviousPage: isForward ? hasBefore : hasMore,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
