import { type ChatMessageEvent, client, liveQuery } from './client.ts';
import { fetchStream, isWorthRetrying, reconnectDelay } from './stream.ts';

interface Follower {
  /** From now on nothing is missed: what is there is to be queried. Not called where the stream goes on after its last event. */
  readonly onStart: () => void;
  readonly onOpen: () => void;
  readonly onEvent: (event: ChatMessageEvent) => void;
  /** Something may have been missed, or could not be read: what is shown is to be queried again. */
  readonly onMissed: () => void;
  /** The connection is lost, and will be tried again. */
  readonly onLost: () => void;
  /** It will not be tried again. */
  readonly onRefused: () => void;
}

/** Follows what happens in a chat, over lost connections too; returns a function that ends that. */
export function follow(chatId: string, follower: Follower): () => void {
  let after: string | undefined;
  let stop = () => {};

  function connect(): void {
    const onOpen = () => {
      follower.onOpen();
      if (after === undefined) follower.onStart();
    };
    const context = { fetch: (url: RequestInfo | URL, init: RequestInit = {}) => fetchStream(url, init, onOpen) };
    const { unsubscribe } = client
      .subscription(liveQuery, { chatId, after }, context)
      .subscribe(({ data, error, hasNext }) => {
        const event = data?.chatMessageEvents;
        const isNew = event !== undefined && event.cursor !== after; // urql gives the last one again at the end
        if (isNew) after = event.cursor;
        if (isNew && (error || event.kind === 'GAP')) follower.onMissed();
        else if (isNew) follower.onEvent(event);
        else if (error && !error.networkError && !isWorthRetrying(error.graphQLErrors)) return follower.onRefused();
        // urql would give an error again with all that comes after it, so the stream goes on anew.
        if (error || !hasNext) reconnect();
      });
    stop = unsubscribe;
  }

  function reconnect(): void {
    stop();
    follower.onLost();
    const timer = setTimeout(connect, reconnectDelay());
    stop = () => clearTimeout(timer);
  }

  connect();
  return () => stop();
}
