import { ToolbarButton, ToolbarMenu, useGraphiQL } from '@graphiql/react';
import { useState } from 'react';
import { operationsIn, parseDocument } from './operations.ts';
import { asApolloClient, asCurl, asFetch, asUrql, linkTo, type Snippet } from './snippets.ts';

const items: readonly [label: string, write: (snippet: Snippet) => string][] = [
  ['Copy link', linkTo],
  ['Copy as curl', asCurl],
  ['Copy as fetch', asFetch],
  ['Copy as Apollo Client', asApolloClient],
  ['Copy as urql', asUrql],
];

/** Copies the operation in the editor; of the values of headers only harmless ones, since others may be credentials. */
export function CopyMenu() {
  const editors = useGraphiQL(({ queryEditor, variableEditor, headerEditor }) => ({
    queryEditor,
    variableEditor,
    headerEditor,
  }));
  const selectedName = useGraphiQL(({ operationName }) => operationName);
  const [message, setMessage] = useState('');
  const copy = async (label: string, write: (snippet: Snippet) => string) => {
    const query = editors.queryEditor?.getValue() ?? '';
    const names = operationsIn(parseDocument(query)).map(({ name }) => name?.value);
    const text = write({
      url: location.origin + location.pathname,
      query,
      variables: editors.variableEditor?.getValue().trim() ?? '',
      operationName: names.includes(selectedName) ? selectedName : names[0],
      headers: headersIn(editors.headerEditor?.getValue() ?? ''),
    });
    setMessage((await writeToClipboard(text)) ? `Done: ${label}.` : 'The browser does not allow copying.');
  };
  return (
    <>
      <ToolbarMenu
        button={
          <ToolbarButton label="Share: copy a link or code">
            <ShareIcon />
          </ToolbarButton>
        }
      >
        {items.map(([label, write]) => (
          <ToolbarMenu.Item key={label} onSelect={() => void copy(label, write)}>
            {label}
          </ToolbarMenu.Item>
        ))}
      </ToolbarMenu>
      <span role="status" aria-label="Copied" className="linq-visually-hidden">
        {message}
      </span>
    </>
  );
}

/** Headers whose values are no secrets. */
const harmless = ['x-request-timeout-ms', 'x-linq-explain', 'cache-control', 'x-request-id'];

/** The headers that have a value, with a placeholder for each value that may be a credential. */
function headersIn(text: string): Snippet['headers'] {
  try {
    const headers: unknown = JSON.parse(text);
    if (typeof headers !== 'object' || headers === null) return [];
    return Object.entries(headers)
      .filter(([, value]) => !/^\s*(Bearer\s*)?$/i.test(String(value)))
      .map(([name, value]) => [name, harmless.includes(name.toLowerCase()) ? String(value) : 'YOUR-VALUE']);
  } catch {
    return [];
  }
}

/** The clipboard is there only for https and for loopback. */
async function writeToClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function ShareIcon() {
  return (
    <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" className="graphiql-toolbar-icon" aria-hidden="true">
      <path d="M10 2h4v4M14 2 7 9M6 3H3.5A1.5 1.5 0 0 0 2 4.5v8A1.5 1.5 0 0 0 3.5 14h8a1.5 1.5 0 0 0 1.5-1.5V10" />
    </svg>
  );
}
