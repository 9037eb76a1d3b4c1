import { createApolloClient } from '../../examples/clients/apollo-client.ts';
import type { GatewayError, GatewayOptions } from '../../examples/clients/gateway.ts';
import { createRelayEnvironment } from '../../examples/clients/relay.ts';
import { createUrqlClient } from '../../examples/clients/urql.ts';
import { conversationQuery } from '../../examples/gql-tada/conversation.ts';
import { introspection } from '../../examples/gql-tada/graphql-env.ts';
import {
  createOperationDescriptor,
  fetchQuery,
  getPaginationMetadata,
  getPaginationVariables,
  getSingularSelector,
} from '../../examples/node_modules/relay-runtime/index.js';
import fragment, {
  type conversation_query$data,
} from '../../examples/relay/__generated__/conversation_query.graphql.ts';
import query, {
  type conversationQuery as Query,
} from '../../examples/relay/__generated__/conversationQuery.graphql.ts';

/** A chat whose messages are read page by page, from the newest on, by one of the clients of the examples. */
export interface Conversation {
  /** What a component shows of it: all pages read so far. */
  shown(): Shown;
  /** Reads the newest page, and again the one before the oldest shown; or that before this cursor. Returns what failed. */
  older(before?: string | null): Promise<readonly GatewayError[]>;
}

interface Shown {
  readonly displayName: string | null | undefined;
  readonly ids: readonly string[];
  readonly senders: readonly (string | null | undefined)[];
  readonly hasOlder: boolean;
}

interface Page {
  readonly displayName?: string | null | undefined;
  readonly messages?:
    | {
        readonly edges: readonly {
          readonly node: {
            readonly id: string;
            readonly sender?: { readonly address?: string | null | undefined } | null;
          };
        }[];
        readonly pageInfo?: { readonly startCursor?: string | null; readonly hasPreviousPage: boolean };
      }
    | null
    | undefined;
}

function shownOf(chat: Page | null | undefined): Shown {
  const nodes = chat?.messages?.edges.map(({ node }) => node) ?? [];
  return {
    displayName: chat?.displayName,
    ids: nodes.map(({ id }) => id),
    senders: nodes.map(({ sender }) => sender?.address),
    hasOlder: chat?.messages?.pageInfo?.hasPreviousPage ?? false,
  };
}

/** With `fetchMore` of a mounted query. */
export function apolloConversation(options: GatewayOptions, chatId: string): Conversation {
  const mounted = createApolloClient(options).watchQuery({ query: conversationQuery, variables: { chatId } });
  mounted.subscribe(() => {});
  const chat = () => mounted.getCurrentResult().data?.chat as Page | null | undefined;
  const errorsOf = (error: object = {}) => ('errors' in error ? (error.errors as GatewayError[]) : []);
  /** Until it shows what was read: a component is told a little later than `fetchMore` resolves. */
  const settled = () =>
    new Promise<{ error?: object }>((resolve) =>
      mounted.subscribe(({ loading, error }) => loading || resolve(error ? { error } : {})),
    );
  let isMounted = false;
  return {
    shown: () => shownOf(chat()),
    async older(before = chat()?.messages?.pageInfo?.startCursor ?? null) {
      const read = isMounted ? mounted.fetchMore({ variables: { before } }) : settled();
      isMounted = true;
      const error = await read.then(
        (result) => result.error,
        (reason) => reason,
      );
      await settled();
      return errorsOf(error);
    },
  };
}

/** With a query of its own for each page: Graphcache returns all of them from each. */
export function urqlConversation(options: GatewayOptions, chatId: string): Conversation {
  const client = createUrqlClient({ ...options, schema: introspection });
  let chat: Page | null | undefined;
  return {
    shown: () => shownOf(chat),
    async older(before = chat?.messages?.pageInfo?.startCursor ?? null) {
      const { data, error } = await client.query(conversationQuery, { chatId, before }).toPromise();
      chat = data?.chat as Page | null | undefined;
      return error?.graphQLErrors ?? [];
    },
  };
}

/** Does without React what `usePaginationFragment` does. */
export function relayConversation(options: GatewayOptions, chatId: string): Conversation {
  const environment = createRelayEnvironment(options);
  const operation = createOperationDescriptor(query, { chatId });
  const { paginationRequest, paginationMetadata } = getPaginationMetadata(fragment, 'the conversation');
  /** What the fragment of a component reads from the store. */
  const chat = () => {
    const selector = getSingularSelector(fragment, environment.lookup(operation.fragment).data);
    return (environment.lookup(selector).data as conversation_query$data | undefined)?.chat as Page | null | undefined;
  };
  let isMounted = false;
  const rejected = ({ source }: { source: { errors: GatewayError[] } }) => source.errors;
  return {
    shown: () => shownOf(chat()),
    older(before = chat()?.messages?.pageInfo?.startCursor ?? null) {
      const variables = getPaginationVariables('backward', 25, before, { chatId }, {}, paginationMetadata);
      const read = isMounted
        ? fetchQuery(environment, paginationRequest, variables, { fetchPolicy: 'network-only' })
        : fetchQuery<Query>(environment, query, { chatId });
      isMounted = true;
      environment.retain(operation);
      return read.toPromise().then(() => [], rejected);
    },
  };
}
