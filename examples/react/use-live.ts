import { type ApolloClient, CombinedGraphQLErrors } from '@apollo/client';
import { useApolloClient } from '@apollo/client/react';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { isWorthRetrying, type liveWords, reconnectDelay } from '../web/stream.ts';
import type { StreamInit } from './client.ts';
import type { LiveSubscription } from './generated/graphql.ts';
import { conversationQuery, liveSubscription } from './operations.ts';

type LiveEvent = LiveSubscription['chatMessageEvents'];

interface LiveOptions {
  /** From now on nothing is missed: what is there is to be queried. Not called where the stream goes on after its last event. */
  readonly onStart: () => void;
  /** Whether the conversation is being read: it may have been read before what happens meanwhile, which waits for it. */
  readonly isReading: boolean;
  readonly onNewMessage: () => void;
  /** Something may have been missed, or could not be read: what is shown is to be queried again. */
  readonly onMissed: () => void;
}

/** Keeps the conversation in the cache up to date, over lost connections too. */
export function useLive(chatId: string, options: LiveOptions): keyof typeof liveWords {
  const { isReading } = options;
  const client = useApolloClient();
  const [state, setState] = useState<keyof typeof liveWords>('connecting');
  const waiting = useRef<LiveEvent[]>([]);

  const apply = useEffectEvent((event: LiveEvent) => {
    if (isReading) waiting.current.push(event);
    else if (applyEvent(client, chatId, event)) options.onNewMessage();
  });
  const start = useEffectEvent(options.onStart);
  const miss = useEffectEvent(options.onMissed);

  useEffect(() => {
    if (!isReading) for (const event of waiting.current.splice(0)) apply(event);
  }, [isReading]);

  useEffect(() => {
    let after: string | undefined;
    let stop = () => {};

    function connect(): void {
      const onOpen = () => {
        setState('open');
        if (after === undefined) start();
      };
      const fetchOptions: StreamInit = { onOpen };
      const subscription = client
        .subscribe({
          query: liveSubscription,
          variables: { chatId, after },
          errorPolicy: 'all', // the cursor arrives also where a message could not be read
          context: { fetchOptions, queryDeduplication: false },
        })
        .subscribe({
          next({ data, error }) {
            const event = data?.chatMessageEvents;
            if (event) after = event.cursor;
            if (event && (error || event.kind === 'GAP')) miss();
            else if (event) apply(event);
            else if (CombinedGraphQLErrors.is(error) && !isWorthRetrying(error.errors)) refuse();
          },
          error: reconnect,
          complete: reconnect,
        });
      stop = () => subscription.unsubscribe();
    }

    function reconnect(): void {
      setState('lost');
      const timer = setTimeout(connect, reconnectDelay());
      stop = () => clearTimeout(timer);
    }

    function refuse(): void {
      stop();
      setState('refused');
      if (after !== undefined) miss(); // the query says why
    }

    connect();
    return () => stop();
  }, [client, chatId]);

  return state;
}

/** The result of the subscription has updated a message that was there. Returns whether this is a new one. */
function applyEvent({ cache }: ApolloClient, chatId: string, { messageId, message }: LiveEvent): boolean {
  if (message === null) {
    const id = cache.identify({ __typename: 'ChatMessage', chatId, id: messageId });
    if (id !== undefined) cache.evict({ id });
    return false;
  }
  let isNew = false;
  cache.updateQuery({ query: conversationQuery, variables: { chatId } }, (data) => {
    const { messages } = data?.chat ?? {};
    if (!data?.chat || !messages || messages.edges.some(({ node }) => node.id === message.id)) return undefined;
    const index = messages.edges.findLastIndex(({ node }) => !(timeOf(node) > timeOf(message)));
    // One that is older than all that are shown comes with its page.
    if (index < 0 && messages.edges.length > 0 && messages.pageInfo.hasPreviousPage) return undefined;
    isNew = true;
    const edges = messages.edges.toSpliced(index + 1, 0, { cursor: '', node: message });
    return { ...data, chat: { ...data.chat, messages: { ...messages, edges } } };
  });
  return isNew;
}

function timeOf({ sentAt }: { readonly sentAt: string | null }): number {
  return Date.parse(sentAt ?? '');
}
