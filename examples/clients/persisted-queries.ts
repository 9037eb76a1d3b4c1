/** Automatic persisted queries: a query is sent once with its text, and from then on as its SHA-256 hash. */
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { Client, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import type { GatewayOptions } from './gateway.ts';

export function createPersistedApolloClient({ url, headers }: GatewayOptions) {
  return new ApolloClient({
    link: ApolloLink.from([
      new PersistedQueryLink({ sha256 }),
      new SetContextLink((own) => ({ headers: { ...headers?.(), ...own.headers } })),
      new HttpLink({ uri: url }),
    ]),
    cache: new InMemoryCache({ typePolicies: { ChatMessage: { keyFields: ['chatId', 'id'] } } }),
    defaultOptions: { watchQuery: { errorPolicy: 'all' }, query: { errorPolicy: 'all' } },
  });
}

export function createPersistedUrqlClient({ url, headers = () => ({}) }: GatewayOptions) {
  return new Client({
    url,
    fetchOptions: () => ({ headers: headers() }),
    preferGetMethod: false, // GET is the default, and writes ids into the log of every proxy on the way
    exchanges: [persistedExchange({ preferGetForPersistedQueries: false }), fetchExchange],
  });
}

async function sha256(query: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(query));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
