import { useQuery } from '@apollo/client/react';
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { createNews } from '../web/news.ts';
import { rememberPlace } from '../web/place.ts';
import { liveWords, missedWords } from '../web/stream.ts';
import { Failure } from './failure.tsx';
import type { ConversationQuery } from './generated/graphql.ts';
import { Message } from './message.tsx';
import { conversationQuery } from './operations.ts';
import { useLive } from './use-live.ts';

type Chat = NonNullable<ConversationQuery['chat']>;

/** Subscribes, then queries, so that nothing is missed in between. */
export function Conversation({ chatId }: { readonly chatId: string }) {
  const [isStarted, setStarted] = useState(false);
  const [isMissed, setMissed] = useState(false);
  const [news, setNews] = useState<string>();
  const [counter] = useState(() => createNews(setNews));
  const { data, previousData, loading, error, refetch, fetchMore } = useQuery(conversationQuery, {
    variables: { chatId },
    skip: !isStarted,
    fetchPolicy: 'network-only', // what the cache holds from an earlier visit may have changed since
    nextFetchPolicy: 'cache-first',
  });
  const reload = async () => !(await refetch()).error;
  const live = useLive(chatId, {
    isReading: loading,
    onStart: () => (isStarted ? void reload().catch(() => {}) : setStarted(true)),
    onNewMessage: counter.add,
    onMissed: () => void reload().then(setMissed, () => {}),
  });
  useEffect(() => {
    if (live === 'lost' || live === 'refused') setStarted(true); // the query says more
  }, [live]);
  useEffect(() => counter.stop, [counter]);

  const chat = data?.chat ?? (error && previousData?.chat);
  const retry = () => void reload().catch(() => {});
  const count = chat?.messages?.edges.length;
  const status = !chat && loading ? 'loading …' : (news ?? (count && `${count} messages shown`));
  return (
    <>
      <p role="status">{[`Chat ${chatId}`, status].filter(Boolean).join(': ')}</p>
      <div id="result" aria-busy={loading}>
        {chat ? (
          <article className="conversation">
            <Head chat={chat} />
            <small className="live">{liveWords[live]}</small>
            {chat.messages && error && <Failure error={error} onRetry={retry} />}
            {isMissed && (
              <div className="notices">
                <p role="alert">{missedWords}</p>
                <button type="button" aria-label="Close" onClick={() => setMissed(false)}>
                  ×
                </button>
              </div>
            )}
            <Messages
              chat={chat}
              top={!chat.messages && error && <Failure error={error} onRetry={retry} />}
              readOlder={async (before) => (await fetchMore({ variables: { before } })).error}
            />
          </article>
        ) : error ? (
          <Failure error={error} onRetry={retry} />
        ) : (
          data && <p className="missing">There is no such chat.</p>
        )}
      </div>
    </>
  );
}

function Head({ chat: { displayName, service, isGroup, messageCount, participants } }: { readonly chat: Chat }) {
  const count = messageCount === 1 ? '1 message' : messageCount !== null && `${messageCount.toLocaleString()} messages`;
  return (
    <>
      <h2 dir="auto">{displayName ?? 'Unnamed chat'}</h2>
      <small>{[isGroup && 'Group', service, count].filter(Boolean).join(' · ')}</small>
      <details open={participants.length <= 8}>
        <summary>Participants ({participants.length})</summary>
        <ul aria-label="Participants">
          {participants.map(({ id, address }) => (
            <li key={id} dir="auto">
              {address ?? 'Unknown address'}
            </li>
          ))}
        </ul>
      </details>
    </>
  );
}

interface MessagesProps {
  readonly chat: Chat;
  /** In the place of the way to older messages. */
  readonly top: ReactNode;
  /** Reads the page before this cursor. */
  readonly readOlder: (before: string | null) => Promise<Error | undefined>;
}

function Messages({ chat: { messages }, top, readOlder }: MessagesProps) {
  const [isReading, setReading] = useState(false);
  const [error, setError] = useState<Error>();
  const box = useRef<HTMLElement>(null);
  const restorePlace = useRef<() => void>(undefined);
  useLayoutEffect(() => {
    if (!box.current) return;
    if (restorePlace.current) restorePlace.current();
    else box.current.scrollTop = box.current.scrollHeight; // the newest
    restorePlace.current = rememberPlace(box.current);
  });

  const loadOlder = async () => {
    if (isReading) return;
    setReading(true);
    setError(await readOlder(messages?.pageInfo.startCursor ?? null).catch((reason: Error) => reason));
    setReading(false);
    if (document.activeElement === document.body) box.current?.focus(); // from where a button was
  };
  return (
    <section
      className="messages"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled by the keyboard
      tabIndex={0}
      aria-label="Messages"
      ref={box}
      onScroll={({ currentTarget }) => {
        restorePlace.current = rememberPlace(currentTarget);
      }}
    >
      <div className="older" aria-busy={isReading}>
        {top ||
          (error ? (
            <Failure error={error} onRetry={loadOlder} />
          ) : !messages ? (
            <p>Linq no longer has these messages.</p>
          ) : messages.pageInfo.hasPreviousPage ? (
            <button type="button" onClick={loadOlder}>
              {isReading ? 'Loading …' : 'Older messages'}
            </button>
          ) : (
            <p>The conversation begins here.</p>
          ))}
      </div>
      <ol>
        {messages?.edges.map(({ node }) => (
          <Message key={node.id} message={node} />
        ))}
      </ol>
    </section>
  );
}
