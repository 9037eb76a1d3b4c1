import { describe, expect, it } from 'vitest';
import { startTestGateway } from '../../support/gateway.ts';
import { startUpstream } from '../../support/upstream.ts';

const query = '{ chatMessage(chatId: 1, id: 7) { text attachments { id url } reactions { reaction } } }';
const message = (id: string, text: string) =>
  JSON.stringify({ data: { id: Number(id), text, attachments: [], reactions: [{ id: 1, reaction: 'love' }] } });
const textOf = ({ data }: { data?: { chatMessage: { text: string } | null } }) => data?.chatMessage?.text;

/** Returns a different text for each request, so that tests can distinguish a cached text from a new one. */
async function startCounting(status = 200) {
  const upstream = await startUpstream((response, _request, id) =>
    response.writeHead(status).end(message(id, `text ${upstream.paths.length}`)),
  );
  return upstream;
}

describe('the cache of messages', () => {
  it('is off without LINQ_CACHE_TTL_MS', async () => {
    await using upstream = await startCounting();
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
    expect(textOf(await gateway.query(query))).toBe('text 1');
    expect(textOf(await gateway.query(query))).toBe('text 2');
    expect((await gateway.send({ path: '/metrics' })).body).not.toMatch(/^linq_cache_total\{.* [1-9]/m);
  });

  it('returns the complete message that was read before, and counts hits and misses', async () => {
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

  it('reads from Linq again when LINQ_CACHE_TTL_MS has passed', async () => {
    await using upstream = await startCounting();
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CACHE_TTL_MS: '100' });
    const startedAt = performance.now();
    await gateway.query(query);
    while (textOf(await gateway.query(query)) === 'text 1');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(100);
    expect(upstream.paths).toHaveLength(2);
  });

  it('never returns to one token what another token read', async () => {
    await using upstream = await startUpstream((response, request, id) =>
      response.end(message(id, `for ${request.headers['x-linq-integration-token']}`)),
    );
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CACHE_TTL_MS: '60000' });
    for (let turn = 0; turn < 2; turn++) {
      for (const token of ['a', 'b']) {
        const response = await gateway.query(query, {}, { 'x-linq-integration-token': token });
        expect(textOf(response)).toBe(`for ${token}`);
      }
      expect(textOf(await gateway.query(query))).toBe('for the-gateways-own');
    }
    expect(upstream.paths).toHaveLength(3);
  });

  it.each([404, 401, 403, 500])(
    'does not keep a response with status %i: the next read gets the message',
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
    'is bypassed and renewed by a caller that sends cache-control: %s',
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

  it('does not return a cached value to a no-cache request that runs beside a cached one', async () => {
    await using upstream = await startCounting();
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CACHE_TTL_MS: '60000' });
    await gateway.query(query);
    const [cached, fresh] = await Promise.all([
      gateway.query(query),
      gateway.query(query, {}, { 'cache-control': 'no-cache' }),
    ]);
    expect([textOf(cached), textOf(fresh)]).toEqual(['text 1', 'text 2']);
  });

  it.each([404, 401, 403])('drops its entry when a no-cache request gets status %i', async (status) => {
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
  });

  it('does not share one request to Linq among no-cache requests', async () => {
    let text = 'old';
    const waiting: (() => void)[] = [];
    await using upstream = await startUpstream((response, _request, id) => {
      const body = message(id, text);
      waiting.push(() => response.end(body));
      if (waiting.length === 1) text = 'new';
      else for (const respond of waiting) respond();
    });
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, LINQ_CACHE_TTL_MS: '60000' });
    const send = () => gateway.query(query, {}, { 'cache-control': 'no-cache' });
    expect((await Promise.all([send(), send()])).map(textOf).toSorted()).toEqual(['new', 'old']);
  });

  it('counts a cached message towards MAX_READS_PER_OPERATION', async () => {
    await using gateway = await startTestGateway({ LINQ_CACHE_TTL_MS: '60000', MAX_READS_PER_OPERATION: '2' });
    const of = (...ids: number[]) =>
      `{ ${ids.map((id) => `m${id}: chatMessage(chatId: 2, id: ${id}) { id }`).join(' ')} }`;
    await gateway.query(of(1, 2));
    await gateway.query(of(3));
    const { errors } = await gateway.query(of(1, 2, 3));
    expect(errors?.map(({ extensions }) => extensions['code'])).toEqual(['OPERATION_TOO_COSTLY']);
  });

  it('uses no slot and no permit for a cached message', async () => {
    await using gateway = await startTestGateway({ LINQ_CACHE_TTL_MS: '60000', LINQ_REQUESTS_PER_SECOND: '0.01' });
    for (let reader = 0; reader < 20; reader++) {
      const { errors } = await gateway.query('{ chatMessage(chatId: 1, id: 224) { id } }');
      expect(errors).toBeUndefined();
    }
    expect(gateway.calls).toHaveLength(1);
  });
});
