import { Client, type CombinedError, fetchExchange, makeOperation, mapExchange } from '@urql/core';
import { type CacheExchangeOpts, cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { persistedExchange } from '@urql/exchange-persisted';
import { retryExchange } from '@urql/exchange-retry';
import { type DocumentOptions, type GatewayOptions, idOf, retryDelay } from './gateway.ts';

interface UrqlOptions extends GatewayOptions, DocumentOptions {
  /**
   * What may be null: without it, one message that cannot be read takes the others of its query with it. It is the
   * `introspection` that `gql-tada generate-output` writes from the schema.
   */
  readonly schema: NonNullable<CacheExchangeOpts['schema']>;
}

export function createUrqlClient({ url, headers = () => ({}), byId = false, schema }: UrqlOptions) {
  const cache = cacheExchange({
    schema,
    // Pages are joined to one list, which every query of one of them returns.
    resolvers: { Chat: { messages: relayPagination() } },
    keys: {
      // A message's id is unique only in its chat: select both. One without is kept with the query that asked for it.
      ChatMessage: ({ chatId, id }) => (chatId && id ? `${chatId}/${id}` : null),
      ChatMessageConnection: () => null, // these three have no id: they are kept with their chat
      ChatMessageEdge: () => null,
      PageInfo: () => null,
      ChatMessageEvent: () => null, // kept with the subscription
    },
  });
  /**
   * Graphcache forgets errors, but not that something could not be read: when other queries bring news, a mounted one would
   * show a bare null. By operation, the last failure of each and what was null beside it, until it succeeds.
   */
  const failures = new Map<number, { error: CombinedError; nulls: string[] }>();
  const errors = mapExchange({
    onResult(result) {
      const { key, kind, context } = result.operation;
      if (result.error || context.meta?.cacheOutcome !== 'partial') {
        if (result.error) failures.set(key, { error: result.error, nulls: nullsOf(result.data) });
        else failures.delete(key);
        return result;
      }
      const failure = failures.get(key);
      const nulls = nullsOf(result.data);
      if (failure && nulls.every((path) => failure.nulls.includes(path))) return { ...result, error: failure.error };
      if (result.stale) return result; // it is being asked for
      // What this one showed could not be read for another: ask for itself.
      const meta = { ...context.meta, cacheOutcome: 'miss' } as const;
      const again = { ...context, meta, requestPolicy: 'network-only' } as const;
      client.reexecuteOperation(makeOperation(kind, result.operation, again));
      return { ...result, stale: true };
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
  const client = new Client({
    url,
    fetchOptions: () => ({ headers: headers() }),
    fetchSubscriptions: true, // as Server-Sent Events
    preferGetMethod: false, // GET is the default, and writes ids into the log of every proxy on the way
    exchanges: [errors, cache, retries, ...(byId ? [ids] : []), fetchExchange],
  });
  return client;
}

/** The paths of the messages that are null, such as `chatMessagesByKeys.0`. */
function nullsOf(data: object | undefined): string[] {
  return Object.entries(data ?? {}).flatMap(([name, value]) =>
    [value].flat().flatMap((one, index) => (one === null ? `${name}.${index}` : [])),
  );
}
