import type { Piece } from './graphiql-files.ts';

/** The initial content of GraphiQL in a new browser. */
export interface FirstPage {
  /** Pages with different titles share no browser storage. */
  readonly title: string;
  /** The content of the headers pane, in every tab and at each visit. */
  readonly headers: Readonly<Record<string, string>>;
  /** The queries of the tabs, which GraphiQL names after their operations. */
  readonly tabs: readonly string[];
}

/** For the real Linq API: only the header of the token can be prepared. */
export const linqPage: FirstPage = {
  title: 'Linq GraphQL gateway',
  headers: { 'X-LINQ-INTEGRATION-TOKEN': '' },
  tabs: [
    `# Fill in the headers, and ids of your own.
query Message {
  chatMessage(chatId: 1, id: 224) {
    text
    sentAt
    deliveryStatus
    sentFrom
    attachments {
      filename
      mimeType
      fileSize
      url
    }
    reactions {
      reaction
      fromPhone
    }
  }
}
`,
  ],
};

/** Where the page loads its files from: relative, so that a proxy may add a path prefix. */
const folder = 'graphql/assets';

/** Otherwise GraphiQL moves a tab away from the pointer when it is first pressed, and the click is lost. */
const ownStyle = '.graphiql-tab { transform: none !important; }';

/**
 * Runs before GraphiQL. GraphiQL would store headers, which contain credentials, in its history and, if configured, with its
 * tabs. Only the keys named here are stored, and headers are not among them.
 */
const boot = `
const kept = ['tabState', 'query', 'variables', 'visiblePlugin', 'theme', 'docExplorerFlex', 'editorFlex', 'secondaryEditorFlex'];
const own = (key) => title + ':' + key;
// Storage may be denied or full: then nothing is stored, and the page still works.
const attempt = (use) => {
  try {
    return use() ?? null;
  } catch {
    return null;
  }
};
let clearedAt = -Infinity;
const storage = {
  getItem: (key) => attempt(() => localStorage.getItem(own(key))),
  setItem: (key, value) => {
    // Once a tab is stored, a reload must not open the link again.
    if (key === 'graphiql:tabState' && location.search !== '') history.replaceState(null, '', location.pathname);
    const isLate = performance.now() - clearedAt < 1000; // GraphiQL stores half a second after each change
    if (!isLate && kept.includes(key.replace('graphiql:', ''))) attempt(() => localStorage.setItem(own(key), value));
  },
  removeItem: (key) => attempt(() => localStorage.removeItem(own(key))),
  clear: () => {
    clearedAt = performance.now();
    for (const key of kept) storage.removeItem('graphiql:' + key);
  },
  get length() { return attempt(() => localStorage.length) ?? 0; },
};

// Otherwise GraphiQL opens an empty tab when the page is reloaded before any change.
if (storage.getItem('graphiql:tabState') === null) storage.setItem('graphiql:query', tabs[0]);
const linked = new URLSearchParams(location.search).get('query') || null;

// GraphiQL listens only within its editors.
addEventListener('keydown', ({ key, ctrlKey, metaKey, target }) => {
  if (key !== 'Enter' || !(ctrlKey || metaKey) || target.closest('.monaco-editor')) return;
  document.querySelector('.graphiql-execute-button')?.click();
});

globalThis.MonacoEnvironment = { globalAPI: false, getWorkerUrl: (_module, label) => workers[label] };
YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), {
  title,
  defaultTabs: [...(linked === null ? [] : [linked]), ...tabs].map((query) => ({ query })),
  defaultHeaders: JSON.stringify(headers, null, 2),
  defaultEditorToolsVisibility: 'headers',
  shouldPersistHeaders: false,
  storage,
  onEditQuery: () => {}, // otherwise the query is put into the address, and with it into the browser's history and into logs
});
`;

/** The page, and the one script in it. */
export function graphiqlPage(
  names: Readonly<Record<Piece, string>>,
  { title, headers, tabs }: FirstPage,
): { html: string; script: string } {
  const { script, style, favicon, ...workerNames } = names;
  const url = (name: string) => `${folder}/${name}`;
  const workers = Object.fromEntries(Object.entries(workerNames).map(([label, name]) => [label, url(name)]));
  const values = JSON.stringify({ title, headers, tabs, workers }).replaceAll('<', '\\u003c');
  const start = `const { title, headers, tabs, workers } = ${values};${boot}`;
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="${url(favicon)}">
<link rel="stylesheet" href="${url(style)}">
<style>${ownStyle}</style>
<script defer src="${url(script)}"></script>
<script type="module">${start}</script>
</head>
<body class="no-focus-outline">
<noscript>GraphiQL needs JavaScript.</noscript>
<div id="root"></div>
</body>
</html>
`;
  return { html, script: start };
}
