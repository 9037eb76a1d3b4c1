import { Client, fetchExchange, makeOperation } from '@urql/core';
import { type CacheExchangeOpts, cacheExchange } from '@urql/exchange-graphcache';
import { persistedExchange } from '@urql/exchange-persisted';
import { retryExchange } from '@urql/exchange-retry';
import { type DocumentOptions, type GatewayOptions, idOf, retryDelay } from './gateway.ts';

interface UrqlOptions extends GatewayOptions, DocumentOptions {
  /** What may be null: without it, one message that cannot be read takes the others of its query with it. */
  readonly schema: NonNullable<CacheExchangeOpts['schema']>;
}

export function createUrqlClient({ url, headers = {}, byId = false, schema }: UrqlOptions) {
  const cache = cacheExchange({
    schema,
    keys: {
      // A message's id is unique only in its chat: select both. One without is kept with the query that asked for it.
      ChatMessage: ({ chatId, id }) => (chatId && id ? `${chatId}/${id}` : null),
    },
  });
  const retries = retryExchange({
    retryWith(error, operation) {
      const delay = retryDelay(error.graphQLErrors);
      if (delay === undefined) return null;
      const retry = { count: operation.context['retry']?.count ?? 0, delay }; // waited for at least half as long again
      return makeOperation(operation.kind, operation, { ...operation.context, retry });
    },
  });
  const ids = persistedExchange({
    enforcePersistedQueries: true,
    preferGetForPersistedQueries: false,
    generateHash: async (_query, document) => idOf(document),
  });
  return new Client({
    url,
    fetchOptions: { headers },
    preferGetMethod: false, // GET is the default, and writes ids into the log of every proxy on the way
    exchanges: byId ? [cache, retries, ids, fetchExchange] : [cache, retries, fetchExchange],
  });
}
