/** Mercurius with JIT, DataLoader and undici: the fastest peer. */
import DataLoader from 'dataloader';
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { Pool } from 'undici';
import { type Key, listPathOf, pathOf, port, token, toMessage, typeDefs, upstream } from './schema.ts';

const pool = new Pool(upstream, { connections: 64, pipelining: 1 });
const headers = { 'X-LINQ-INTEGRATION-TOKEN': token };

async function read(key: Key) {
  const { body } = await pool.request({ method: 'GET', path: pathOf(key), headers });
  return toMessage(key.chatId, ((await body.json()) as { data: object }).data);
}

/** Oldest first. */
async function readPage(chatId: string, size: number) {
  const { body } = await pool.request({ method: 'GET', path: listPathOf(chatId, size), headers });
  const { data } = (await body.json()) as { data: object[] };
  return data.map((row) => toMessage(chatId, row)).reverse();
}

declare module 'mercurius' {
  interface MercuriusContext {
    messages: DataLoader<Key, unknown>;
  }
}

const app = Fastify();
app.register(mercurius, {
  schema: typeDefs,
  resolvers: {
    Query: {
      chatMessage: (_root, key, { messages }) => messages.load(key),
      chatMessagesByKeys: (_root, { keys }, { messages }) => messages.loadMany(keys),
      chat: (_root, { id }) => ({ id }),
    },
    Chat: { messages: async ({ id }, { last }) => ({ nodes: await readPage(id, last) }) },
  },
  jit: 1,
  context: () => ({
    messages: new DataLoader((keys: readonly Key[]) => Promise.all(keys.map(read)), {
      cacheKeyFn: ({ chatId, id }) => `${chatId}/${id}`,
    }),
  }),
});
await app.listen({ port, host: '127.0.0.1' });
