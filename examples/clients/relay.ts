import { createClient } from 'graphql-sse';
import { Environment, type GraphQLResponse, Network, Observable, RecordSource, Store } from 'relay-runtime';
import { post } from './fetch.ts';
import type { DocumentOptions, GatewayOptions } from './gateway.ts';

export function createRelayEnvironment({ byId = false, ...gateway }: GatewayOptions & DocumentOptions) {
  // Its own retries would send a subscription as it was, without what happened in between: subscribe again with `after` instead.
  const live = createClient({ ...gateway, retryAttempts: 0 });
  return new Environment({
    network: Network.create(
      async ({ id, text }, variables) => {
        const answer = await post(gateway, { ...(byId ? { documentId: id } : { query: text }), variables });
        // An older page that could not be read is null, and Relay would replace all pages with it: reject it instead.
        const [error] = answer.errors ?? [];
        if (error && variables['before']) throw Object.assign(new Error(error.message), { source: answer });
        return answer as GraphQLResponse;
      },
      ({ id, text }, variables) =>
        Observable.create((sink) =>
          live.subscribe(
            { ...(byId ? { query: '', documentId: id } : { query: text ?? '' }), variables },
            {
              next: (answer) => sink.next(answer as GraphQLResponse),
              error: (error) => sink.error(error as Error),
              complete: () => sink.complete(),
            },
          ),
        ),
    ),
    store: new Store(new RecordSource()),
    // Relay takes an id for unique in the whole graph. A message's is unique only in its chat (select both), and a
    // message and a reaction may have the same one.
    getDataID({ chatId, id }, typeName) {
      if (typeName === 'ChatMessage') return chatId && id && `ChatMessage:${chatId}/${id}`;
      return id && `${typeName}:${id}`;
    },
  });
}
