import type { GraphiQLManifest } from './graphiql-files.ts';

/** The initial content of GraphiQL in a new browser. */
export interface FirstPage {
  /** Pages with different titles share no browser storage. */
  readonly title: string;
  /** The content of the headers pane, in every tab and at each visit. */
  readonly headers: Readonly<Record<string, string>>;
  /** The queries of the tabs, which GraphiQL names after their operations. */
  readonly tabs: readonly string[];
  /** The variables of tabs, by the names of their operations. */
  readonly variables?: Readonly<Record<string, object>>;
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

/** The page. What it begins with is data in it, so that it contains no script. */
export function graphiqlPage({ script, style, favicon, preloads }: GraphiQLManifest, firstPage: FirstPage): string {
  const url = (name: string) => `${folder}/${name}`;
  const values = JSON.stringify(firstPage).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${firstPage.title}</title>
<link rel="icon" href="${url(favicon)}">
<link rel="stylesheet" href="${url(style)}">
${preloads.map((name) => `<link rel="modulepreload" href="${url(name)}">`).join('\n')}
<script type="module" src="${url(script)}"></script>
<script type="application/json" id="first-page">${values}</script>
</head>
<body>
<noscript>GraphiQL needs JavaScript.</noscript>
<div id="root"></div>
</body>
</html>
`;
}
