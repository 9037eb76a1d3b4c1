import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Cancellation } from '../../../src/datasources/reads/cancellation.ts';
import type { ReadsOptions } from '../../../src/datasources/reads/reads.ts';
import type { Route } from '../../../src/datasources/reads/route.ts';
import { Token } from '../../../src/datasources/token.ts';
import type { UpstreamError } from '../../../src/datasources/upstream-error.ts';
import { createReads, silentMetrics, TestConnection, textRoute } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

interface Key {
  readonly chat: string;
  readonly id: number;
}

const route: Route<Key, string> = {
  template: textRoute.template,
  subject: textRoute.subject,
  cacheFormat: textRoute.cacheFormat,
  path: ({ chat, id }) => `/${chat}/${id}`,
  group: ({ chat }) => chat,
  scope: ({ chat }) => ({ chatId: chat }),
  decode: (body) => body,
  matches: () => true,
};

/** Reads from an upstream that fails for some chats or tokens. Responses take no time. */
function createUpstream(isFailing: (chat: string, token: string) => boolean, options: Partial<ReadsOptions> = {}) {
  const states: string[] = [];
  let sent = 0;
  let ids = 0;
  const connections = Array.from(
    { length: 100 },
    () =>
      new TestConnection((call, connection) => {
        sent++;
        const status = isFailing(call.path.split('/')[1] ?? '', `${call.headers[1]}`) ? 500 : 200;
        queueMicrotask(() => connection.respond(call, status, 'ok'));
      }),
  );
  const reads = createReads(connections, {
    metrics: { ...silentMetrics, breaker: (state) => states.push(state) },
    ...options,
  });
  const ask = (chat: string, token = 'a') => {
    const cancellation = new Cancellation(new AbortController().signal);
    const reader = {
      caller: token,
      token: new Token(token),
      timeoutMs: 1_000,
      freshness: 'shared',
      cancellation,
    } as const;
    return reads.get(route, { chat, id: ids++ }, reader).then(
      () => 'ok',
      (error: UpstreamError) => error.fault,
    );
  };
  /** The outcomes of reads in the same second. */
  const second = async (...asked: (readonly [chat: string, token?: string, count?: number])[]) => {
    const outcomes = asked.flatMap(([chat, token, count = 1]) => Array.from({ length: count }, () => ask(chat, token)));
    await vi.advanceTimersByTimeAsync(1_000);
    return Promise.all(outcomes);
  };
  return { states, ask, second, sent: () => sent };
}

describe('the breaker', () => {
  it.each([
    ['no others', []],
    ['few others', [['1'], ['2']]],
    ['others that fail now and then', [['1'], ['2'], ['3'], ['4'], ['5'], ['flaky']]],
  ] as const)(
    'is not opened by one chat that always fails, however often it is read, beside %s',
    async (_name, others) => {
      let flaky = 0;
      const { states, ask, second } = createUpstream(
        (chat) => chat === '500' || (chat === 'flaky' && flaky++ % 2 === 0),
      );
      for (let at = 0; at < 60; at++) await second(['500', 'a', 30], ...others);
      expect(states).toEqual([]);
      expect(await ask('1')).toBe('ok');
    },
  );

  it('is not opened for others by two chats that always fail while more chats succeed', async () => {
    const { states, second } = createUpstream((chat) => chat.startsWith('50'));
    for (let at = 0; at < 30; at++) await second(['500', 'a', 30], ['501', 'a', 30], ['1'], ['2'], ['3']);
    expect(states).toEqual([]);
  });

  it('opens for one token alone whose reads always fail, also while it is the only one in use', async () => {
    const { states, ask, second } = createUpstream((_chat, token) => token === 'bad');
    for (let at = 0; at < 5; at++) await second(['1', 'bad', 10], ['2', 'bad', 10], ['3', 'bad', 10]);
    expect(states).toEqual(['open', 'half-open', 'open']);
    expect(await ask('1', 'bad')).toBe('unavailable');
    for (let at = 0; at < 30; at++) {
      const outcomes = await second(['1', 'bad', 10], ['2', 'bad', 10], ['1', 'good'], ['2', 'good'], ['3', 'other']);
      expect(outcomes.slice(-3)).toEqual(['ok', 'ok', 'ok']);
    }
  });

  it('closes for one token when its probe succeeds, not when a read of another does', async () => {
    let isBad = true;
    const { states, ask, second } = createUpstream((_chat, token) => isBad && token === 'bad');
    for (let at = 0; at < 3; at++) await second(['1', 'bad', 10], ['2', 'bad', 10], ['3', 'bad', 10]);
    await second(['1', 'good', 10]);
    expect(states).toEqual(['open']);
    isBad = false;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await ask('1', 'bad')).toBe('ok');
    expect(states).toEqual(['open', 'half-open', 'closed']);
  });

  it.each([
    ['one token', ['a']],
    ['two tokens', ['a', 'b']],
    ['many tokens', ['a', 'b', 'c', 'd', 'e']],
  ])('opens in an outage for reads of several chats with %s, in three seconds', async (_name, tokens) => {
    const { states, second } = createUpstream(() => true);
    for (let at = 0; at < 3; at++) {
      await second(...tokens.flatMap((token) => ['1', '2', '3', '4'].map((chat) => [chat, token, 2] as const)));
    }
    expect(states).toEqual(['open']);
  });

  it('opens in an outage of one chat more than one that always failed', async () => {
    let isOutage = false;
    const { states, second } = createUpstream((chat) => isOutage || chat === '500');
    for (let at = 0; at < 20; at++) await second(['500', 'a', 20], ['1'], ['2'], ['3']);
    isOutage = true;
    for (let at = 0; at < 10; at++) await second(['500', 'a', 20], ['1'], ['2'], ['3']);
    expect(states[0]).toBe('open');
  });

  it('opens for everyone when the outage of one token becomes one of all', async () => {
    let isOutage = false;
    const { ask, second } = createUpstream((_chat, token) => isOutage || token === 'bad');
    for (let at = 0; at < 4; at++)
      await second(['1', 'bad', 10], ['2', 'bad', 10], ['1', 'good', 2], ['2', 'other', 2]);
    isOutage = true;
    for (let at = 0; at < 10; at++) {
      await second(['1', 'bad', 10], ['1', 'good', 5], ['2', 'good', 5], ['3', 'other', 5], ['4', 'other', 5]);
    }
    isOutage = false;
    expect(await ask('9', 'new')).toBe('unavailable');
  });
});

describe('the retry budget', () => {
  it('is not used up by one chat that always fails', async () => {
    let calls = 0;
    const { second, ask } = createUpstream((chat) => chat === '500' || (chat === '1' && calls++ === 0));
    for (let at = 0; at < 5; at++) await second(['500', 'a', 30]);
    const outcome = ask('1');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toBe('ok');
  });
});
