import { type ChatMessageEvent, client, liveQuery } from './client.ts';
import { fetchStream, isWorthRetrying, reconnectDelay } from './stream.ts';

interface Follower {
  /** A query that starts now misses no event. Not called when the stream resumes after an event. */
  readonly onStart: () => void;
  readonly onOpen: () => void;
  readonly onEvent: (event: ChatMessageEvent) => void;
  /** Events may have been missed, or a message could not be read: query again what is shown. */
  readonly onMissed: () => void;
  /** The connection is lost; it reconnects by itself. */
  readonly onLost: () => void;
  /** The gateway refuses the stream; it does not reconnect. */
  readonly onRefused: () => void;
}

/** Follows the events of a chat, and reconnects when the connection is lost. Returns a function that stops it. */
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
        const isNew = event !== undefined && event.cursor !== after; // urql repeats the last event when the stream ends
        if (isNew) after = event.cursor;
        if (isNew && (error || event.kind === 'GAP')) follower.onMissed();
        else if (isNew) follower.onEvent(event);
        else if (error && !error.networkError && !isWorthRetrying(error.graphQLErrors)) return follower.onRefused();
        // urql repeats an error in all later results, so a new stream continues after this event.
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
