/** Apollo Server with its REST data source, as their documentation shows them. */
import { RESTDataSource } from '@apollo/datasource-rest';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import DataLoader from 'dataloader';
import { type Key, pathOf, port, token, toMessage, typeDefs, upstream } from './schema.ts';

class LinqAPI extends RESTDataSource {
  override baseURL = upstream;
  readonly messages = new DataLoader(
    (keys: readonly Key[]) =>
      Promise.all(
        keys.map(async (key) => {
          const { data } = await this.get<{ data: object }>(pathOf(key), {
            headers: { 'X-LINQ-INTEGRATION-TOKEN': token },
          });
          return toMessage(key.chatId, data);
        }),
      ),
    { cacheKeyFn: ({ chatId, id }) => `${chatId}/${id}` },
  );
}

const server = new ApolloServer<{ linq: LinqAPI }>({
  typeDefs,
  resolvers: {
    Query: {
      chatMessage: (_root, key: Key, { linq }) => linq.messages.load(key),
      chatMessagesByKeys: (_root, { keys }: { keys: readonly Key[] }, { linq }) => linq.messages.loadMany(keys),
    },
  },
});
await startStandaloneServer(server, {
  listen: { port, host: '127.0.0.1' },
  context: async () => ({ linq: new LinqAPI({ cache: server.cache }) }),
});
