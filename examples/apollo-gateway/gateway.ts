import { readFileSync } from 'node:fs';
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import type { GraphQLFormattedError } from 'graphql';

interface Caller {
  readonly headers?: Record<string, string | string[] | undefined>;
}

/** The caller's credential for the Linq gateway, and its Linq token, go along to that gateway alone. */
const readMessages = (url: string) =>
  new RemoteGraphQLDataSource<Caller>({
    url,
    willSendRequest({ request, context }) {
      for (const name of ['authorization', 'x-linq-integration-token']) {
        const value = context.headers?.[name];
        if (typeof value === 'string') request.http?.headers.set(name, value);
      }
    },
  });

const gateway = new ApolloGateway({
  supergraphSdl: readFileSync(process.env['SUPERGRAPH'] ?? 'supergraph.graphql', 'utf8'),
  buildService: ({ name, url = '' }) =>
    name === 'messages' ? readMessages(url) : new RemoteGraphQLDataSource({ url }),
});

/**
 * A request that the Linq gateway refuses as a whole comes with its entire answer, and with where that came from: here its
 * error alone is left. An error of the way there names addresses, and is masked. Neither has a path.
 */
function formatError({ message, extensions: { response, ...extensions } = {}, ...rest }: GraphQLFormattedError) {
  const [refusal] = (response as { body?: { errors?: GraphQLFormattedError[] } } | undefined)?.body?.errors ?? [];
  if (refusal !== undefined) return { ...rest, message: refusal.message, extensions: refusal.extensions ?? {} };
  const told = extensions['code'] !== 'INTERNAL_SERVER_ERROR' || 'serviceName' in extensions; // by a subgraph, or of the query
  return { ...rest, message: told ? message : 'Unexpected error.', extensions };
}

const server = new ApolloServer<Caller>({ gateway, formatError, includeStacktraceInErrorResponses: false });
const { url } = await startStandaloneServer(server, {
  context: async ({ req }) => ({ headers: req.headers }),
  listen: { host: '127.0.0.1', port: Number(process.env['PORT'] ?? 4002) },
});
console.log(`graph at ${url}`);
