import 'graphiql/setup-workers/vite';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import 'graphiql/graphiql.css';
import './style.css';
import { createRoot } from 'react-dom/client';
import { completeAccessibility } from './accessibility.ts';
import { App } from './app.tsx';

const search = new URLSearchParams(location.search);
const query = search.get('query') || undefined;
const linked = query && {
  query,
  variables: search.get('variables') ?? undefined,
  operationName: search.get('operationName') || undefined,
};
const firstPage = JSON.parse(document.querySelector('#first-page')?.textContent ?? '');
const root = document.querySelector('#root');
if (root !== null) {
  completeAccessibility(root);
  createRoot(root).render(<App firstPage={firstPage} linked={linked || undefined} />);
}
