import { createApolloClient } from '../../examples/clients/apollo-client.ts';
import { createAsk } from '../../examples/clients/fetch.ts';
import type { DocumentOptions, GatewayError, GatewayOptions } from '../../examples/clients/gateway.ts';
import { createAsk as createGraphQLRequestAsk } from '../../examples/clients/graphql-request.ts';
import { createRelayEnvironment } from '../../examples/clients/relay.ts';
import { createUrqlClient } from '../../examples/clients/urql.ts';
import * as codegen from '../../examples/codegen/message.ts';
import { introspection } from '../../examples/gql-tada/graphql-env.ts';
import * as tada from '../../examples/gql-tada/message.ts';
import { fetchQuery } from '../../examples/node_modules/relay-runtime/index.js';
import relayMessage, { type messageQuery } from '../../examples/relay/__generated__/messageQuery.graphql.ts';
import relayMessages, { type messagesQuery } from '../../examples/relay/__generated__/messagesQuery.graphql.ts';

export interface Key {
  readonly chatId: string;
  readonly id: string;
}

interface Outcome<Data> {
  readonly data: Data | null | undefined;
  readonly errors: readonly GatewayError[];
}

/** What the clients of the examples have in common. They read from their caches, if they have one, unless it must be fresh. */
export interface Client {
  message(key: Key, fresh?: boolean): Promise<Outcome<{ readonly chatMessage?: object | null | undefined }>>;
  messages(keys: Key[], fresh?: boolean): Promise<Outcome<{ readonly chatMessagesByKeys: readonly unknown[] }>>;
}

export function apollo(options: Parameters<typeof createApolloClient>[0]): Client {
  const client = createApolloClient(options);
  const { messageQuery, messagesQuery } = options.loadManifest ? tada : codegen;
  const policy = (fresh: boolean) => ({ fetchPolicy: fresh ? 'network-only' : 'cache-first' }) as const;
  const errorsOf = (error: object = {}) => ('errors' in error ? (error.errors as GatewayError[]) : []);
  return {
    async message(variables, fresh = false) {
      const { data, error } = await client.query({ query: messageQuery, variables, ...policy(fresh) });
      return { data, errors: errorsOf(error) };
    },
    async messages(keys, fresh = false) {
      const { data, error } = await client.query({ query: messagesQuery, variables: { keys }, ...policy(fresh) });
      return { data, errors: errorsOf(error) };
    },
  };
}

export function urql(options: GatewayOptions & DocumentOptions): Client {
  const client = createUrqlClient({ ...options, schema: introspection });
  const { messageQuery, messagesQuery } = options.byId ? codegen : tada;
  const policy = (fresh: boolean) => ({ requestPolicy: fresh ? 'network-only' : 'cache-first' }) as const;
  return {
    async message(key, fresh = false) {
      const { data, error } = await client.query(messageQuery, key, policy(fresh)).toPromise();
      return { data, errors: error?.graphQLErrors ?? [] };
    },
    async messages(keys, fresh = false) {
      const { data, error } = await client.query(messagesQuery, { keys }, policy(fresh)).toPromise();
      return { data, errors: error?.graphQLErrors ?? [] };
    },
  };
}

/** A field that Relay was told to `@catch`. */
type Caught = { ok: true; value: object | null | undefined } | { ok: false; errors: readonly unknown[] };

export function relay(options: GatewayOptions & DocumentOptions): Client {
  const environment = createRelayEnvironment(options);
  const policy = (fresh: boolean) => ({ fetchPolicy: fresh ? 'network-only' : 'store-or-network' }) as const;
  /** Relay rejects with what refuses the whole operation. */
  const refused = ({ source }: { source: { errors: GatewayError[] } }) => ({ data: undefined, errors: source.errors });
  const caught = (field: Caught = { ok: false, errors: [] }) =>
    field.ok
      ? { data: { chatMessage: field.value }, errors: [] }
      : { data: { chatMessage: null }, errors: field.errors as GatewayError[] };
  return {
    message: (key, fresh = false) =>
      fetchQuery<messageQuery>(environment, relayMessage, key, policy(fresh))
        .toPromise()
        .then((data) => caught(data?.chatMessage), refused),
    messages: (keys, fresh = false) =>
      fetchQuery<messagesQuery>(environment, relayMessages, { keys }, policy(fresh))
        .toPromise()
        .then((data) => ({ data, errors: [] }), refused),
  };
}

export function graphqlRequest(options: GatewayOptions): Client {
  const ask = createGraphQLRequestAsk(options);
  return {
    async message(key) {
      const { data, errors = [] } = await ask(tada.messageQuery, key);
      return { data, errors };
    },
    async messages(keys) {
      const { data, errors = [] } = await ask(tada.messagesQuery, { keys });
      return { data, errors };
    },
  };
}

export function plainFetch(options: GatewayOptions & DocumentOptions): Client {
  const ask = createAsk(options);
  return {
    async message(key) {
      const { data, errors = [] } = await ask(codegen.messageQuery, key);
      return { data, errors };
    },
    async messages(keys) {
      const { data, errors = [] } = await ask(codegen.messagesQuery, { keys });
      return { data, errors };
    },
  };
}
