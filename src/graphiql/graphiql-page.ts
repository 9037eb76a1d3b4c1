import type { Piece } from './graphiql-files.ts';

/** What GraphiQL opens with where it was never opened before. */
export interface FirstPage {
  /** Pages of other titles share nothing that the browser keeps. */
  readonly title: string;
  /** What the pane for headers holds, in every tab and at every visit. */
  readonly headers: Readonly<Record<string, string>>;
  /** The queries of the tabs, which are named after their operations. */
  readonly tabs: readonly string[];
}

/** In front of Linq: nothing can be prepared but the place for the token. */
export const linqPage: FirstPage = {
  title: 'Linq GraphQL gateway',
  headers: { 'X-LINQ-INTEGRATION-TOKEN': '' },
  tabs: [
    `# Fill in the headers, and ids of yours.
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

/** Where the page finds its files: seen from itself, so that a proxy may put something before the path. */
const folder = 'graphql/assets';

/** GraphiQL shifts a tab that is pressed for the first time, from under the pointer: the click would come to nothing. */
const ownStyle = '.graphiql-tab { transform: none !important; }';

/**
 * What the page does first. GraphiQL would keep headers, which hold credentials, in its history and, told so, beside its
 * tabs: all that is kept is named here, and headers are not among it.
 */
const boot = `
const kept = ['tabState', 'query', 'variables', 'visiblePlugin', 'theme', 'docExplorerFlex', 'editorFlex', 'secondaryEditorFlex'];
const own = (key) => title + ':' + key;
// A browser may deny its storage, or have no room left: then nothing is kept, and the page works all the same.
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
    // Once there is something to come back to, a reload is not to open the link again.
    if (key === 'graphiql:tabState' && location.search !== '') history.replaceState(null, '', location.pathname);
    const isLate = performance.now() - clearedAt < 1000; // GraphiQL writes half a second after each change
    if (!isLate && kept.includes(key.replace('graphiql:', ''))) attempt(() => localStorage.setItem(own(key), value));
  },
  removeItem: (key) => attempt(() => localStorage.removeItem(own(key))),
  clear: () => {
    clearedAt = performance.now();
    for (const key of kept) storage.removeItem('graphiql:' + key);
  },
  get length() { return attempt(() => localStorage.length) ?? 0; },
};

// Else GraphiQL opens an empty tab when it is loaded again before anything was changed.
if (storage.getItem('graphiql:tabState') === null) storage.setItem('graphiql:query', tabs[0]);
const linked = new URLSearchParams(location.search).get('query') || null;

// GraphiQL listens within its editors alone.
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
  onEditQuery: () => {}, // else the query goes into the address, and with it into the history and into logs
});
`;

/** The page, and the one script that is in it. */
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
