import { ApolloProvider } from '@apollo/client/react';
import { StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { client } from './client.ts';
import { Conversation } from './conversation.tsx';

const chats = [
  ['1', 'Conversation'],
  ['2', 'Long conversation'],
  ['3', 'Live conversation'],
  ['77', 'Missing chat'],
  ['403', 'Forbidden chat'],
  ['4290', 'Rate limit'],
  ['504', 'Timeout'],
] as const;

function App() {
  const [chatId, setChatId] = useState(chatIdInAddress);
  // Links work by themselves; this only spares the reload, and keeps the cache. Where a browser lacks it, it reloads.
  useEffect(() => {
    const show = (event: NavigateEvent) => {
      const { pathname } = new URL(event.destination.url);
      if (!event.canIntercept || event.navigationType === 'reload' || pathname !== location.pathname) return;
      event.intercept({ focusReset: 'manual', scroll: 'manual', handler: async () => setChatId(chatIdInAddress()) });
    };
    window.navigation?.addEventListener('navigate', show);
    return () => window.navigation?.removeEventListener('navigate', show);
  }, []);
  return (
    <>
      <header>
        <h1>Chats in React</h1>
        <p>as the Linq GraphQL gateway gives them, through Apollo Client</p>
      </header>
      <main>
        <Conversation key={chatId} chatId={chatId} />
      </main>
      <nav aria-labelledby="chats">
        <h2 id="chats">In the sandbox</h2>
        <ul>
          {chats.map(([id, name]) => (
            <li key={id}>
              <a href={`?chatId=${id}`} aria-current={id === chatId ? 'page' : undefined}>
                {name}
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </>
  );
}

function chatIdInAddress(): string {
  return new URLSearchParams(location.search).get('chatId') ?? '3';
}

const root = document.querySelector('#root');
if (!root) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <ApolloProvider client={client}>
      <App />
    </ApolloProvider>
  </StrictMode>,
);
