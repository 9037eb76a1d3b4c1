/** GraphQL Yoga, Pothos and DataLoader as their documentation shows them. */
import { createServer } from 'node:http';
import SchemaBuilder from '@pothos/core';
import DataLoader from 'dataloader';
import { createYoga } from 'graphql-yoga';
import { Pool } from 'undici';
import { type Key, pathOf, port, token, toMessage, upstream } from './schema.ts';

const pool = new Pool(upstream, { connections: 64, pipelining: 1 });
const headers = { 'X-LINQ-INTEGRATION-TOKEN': token };
type Message = ReturnType<typeof toMessage>;

async function read(key: Key): Promise<Message> {
  const { body } = await pool.request({ method: 'GET', path: pathOf(key), headers });
  return toMessage(key.chatId, ((await body.json()) as { data: object }).data);
}

const createLoader = () =>
  new DataLoader((keys: readonly Key[]) => Promise.all(keys.map(read)), {
    cacheKeyFn: ({ chatId, id }) => `${chatId}/${id}`,
  });

const builder = new SchemaBuilder<{ Context: { messages: ReturnType<typeof createLoader> } }>({});
const Attachment = builder.objectRef<Message['attachments'][number]>('Attachment').implement({
  fields: (t) => ({
    id: t.exposeID('id', { nullable: false }),
    url: t.exposeString('url'),
    filename: t.exposeString('filename'),
    mimeType: t.exposeString('mimeType'),
    fileSize: t.exposeInt('fileSize'),
  }),
});
const Reaction = builder.objectRef<Message['reactions'][number]>('Reaction').implement({
  fields: (t) => ({
    id: t.exposeID('id', { nullable: false }),
    chatMessageId: t.exposeID('chatMessageId'),
    reaction: t.exposeString('reaction'),
    isFromMe: t.exposeBoolean('isFromMe'),
    fromPhone: t.exposeString('fromPhone'),
    sentAt: t.exposeString('sentAt'),
    createdAt: t.exposeString('createdAt'),
    updatedAt: t.exposeString('updatedAt'),
  }),
});
const ChatMessage = builder.objectRef<Message>('ChatMessage').implement({
  fields: (t) => ({
    chatId: t.exposeID('chatId', { nullable: false }),
    id: t.exposeID('id', { nullable: false }),
    text: t.exposeString('text'),
    sentAt: t.exposeString('sentAt'),
    deliveredAt: t.exposeString('deliveredAt'),
    deliveryStatus: t.exposeString('deliveryStatus'),
    editedAt: t.exposeString('editedAt'),
    isRead: t.exposeBoolean('isRead'),
    sentFrom: t.exposeString('sentFrom'),
    chatHandleId: t.exposeID('chatHandleId'),
    attachments: t.field({ type: [Attachment], nullable: false, resolve: (message) => message.attachments }),
    reactions: t.field({ type: [Reaction], nullable: false, resolve: (message) => message.reactions }),
  }),
});
const ChatMessageKey = builder.inputType('ChatMessageKey', {
  fields: (t) => ({ chatId: t.id({ required: true }), id: t.id({ required: true }) }),
});
builder.queryType({
  fields: (t) => ({
    chatMessage: t.field({
      type: ChatMessage,
      args: { chatId: t.arg.id({ required: true }), id: t.arg.id({ required: true }) },
      resolve: (_root, { chatId, id }, { messages }) => messages.load({ chatId: `${chatId}`, id: `${id}` }),
    }),
    chatMessagesByKeys: t.field({
      type: [ChatMessage],
      nullable: { list: false, items: true },
      args: { keys: t.arg({ type: [ChatMessageKey], required: true }) },
      resolve: (_root, { keys }, { messages }) =>
        keys.map(({ chatId, id }) => messages.load({ chatId: `${chatId}`, id: `${id}` })),
    }),
  }),
});

const yoga = createYoga({ schema: builder.toSchema(), context: () => ({ messages: createLoader() }) });
createServer(yoga).listen(port, '127.0.0.1');
