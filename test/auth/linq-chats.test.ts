import { beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway } from '../support/gateway.ts';
import { startUpstream } from '../support/upstream.ts';
import { createKey, type Key, startIssuer } from './issuer.ts';
import { bearer, post, query } from './requests.ts';

const accepts = ['application/json', 'application/graphql-response+json'];

let es: Key;
beforeAll(async () => {
  es = await createKey('ES256', 'es-1');
});

describe('the claim linq_chats', () => {
  const wanted = 'query ($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { chatId id text } }';

  it.each([
    ['strings', ['2', '9007199254740993']],
    ['integers', [2, 7]],
    ['both', ['2', 7]],
  ])('lets its bearer read the chats that it lists as %s', async (_what, linq_chats) => {
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway(keys.env);
    const credential = bearer(await es.sign({ linq_chats }));
    for (let turn = 0; turn < 4; turn++) {
      const { data } = await gateway.query(wanted, { chatId: '2', id: '5' }, credential);
      expect(data.chatMessage).toMatchObject({ chatId: '2', id: '5' });
    }
    expect(gateway.calls).toHaveLength(4);
  });

  it('makes the responses for all other chats identical to those for missing ones, without a request to Linq', async () => {
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway(keys.env);
    const narrowed = bearer(await es.sign({ linq_chats: ['2'] }));
    const wide = bearer(await es.sign());
    const documents = [
      wanted, // seen before from the second time on
      `${wanted} # GET`,
      'query ($chatId: ID!, $id: ID!) { chatMessagesByKeys(keys: [{ chatId: $chatId, id: $id }]) { chatId id text } }',
      `query ($chatId: ID!, $id: ID!) {
        _entities(representations: [{ __typename: "ChatMessage", chatId: $chatId, id: $id }]) { ... on ChatMessage { id } }
      }`,
      'query ($chatId: ID!, $id: ID!) { a: chatMessage(chatId: $chatId, id: $id) { ...F } } fragment F on ChatMessage { id }',
    ];
    for (const accept of accepts) {
      for (const text of documents) {
        for (let turn = 0; turn < 4; turn++) {
          const calls = gateway.calls.length;
          const forbidden = await post(gateway, text, { ...narrowed, accept }, { chatId: '1', id: '224' });
          expect(gateway.calls).toHaveLength(calls);
          const missing = await post(gateway, text, { ...wide, accept }, { chatId: '404', id: '224' });
          expect(gateway.calls).toHaveLength(calls + 1);
          expect(withoutDate(forbidden)).toEqual(withoutDate(missing));
          expect(forbidden.body).not.toContain('224');
        }
      }
    }
    expect(gateway.log).toEqual([]);
    expect((await gateway.send({ path: '/metrics' })).body).toMatch(/executor="compiled"} [1-9]/);
  });

  it('hides a message of another chat that the cache holds', async () => {
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway({ ...keys.env, LINQ_CACHE_TTL_MS: '60000' });
    const [narrowed, wide] = [bearer(await es.sign({ linq_chats: ['2'] })), bearer(await es.sign())];
    const text = '{ chatMessage(chatId: 1, id: 224) { id } }';
    for (let turn = 0; turn < 3; turn++) {
      expect(await gateway.query(text, {}, wide)).toEqual({ data: { chatMessage: { id: '224' } } });
      expect(await gateway.query(text, {}, narrowed)).toEqual({ data: { chatMessage: null } });
    }
    expect(gateway.calls).toHaveLength(1);
  });

  it('returns messages of listed chats and null for others in one operation, in the order of the keys', async () => {
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway(keys.env);
    const text = `{ chatMessagesByKeys(keys: [
      { chatId: 1, id: 224 }, { chatId: 2, id: 5 }, { chatId: 22, id: 5 }, { chatId: 2, id: 6 }
    ]) { chatId id } }`;
    for (let turn = 0; turn < 4; turn++) {
      expect(await gateway.query(text, {}, bearer(await es.sign({ linq_chats: [2] })))).toEqual({
        data: { chatMessagesByKeys: [null, { chatId: '2', id: '5' }, null, { chatId: '2', id: '6' }] },
      });
    }
    expect(gateway.calls.every(({ path }) => path.includes('/chats/2/'))).toBe(true);
  });

  it('applies to chats, entities and pages of messages: others are null without a call', async () => {
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway(keys.env);
    const text = `{
      chat(id: 1) { id messages { nodes { id } } }
      chatsByIds(ids: [1, 2]) { id messages(last: 1) { nodes { chat { id } } } }
      _entities(representations: [{ __typename: "Chat", id: 1 }, { __typename: "Chat", id: 3 }]) { __typename }
    }`;
    for (let turn = 0; turn < 3; turn++) {
      expect(await gateway.query(text, {}, bearer(await es.sign({ linq_chats: [2] })))).toEqual({
        data: {
          chat: null,
          chatsByIds: [null, { id: '2', messages: { nodes: [{ chat: { id: '2' } }] } }],
          _entities: [null, null],
        },
      });
    }
    expect(gateway.calls.every(({ path }) => path.includes('/chats/2'))).toBe(true);
  });

  it('restricts every Linq token, also that of the caller', async () => {
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway(keys.env);
    const headers = { ...bearer(await es.sign({ linq_chats: ['2'] })), 'x-linq-integration-token': 'callers-own' };
    expect(await gateway.query(query, {}, headers)).toEqual({ data: { chatMessage: null } });
    expect(gateway.calls).toEqual([]);
  });

  it('lets its bearer read no chat when it is an empty list', async () => {
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway(keys.env);
    const credential = bearer(await es.sign({ linq_chats: [] }));
    for (let turn = 0; turn < 3; turn++) {
      expect(await gateway.query(query, {}, credential)).toEqual({ data: { chatMessage: null } });
    }
    expect(gateway.calls).toEqual([]);
  });

  it.each([
    ['a word', 'all'],
    ['a number', 1],
    ['null', null],
    ['a truth', true],
    ['an object', { 1: true }],
    ['a list with a wildcard in it', ['1', '*']],
    ['a list with null in it', ['1', null]],
    ['a list in a list', [['1']]],
    ['an id with a sign', ['+1']],
    ['an id with a leading zero', ['01']],
    ['an id with a space', [' 1']],
    ['an id of 0', [0]],
    ['an id that is not whole', [1.5]],
    ['an id that has lost digits', [9007199254740992]],
    ['an id beyond 2^63-1', ['9223372036854775808']],
    ['a path', ['1/../2']],
  ])('refuses its bearer when it is %s', async (_what, linq_chats) => {
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway(keys.env);
    const credential = bearer(await es.sign({ linq_chats }));
    for (let turn = 0; turn < 2; turn++) expect((await post(gateway, query, credential)).status).toBe(401);
    expect(gateway.calls).toEqual([]);
  });

  it('is never mixed up between callers that send the same operation at the same time', async () => {
    const waiting: (() => void)[] = [];
    await using upstream = await startUpstream((response, _request, id) => {
      waiting.push(() => response.end(`{"data":{"id":${id},"text":"secret of chat 2"}}`));
    });
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway({ ...keys.env, LINQ_API_URL: upstream.origin });
    const tokens = await Promise.all([
      es.sign({ linq_chats: ['2'] }),
      es.sign({ linq_chats: ['1'] }),
      es.sign(),
      es.sign({ linq_chats: [] }),
    ]);
    for (let round = 0; round < 10; round++) {
      const [listed, other, all, none] = tokens.map((token) =>
        gateway.query(wanted, { chatId: '2', id: '5' }, bearer(token)),
      );
      const nothing = { data: { chatMessage: null } };
      expect(await Promise.all([other, none])).toEqual([nothing, nothing]); // while the others still wait for Linq
      await gateway.metric(
        'linq_shared_flights_total{route="/api/partner/v2/chats/{chat_id}/chat_messages/{id}"}',
        round + 1,
      ); // one call, for the two that may
      expect(waiting).toHaveLength(round + 1);
      waiting[round]?.();
      const found = { data: { chatMessage: { chatId: '2', id: '5', text: 'secret of chat 2' } } };
      expect(await Promise.all([listed, all])).toEqual([found, found]);
    }
  });
});

function withoutDate({ headers: { date: _date, ...headers }, ...answer }: Awaited<ReturnType<typeof post>>) {
  return { ...answer, headers };
}
