import { ApolloClient, ApolloLink, type FieldPolicy, HttpLink, InMemoryCache } from '@apollo/client';
import { relayStylePagination } from '@apollo/client/utilities';
import { map } from 'rxjs';
import { fetchStream } from '../web/stream.ts';

/** What a subscription passes to the link as `fetchOptions`. */
export interface StreamInit extends RequestInit {
  readonly onOpen?: () => void;
}

/** How long a response may take, for when the way to the gateway is cut. In milliseconds. */
const patienceMs = 5_000;

const httpLink = new HttpLink({
  uri: '/graphql',
  // How long the gateway may take for one read. Where it wants a credential, `authorization` goes here too: that of the
  // person who is signed in, never a Linq token.
  headers: { 'x-request-timeout-ms': '3000' },
  fetch: (url, { onOpen, ...init }: StreamInit = {}) => {
    if (onOpen) return fetchStream(url, init, onOpen);
    const signals = [init.signal, AbortSignal.timeout(patienceMs)].filter((signal) => signal != null);
    return fetch(url, { ...init, signal: AbortSignal.any(signals) });
  },
});

/** Lets the rules of the cache see which results have errors. */
const markLink = new ApolloLink((operation, forward) =>
  forward(operation).pipe(
    map((result) => (result.errors ? { ...result, extensions: { ...result.extensions, failed: true } } : result)),
  ),
);

export const client = new ApolloClient({
  link: ApolloLink.from([markLink, httpLink]),
  cache: new InMemoryCache({
    typePolicies: {
      ChatMessage: { keyFields: ['chatId', 'id'] }, // an id is unique only in its chat
      Chat: { fields: { messages: pagesOf(relayStylePagination(['sentSince', 'sentBefore'])) } },
      Query: { fields: { chat: { merge: withoutFailures } } },
    },
  }),
  // A page that cannot be read leaves the chat: data and error stand side by side.
  defaultOptions: { watchQuery: { errorPolicy: 'all' } },
});

declare module '@apollo/client' {
  namespace ApolloClient {
    namespace DeclareDefaultOptions {
      interface WatchQuery {
        errorPolicy: 'all';
      }
    }
  }
}

/** Keeps a null beside errors out of the cache, which would take it for a chat that does not exist. */
function withoutFailures(
  ...[, incoming, { extensions }]: Parameters<NonNullable<Exclude<FieldPolicy['merge'], boolean>>>
) {
  return extensions?.['failed'] && incoming === null ? undefined : incoming;
}

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
