import { expect, it } from 'vitest';
import '../../src/schema/index.ts'; // first: the SDL has types in the order in which modules are loaded, also in other files of this worker
import { federationSdl } from '../../src/schema/federation.ts';
import { schema } from '../../src/schema/index.ts';
import { stitchingSdl } from '../../src/schema/stitching.ts';
import { startTestGateway } from '../support/gateway.ts';

it('describes to a stitching gateway how messages are merged', async () => {
  await expect(stitchingSdl(schema)).toMatchFileSnapshot('../../src/schema/stitching.graphql');
});

it('describes the keys of a message to a Federation 2 gateway', async () => {
  await expect(federationSdl(schema)).toMatchFileSnapshot('../../src/schema/federation.graphql');
});

it('returns both texts without a Linq token and without a request to Linq', async () => {
  await using gateway = await startTestGateway({ LINQ_INTEGRATION_TOKEN: '' });
  expect(await gateway.query('{ _sdl _service { sdl } }')).toEqual({
    data: { _sdl: stitchingSdl(schema), _service: { sdl: federationSdl(schema) } },
  });
  expect(gateway.calls).toEqual([]);
});

it('returns neither text with INTROSPECTION=false', async () => {
  await using gateway = await startTestGateway({ INTROSPECTION: 'false' });
  for (const query of ['{ _sdl }', '{ _service { sdl } }', '{ a: _sdl }', '{ ...F } fragment F on Query { _sdl }']) {
    const answer = await gateway.query(query);
    expect(answer.data).toBeUndefined();
    expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'GRAPHQL_VALIDATION_FAILED' });
  }
});

const entities = `query ($r: [_Any!]!) { _entities(representations: $r) { __typename ... on ChatMessage { chatId id } } }`;
const message = (chatId: unknown, id: unknown) => ({ __typename: 'ChatMessage', chatId, id });

it('returns entities in the order of their representations, each message read once', async () => {
  await using gateway = await startTestGateway();
  const r = [message('2', '9'), message(2, 7), message('404', '1'), message('2', '9'), message(1, '9007199254740993')];
  for (let turn = 0; turn < 3; turn++) {
    expect(await gateway.query(entities, { r })).toEqual({
      data: {
        _entities: [message('2', '9'), message('2', '7'), null, message('2', '9'), message('1', '9007199254740993')],
      },
    });
    expect(gateway.calls.splice(0)).toHaveLength(4);
  }
});

it('fails only the entity at its index, whether it is unknown, has no key, or cannot be read', async () => {
  await using gateway = await startTestGateway();
  const r = [
    message('2', '9'),
    { __typename: 'Attachment', id: 1 },
    message('2', 'x'),
    message('403', '1'),
    7,
    message('2', null),
    { __typename: 'ChatMessage', id: '1' },
    { __typename: 'ChatMessage' },
  ];
  for (let turn = 0; turn < 3; turn++) {
    const answer = await gateway.query(entities, { r });
    expect(answer.data).toEqual({ _entities: [message('2', '9'), null, null, null, null, null, null, null] });
    expect(answer.errors).toMatchObject([
      { path: ['_entities', 1], extensions: { code: 'BAD_USER_INPUT' } },
      {
        path: ['_entities', 2],
        message: expect.stringMatching(/^representations\[2\]\.id must be /),
        extensions: { code: 'BAD_USER_INPUT' },
      },
      { path: ['_entities', 3], extensions: { code: 'FORBIDDEN' } },
      { path: ['_entities', 4], extensions: { code: 'BAD_USER_INPUT' } },
      ...[5, 6, 7].map((index) => ({
        path: ['_entities', index],
        message: `representations[${index}].${index === 5 ? 'id' : 'chatId'} is missing.`,
        extensions: { code: 'BAD_USER_INPUT' },
      })),
    ]);
    expect(gateway.calls.splice(0)).toHaveLength(2);
  }
});

it('reads representations that are written into the document without losing digits', async () => {
  await using gateway = await startTestGateway();
  const query = `query ($chat: ID!) { _entities(representations: [
    { __typename: "ChatMessage", chatId: 1, id: 9007199254740993 }, { __typename: "ChatMessage", chatId: $chat, id: "5" }
  ]) { ... on ChatMessage { id } } }`;
  for (let turn = 0; turn < 3; turn++) {
    expect(await gateway.query(query, { chat: '2' })).toEqual({
      data: { _entities: [{ id: '9007199254740993' }, { id: '5' }] },
    });
  }
});

it('counts the messages of all fields together, and reads one that several fields select once', async () => {
  await using gateway = await startTestGateway({ MAX_READS_PER_OPERATION: '3' });
  const query = (last: number) => `{
    chatMessage(chatId: 2, id: 1) { id }
    chatMessagesByKeys(keys: [{ chatId: 2, id: 1 }, { chatId: 2, id: 2 }]) { id }
    _entities(representations: [{ __typename: "ChatMessage", chatId: 2, id: 2 }, { __typename: "ChatMessage", chatId: 2, id: ${last} }]) { __typename }
  }`;
  expect((await gateway.query(query(3))).errors).toBeUndefined();
  expect(gateway.calls.splice(0)).toHaveLength(3);
  const more = query(3).replace('chatMessage(chatId: 2, id: 1)', 'chatMessage(chatId: 2, id: 4)');
  for (let turn = 0; turn < 3; turn++) {
    const answer = await gateway.query(more);
    expect(answer.data).toBeUndefined();
    expect(answer.errors).toMatchObject([
      {
        message: 'The operation has 4 distinct reads; the limit is 3 (MAX_READS_PER_OPERATION). Ask for less at once.',
        extensions: { code: 'OPERATION_TOO_COSTLY' },
      },
    ]);
  }
  expect(gateway.calls).toEqual([]);
});
