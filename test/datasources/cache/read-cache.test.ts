import { describe, expect, it } from 'vitest';
import { startTestGateway } from '../../support/gateway.ts';
import { startUpstream } from '../../support/upstream.ts';

const query = '{ chatMessage(chatId: 1, id: 7) { text attachments { id url } reactions { reaction } } }';
const message = (id: string, text: string) =>
  JSON.stringify({ data: { id: Number(id), text, attachments: [], reactions: [{ id: 1, reaction: 'love' }] } });
const textOf = ({ data }: { data?: { chatMessage: { text: string } | null } }) => data?.chatMessage?.text;

/** Answers each call with another text, so that a kept one can be told from one that was read. */
async function startCounting(status = 200) {
  const upstream = await startUpstream((response, _request, id) =>
    response.writeHead(status).end(message(id, `text ${upstream.paths.length}`)),
  );
  return upstream;
}

describe('the cache of messages', () => {
  it('is not there unless LINQ_CACHE_TTL_MS says so', async () => {
    await using upstream = await startCounting();
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
    expect(textOf(await gateway.query(query))).toBe('text 1');
    expect(textOf(await gateway.query(query))).toBe('text 2');
    expect((await gateway.send({ path: '/metrics' })).body).not.toMatch(/^linq_cache_total\{.* [1-9]/m);
  });

  it('answers with what was read before, whole, and counts that', async () => {
    await using upstream = await startCounting();
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CACHE_TTL_MS: '60000' });
    const first = await gateway.query(query);
    expect(textOf(first)).toBe('text 1');
    for (let reader = 0; reader < 3; reader++) expect(await gateway.query(query)).toEqual(first);
    expect(upstream.paths).toHaveLength(1);
    await gateway.metric(
      'linq_cache_total{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}",outcome="miss"}',
      1,
    );
    await gateway.metric(
      'linq_cache_total{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}",outcome="hit"}',
      3,
    );
    await gateway.metric(
      'linq_read_duration_seconds_count{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}",outcome="found"}',
      4,
    );
  });

  it('asks anew when LINQ_CACHE_TTL_MS has passed', async () => {
    await using upstream = await startCounting();
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CACHE_TTL_MS: '100' });
    const startedAt = performance.now();
    await gateway.query(query);
    while (textOf(await gateway.query(query)) === 'text 1');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(100);
    expect(upstream.paths).toHaveLength(2);
  });

  it('never answers one token with what another one read', async () => {
    await using upstream = await startUpstream((response, request, id) =>
      response.end(message(id, `for ${request.headers['x-linq-integration-token']}`)),
    );
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CACHE_TTL_MS: '60000' });
    for (let turn = 0; turn < 2; turn++) {
      for (const token of ['a', 'b']) {
        const answer = await gateway.query(query, {}, { 'x-linq-integration-token': token });
        expect(textOf(answer)).toBe(`for ${token}`);
      }
      expect(textOf(await gateway.query(query))).toBe('for the-gateways-own');
    }
    expect(upstream.paths).toHaveLength(3);
  });

  it.each([404, 401, 403, 500])(
    'keeps no answer with status %i: a message that was missing is found as soon as it is there',
    async (status) => {
      let current = status;
      await using upstream = await startUpstream((response, _request, id) =>
        response.writeHead(current).end(message(id, 'there')),
      );
      await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CACHE_TTL_MS: '60000' });
      expect((await gateway.query(query)).data).toEqual({ chatMessage: null });
      current = 200;
      expect(textOf(await gateway.query(query))).toBe('there');
    },
  );

  it.each(['no-cache', 'No-Cache', 'max-age=0, no-cache', 'no-cache, no-store'])(
    'is passed by for a caller that sends cache-control: %s, and holds what that one read',
    async (directives) => {
      await using upstream = await startCounting();
      await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CACHE_TTL_MS: '60000' });
      await gateway.query(query);
      // Twice: interpreted, then on the fast path.
      expect(textOf(await gateway.query(query, {}, { 'cache-control': directives }))).toBe('text 2');
      expect(textOf(await gateway.query(query, {}, { 'cache-control': directives }))).toBe('text 3');
      expect(textOf(await gateway.query(query))).toBe('text 3');
      await gateway.metric(
        'linq_cache_total{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}",outcome="bypass"}',
        2,
      );
    },
  );

  it.each(['max-age=0', 'no-store', 'no-cachet', 'private="no-cache"'])(
    'is used for cache-control: %s',
    async (directives) => {
      await using upstream = await startCounting();
      await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CACHE_TTL_MS: '60000' });
      await gateway.query(query);
      expect(textOf(await gateway.query(query, {}, { 'cache-control': directives }))).toBe('text 1');
    },
  );

  it('does not give a caller who wants it fresh the answer of one who looks into the cache at the same time', async () => {
    await using upstream = await startCounting();
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CACHE_TTL_MS: '60000' });
    await gateway.query(query);
    const [kept, fresh] = await Promise.all([
      gateway.query(query),
      gateway.query(query, {}, { 'cache-control': 'no-cache' }),
    ]);
    expect([textOf(kept), textOf(fresh)]).toEqual(['text 1', 'text 2']);
  });

  it.each([404, 401, 403])(
    'forgets what a caller who wants it fresh is answered with status %i for',
    async (status) => {
      let current = 200;
      await using upstream = await startUpstream((response, _request, id) =>
        response.writeHead(current).end(message(id, 'old')),
      );
      await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CACHE_TTL_MS: '60000' });
      await gateway.query(query);
      current = status;
      expect(textOf(await gateway.query(query))).toBe('old');
      expect(textOf(await gateway.query(query, {}, { 'cache-control': 'no-cache' }))).toBeUndefined();
      expect(textOf(await gateway.query(query))).toBeUndefined();
    },
  );

  it('asks Linq for each caller who wants it fresh, also while it is being asked for another', async () => {
    let text = 'old';
    const waiting: (() => void)[] = [];
    await using upstream = await startUpstream((response, _request, id) => {
      const body = message(id, text);
      waiting.push(() => response.end(body));
      if (waiting.length === 1) text = 'new';
      else for (const answer of waiting) answer();
    });
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CACHE_TTL_MS: '60000' });
    const ask = () => gateway.query(query, {}, { 'cache-control': 'no-cache' });
    expect((await Promise.all([ask(), ask()])).map(textOf).toSorted()).toEqual(['new', 'old']);
  });

  it('counts a kept message towards MAX_MESSAGES_PER_OPERATION all the same', async () => {
    await using gateway = await startTestGateway({ LINQ_CACHE_TTL_MS: '60000', MAX_MESSAGES_PER_OPERATION: '2' });
    const of = (...ids: number[]) =>
      `{ ${ids.map((id) => `m${id}: chatMessage(chatId: 2, id: ${id}) { id }`).join(' ')} }`;
    await gateway.query(of(1, 2));
    await gateway.query(of(3));
    const { errors } = await gateway.query(of(1, 2, 3));
    expect(errors?.map(({ extensions }) => extensions['code'])).toEqual(['OPERATION_TOO_COSTLY']);
  });

  it('takes no slot and no permit for a kept message', async () => {
    await using gateway = await startTestGateway({ LINQ_CACHE_TTL_MS: '60000', LINQ_REQUESTS_PER_SECOND: '0.01' });
    for (let reader = 0; reader < 20; reader++) {
      const { errors } = await gateway.query('{ chatMessage(chatId: 1, id: 224) { id } }');
      expect(errors).toBeUndefined();
    }
    expect(gateway.calls).toHaveLength(1);
  });
});
