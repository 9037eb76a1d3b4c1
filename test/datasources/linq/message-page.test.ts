import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMessagePage } from '../../../src/datasources/linq/message-page.ts';
import { decodeMessageList, type MessageListKey } from '../../../src/datasources/linq/routes/chat-messages.ts';
import { comparePositions, positionOf } from '../../../src/datasources/message-position.ts';
import type { ChatMessageConnection, LinqId, MessagePageKey, MessagePosition } from '../../../src/datasources/model.ts';
import { UpstreamError } from '../../../src/datasources/upstream-error.ts';
import { type ListQuirks, listMessages } from '../../../src/sandbox/message-list.ts';
import { runs } from '../../support/runs.ts';
import { Random, TestChat } from '../../support/test-chat.ts';

const chatId = '7' as LinqId;
const sizes = [1, 2, 25, 98, 99, 100];

interface Page {
  readonly page: ChatMessageConnection;
  readonly calls: number;
  readonly ignored: readonly string[];
}

/** Reads a page of the chat; `beforeCall` may change the chat. */
async function readPage(
  chat: TestChat,
  key: Partial<MessagePageKey>,
  quirks: ListQuirks = {},
  beforeCall: (call: number) => void = () => {},
): Promise<Page> {
  let calls = 0;
  const ignored: string[] = [];
  const report = (path: string, kind: string) => kind === 'ignored' && ignored.push(path);
  const readList = async (list: MessageListKey) => {
    beforeCall(++calls);
    const { sort, page, perPage, bound } = list;
    const window = { before: sort === 'desc' ? bound : undefined, after: sort === 'asc' ? bound : undefined };
    const { data, meta } = listMessages(chat, { sort, page, perPage, ...window }, quirks);
    return decodeMessageList(data, meta, list, report);
  };
  const whole = { chatId, direction: 'backward', size: 25, ...unbounded, ...key } as const;
  const page = await readMessagePage(whole, readList, (parameter) => report(parameter, 'ignored')).catch((error) => {
    throw Object.assign(error, { calls, ignored });
  });
  return { page: page as ChatMessageConnection, calls, ignored };
}

const unbounded = { after: undefined, before: undefined, sentSince: undefined, sentBefore: undefined };

const idsOf = ({ nodes }: ChatMessageConnection) => nodes.map(({ id }) => id);
const placeOf = (cursor: string | null) => positionOf(cursor ?? '', chatId) as MessagePosition;

/** What Linq does not document, drawn at random. */
function drawQuirks(random: Random): ListQuirks {
  return {
    beforeIsInclusive: random.isTrue(),
    afterIsInclusive: random.isTrue(),
    meta: random.of(['exact', 'exact', 'unfiltered', 'none'] as const),
  };
}

/** Walks through a chat that changes between the pages, and checks every page and the whole. */
async function walk(seed: number): Promise<{ pages: number; calls: number }> {
  const random = new Random(seed);
  const chat = new TestChat(random, random.below(5) === 0 ? random.below(40) : random.below(260));
  const quirks = { ...drawQuirks(random), ...(random.below(10) === 0 && { maxPerPage: 50, meta: 'exact' as const }) };
  const direction = random.of(['forward', 'backward'] as const);
  const size = random.of(sizes);
  const sign = direction === 'forward' ? 1 : -1;
  let cursor = random.isTrue() ? chat.anyPosition() : undefined;
  const start = cursor;
  const atStart = chat.positions();
  const deleted = new Set<string>();
  const walked: MessagePosition[] = [];
  let pages = 0;
  let calls = 0;
  let hasMore = true;
  while (hasMore && pages < (size < 25 ? 15 : 12)) {
    const key = { direction, size, [direction === 'forward' ? 'after' : 'before']: cursor };
    const { page, calls: used } = await readPage(chat, key, quirks);
    pages++;
    calls += used;
    expect(used).toBeLessThanOrEqual(12);
    const places = page.edges.map((edge) => placeOf(edge.cursor));
    expect(idsOf(page)).toEqual(places.map(({ id }) => id));
    expect(places).toEqual(places.toSorted(comparePositions));
    // Exactly the messages next to the cursor, as they are now.
    const beyond = chat.positions().filter((one) => !cursor || sign * comparePositions(one, cursor) > 0);
    expect(places).toEqual(direction === 'forward' ? beyond.slice(0, size) : beyond.slice(-size));
    const { hasNextPage, hasPreviousPage, startCursor, endCursor } = page.pageInfo;
    hasMore = direction === 'forward' ? hasNextPage : hasPreviousPage;
    expect(hasMore).toBe(beyond.length > size);
    const isBehind = direction === 'forward' ? hasPreviousPage : hasNextPage;
    if (isBehind) expect(beyond.length).toBeLessThan(chat.positions().length);
    walked.push(...(direction === 'forward' ? places : places.toReversed()));
    if (places.length > 0) cursor = placeOf(direction === 'forward' ? endCursor : startCursor);
    if (random.isTrue()) chat.arrive(random.below(4));
    if (random.below(4) === 0) chat.arriveLate(random.below(3));
    if (random.below(3) === 0) for (const id of chat.delete(random.below(4))) deleted.add(id);
  }
  // In order without repeats; nothing that was there all the time is skipped.
  expect(walked).toEqual(walked.toSorted((a, b) => sign * comparePositions(a, b)));
  const ids = new Set(walked.map(({ id }) => id));
  expect(ids.size).toBe(walked.length);
  const last = walked.at(-1);
  const isWalked = (one: MessagePosition) =>
    (!start || sign * comparePositions(one, start) > 0) &&
    (!hasMore || (last && sign * comparePositions(one, last) <= 0));
  expect(atStart.filter((one) => isWalked(one) && !deleted.has(one.id) && !ids.has(one.id))).toEqual([]);
  return { pages, calls };
}

it('skips and repeats no message on its walks, whatever Linq does not document and whatever changes meanwhile', {
  timeout: runs(120_000),
}, async () => {
  const walks = runs(500);
  let [pages, calls] = [0, 0];
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const used = await walk(seed);
      pages += used.pages;
      calls += used.calls;
    }),
    { numRuns: walks, endOnFailure: true },
  );
  expect(pages).toBeGreaterThan(3 * walks);
  expect(calls / pages).toBeLessThan(2);
});

it('selects pages from a range of times and cursors, and reports whether there are more in the range', {
  timeout: runs(60_000),
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const random = new Random(seed);
      const chat = new TestChat(random, random.below(200));
      const range = {
        after: random.isTrue() ? chat.anyPosition() : undefined,
        before: random.isTrue() ? chat.anyPosition() : undefined,
        sentSince: random.isTrue() ? chat.anyPosition()?.ms : undefined,
        sentBefore: random.isTrue() ? chat.anyPosition()?.ms : undefined,
      };
      const direction = random.of(['forward', 'backward'] as const);
      const size = random.of(sizes);
      const { page } = await readPage(chat, { direction, size, ...range }, drawQuirks(random));
      const inRange = chat.positions().filter((one) => {
        if (range.after && comparePositions(one, range.after) <= 0) return false;
        if (range.before && comparePositions(one, range.before) >= 0) return false;
        return one.ms >= (range.sentSince ?? one.ms) && one.ms < (range.sentBefore ?? one.ms + 1);
      });
      const expected = direction === 'forward' ? inRange.slice(0, size) : inRange.slice(-size);
      expect(page.edges.map(({ cursor }) => placeOf(cursor))).toEqual(expected);
      const { hasNextPage, hasPreviousPage, startCursor, endCursor } = page.pageInfo;
      expect(direction === 'forward' ? hasNextPage : hasPreviousPage).toBe(inRange.length > size);
      expect([startCursor, endCursor]).toEqual([page.edges[0]?.cursor ?? null, page.edges.at(-1)?.cursor ?? null]);
    }),
    { numRuns: runs(200), endOnFailure: true },
  );
});

it('skips no message although messages disappear and arrive between the calls of one page', {
  timeout: runs(60_000),
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const random = new Random(seed);
      const chat = new TestChat(random, 100 + random.below(300), { maxBurst: 80, gap: 3 });
      const direction = random.of(['forward', 'backward'] as const);
      const before = chat.positions();
      const deleted = new Set<string>();
      const change = () => {
        if (random.isTrue()) for (const id of chat.delete(random.below(3))) deleted.add(id);
        else chat.arrive(random.below(3));
      };
      const { page } = await readPage(chat, { direction, size: random.of(sizes) }, {}, change);
      const places = page.edges.map(({ cursor }) => placeOf(cursor));
      expect(places).toEqual(places.toSorted(comparePositions));
      const [oldest, newest] = [places[0], places.at(-1)];
      if (oldest === undefined || newest === undefined) return;
      const lasting = before.filter(({ id }) => !deleted.has(id));
      const spanned = lasting.filter((one) => comparePositions(one, oldest) >= 0 && comparePositions(one, newest) <= 0);
      const shown = new Set(places.map(({ id }) => id));
      expect(spanned.filter(({ id }) => !shown.has(id))).toEqual([]);
    }),
    { numRuns: runs(200), endOnFailure: true },
  );
});

it.each(['sort', 'before', 'after', 'page'] as const)(
  'never returns a wrong page when Linq ignores %s, but fails and reports it',
  async (ignored) => {
    let failures = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const random = new Random(seed);
        // Where everything was sent in one millisecond, an order cannot be told from another.
        const spread = ignored === 'page' ? {} : { maxBurst: 20, gap: 5_000 };
        const chat = new TestChat(random, 30 + random.below(300), spread);
        const direction = random.of(['forward', 'backward'] as const);
        const cursor = random.isTrue() ? chat.anyPosition() : undefined;
        const size = random.of(sizes);
        const key = { direction, size, [direction === 'forward' ? 'after' : 'before']: cursor };
        const sign = direction === 'forward' ? 1 : -1;
        const beyond = chat.positions().filter((one) => !cursor || sign * comparePositions(one, cursor) > 0);
        try {
          const { page } = await readPage(chat, key, { ...drawQuirks(random), ignored });
          const expected = direction === 'forward' ? beyond.slice(0, size) : beyond.slice(-size);
          expect(page.edges.map((edge) => placeOf(edge.cursor))).toEqual(expected);
        } catch (error) {
          if (!(error instanceof UpstreamError)) throw error;
          failures++;
          expect(error).toMatchObject({ fault: 'bad-response', ignored: [ignored] });
        }
      }),
      { numRuns: runs(500), endOnFailure: true },
    );
    expect(failures).toBeGreaterThan(ignored === 'page' ? 2 : 20);
  },
  60_000,
);

it('fails a page that needs more than 12 calls', async () => {
  const burst = new TestChat(new Random(1), 0);
  burst.arriveTogether(2_000);
  await expect(readPage(burst, { size: 25 })).rejects.toMatchObject({
    fault: 'bad-response',
    route: { subject: 'the page of messages' },
    calls: 12,
    ignored: ['per_page'],
  });
});

describe('the calls for a page', () => {
  const chat = new TestChat(new Random(7), 0);
  for (let index = 0; index < 500; index++) chat.arriveTogether(1);
  const newest = chat.positions().at(-1);

  it.each([
    [1, 1, 1],
    [25, 1, 1],
    [98, 1, 1],
    [99, 1, 2],
    [100, 2, 2],
  ])('for %i messages are %i, and %i with a cursor', async (size, calls, callsWithCursor) => {
    expect(await readPage(chat, { size })).toMatchObject({ calls });
    expect(await readPage(chat, { size, direction: 'forward' })).toMatchObject({ calls });
    expect(await readPage(chat, { size, before: newest })).toMatchObject({ calls: callsWithCursor });
  });

  it('are one for an empty chat', async () => {
    expect(await readPage(new TestChat(new Random(1), 0), {})).toMatchObject({
      calls: 1,
      page: {
        edges: [],
        nodes: [],
        pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
      },
    });
  });
});

it('does not treat a list that a lowered per_page made short as the end', async () => {
  const chat = new TestChat(new Random(3), 60);
  const { page } = await readPage(chat, { size: 40 }, { maxPerPage: 20 });
  expect(idsOf(page)).toEqual(
    chat
      .positions()
      .slice(-40)
      .map(({ id }) => id),
  );
  expect(page.pageInfo.hasPreviousPage).toBe(true);
});
