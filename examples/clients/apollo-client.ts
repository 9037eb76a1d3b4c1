import {
  ApolloClient,
  ApolloLink,
  CombinedGraphQLErrors,
  type FieldPolicy,
  HttpLink,
  InMemoryCache,
} from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { ErrorLink } from '@apollo/client/link/error';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { relayStylePagination } from '@apollo/client/utilities';
import {
  generatePersistedQueryIdsFromManifest,
  type GeneratePersistedQueryIdsFromManifestOptions as ManifestOptions,
} from '@apollo/persisted-query-lists';
import { map, mergeMap, timer } from 'rxjs';
import { type GatewayOptions, retryDelay } from './gateway.ts';

/** With the manifest of @apollo/generate-persisted-query-manifest, documents are sent by their ids alone. */
export function createApolloClient({ url, headers, loadManifest }: GatewayOptions & Partial<ManifestOptions>) {
  const retryLink = new ErrorLink(({ error, operation, forward }) => {
    const delay = CombinedGraphQLErrors.is(error) ? retryDelay(error.errors) : undefined;
    return delay === undefined ? undefined : timer(delay).pipe(mergeMap(() => forward(operation)));
  });
  return new ApolloClient({
    link: ApolloLink.from([
      retryLink,
      markLink,
      ...(loadManifest ? [new PersistedQueryLink(generatePersistedQueryIdsFromManifest({ loadManifest }))] : []),
      new SetContextLink((own) => ({ headers: { ...headers?.(), ...own.headers } })),
      new HttpLink({ uri: url }),
    ]),
    cache: new InMemoryCache({
      typePolicies: {
        // A message's id is unique only in its chat: select both wherever you select a message.
        ChatMessage: { keyFields: ['chatId', 'id'] },
        // Pages are joined to one list; other bounds of time are another list.
        Chat: { fields: { messages: pagesOf(relayStylePagination(['sentSince', 'sentBefore'])) } },
        Query: {
          fields: {
            chat: { merge: withoutFailures },
            chatMessage: { merge: withoutFailures },
            chatMessagesByKeys: { merge: withoutFailures },
          },
        },
      },
    }),
    // One message that cannot be read leaves the others: data and error stand side by side.
    defaultOptions: { watchQuery: { errorPolicy: 'all' }, query: { errorPolicy: 'all' } },
  });
}

const markLink = new ApolloLink((operation, forward) =>
  forward(operation).pipe(
    map((result) => (result.errors ? { ...result, extensions: { ...result.extensions, failed: true } } : result)),
  ),
);

/**
 * Keeps a null beside errors out of the cache, which would take it for a message that does not exist: the next query asks
 * again. In development Apollo Client warns of what the cache then lacks; that is meant. A mounted query that lacks something
 * no longer follows the cache: let each component ask for its own message.
 */
const withoutFailures: NonNullable<FieldPolicy['merge']> = (_existing, incoming, { extensions }) =>
  extensions?.['failed'] && [incoming].flat().includes(null) ? undefined : incoming;

/** A page that could not be read changes nothing of those that are there. `relayStylePagination` takes a first one for empty. */
function pagesOf(policy: ReturnType<typeof relayStylePagination>): FieldPolicy {
  const { merge } = policy;
  if (typeof merge !== 'function') throw new Error('relayStylePagination has no merge function.');
  return {
    ...policy,
    merge(existing, incoming, options) {
      if (incoming) return merge(existing, incoming, options);
      return options.extensions?.['failed'] ? existing : incoming;
    },
  };
}

// Tells the types of `query` and of the hooks about these defaults.
declare module '@apollo/client' {
  namespace ApolloClient {
    namespace DeclareDefaultOptions {
      interface WatchQuery {
        errorPolicy: 'all';
      }
      interface Query {
        errorPolicy: 'all';
      }
    }
  }
}
