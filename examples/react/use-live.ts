import { type ApolloClient, CombinedGraphQLErrors } from '@apollo/client';
import { useApolloClient } from '@apollo/client/react';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { isWorthRetrying, type liveWords, reconnectDelay } from '../web/stream.ts';
import type { StreamInit } from './client.ts';
import type { LiveSubscription } from './generated/graphql.ts';
import { conversationQuery, liveSubscription } from './operations.ts';

type LiveEvent = LiveSubscription['chatMessageEvents'];

interface LiveOptions {
  /** A query that starts now misses no event. Not called when the stream resumes after an event. */
  readonly onStart: () => void;
  /** Whether the conversation is being read. Events wait until then, since the result may be older than they are. */
  readonly isReading: boolean;
  readonly onNewMessage: () => void;
  /** Events may have been missed, or a message could not be read: query again what is shown. */
  readonly onMissed: () => void;
}

/** Keeps the conversation in the cache up to date, and reconnects when the connection is lost. */
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
          errorPolicy: 'all', // keeps the cursor of an event whose message could not be read
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
      if (after !== undefined) miss(); // its error says why
    }

    connect();
    return () => stop();
  }, [client, chatId]);

  return state;
}

/** The cache has already updated a message that it had. Adds a new one to the list, and returns whether it did. */
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
    // A message older than the shown pages comes with its own page.
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
