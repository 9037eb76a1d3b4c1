import { DOC_EXPLORER_PLUGIN, DocExplorerStore } from '@graphiql/plugin-doc-explorer';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HistoryStore } from '@graphiql/plugin-history';
import { GraphiQLProvider, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { GraphiQL, GraphiQLInterface } from 'graphiql';
import { useEffect, useRef, useState } from 'react';
import type { FirstPage } from '../src/graphiql/graphiql-page.ts';
import { CopyMenu } from './copy-menu.tsx';
import { EditorSchema } from './editor-schema.tsx';
import { createFetcher } from './fetcher.ts';
import { historyPlugin } from './history.tsx';
import { operationsIn, parseDocument } from './operations.ts';
import { ResponseFactsStore, ResponseLine } from './response-line.tsx';
import { RunShortcut } from './run-shortcut.tsx';
import { createStorage, tabsKey } from './storage.ts';

const plugins = [DOC_EXPLORER_PLUGIN, historyPlugin, explorerPlugin()];

/** What a link opens: `?query=`, `&variables=` and `&operationName=`. */
interface Linked {
  readonly query: string;
  readonly variables: string | undefined;
  readonly operationName: string | undefined;
}

interface AppProps {
  readonly firstPage: FirstPage;
  readonly linked: Linked | undefined;
}

/** The parts that live as long as the page. */
function createSession({ title, tabs }: FirstPage) {
  const storage = createStorage(title, () => {
    // Once a tab is stored, a reload must not open the link again.
    if (location.search !== '') history.replaceState(null, '', location.pathname);
  });
  // Otherwise GraphiQL opens an empty tab when the page is reloaded before any change.
  if (storage.getItem(tabsKey) === null) storage.setItem('graphiql:query', tabs[0] ?? '');
  const view = { tabId: '', variablesText: () => '' };
  let introspectionJson: string | undefined;
  const store = new ResponseFactsStore();
  const fetcher = createFetcher(location.pathname, {
    variablesText: () => view.variablesText(),
    onResponse: (facts) => store.set(view.tabId, facts),
    onIntrospection: (json) => {
      introspectionJson = json;
    },
  });
  return { storage, view, store, fetcher, introspection: () => introspectionJson };
}

export function App({ firstPage, linked }: AppProps) {
  const [{ storage, view, store, fetcher, introspection }] = useState(() => createSession(firstPage));
  const { title, headers, tabs, variables = {} } = firstPage;
  const prepared = tabs.map((query) => {
    const [operation] = operationsIn(parseDocument(query));
    return { query, variables: JSON.stringify(variables[operation?.name?.value ?? ''], null, 2) };
  });
  const defaultTabs = [...(linked ? [linked] : []), ...prepared];
  return (
    <GraphiQLProvider
      fetcher={fetcher}
      storage={storage}
      plugins={plugins}
      referencePlugin={DOC_EXPLORER_PLUGIN}
      defaultTabs={defaultTabs.map(({ query, variables = null }) => ({ query, variables }))}
      defaultHeaders={JSON.stringify(headers, null, 2)}
      {...(linked && { initialQuery: linked.query, initialVariables: linked.variables ?? '' })}
      shouldPersistHeaders={false}
      schemaDescription
      inputValueDeprecation
      getDefaultFieldNames={() => []} // otherwise the text that runs is not the one that was typed
    >
      <HistoryStore>
        <DocExplorerStore>
          <GraphiQLInterface
            defaultEditorToolsVisibility={linked?.variables ? 'variables' : 'headers'}
            showPersistHeadersSettings={false}
          >
            <GraphiQL.Logo>
              <h1>{title}</h1>
            </GraphiQL.Logo>
            <GraphiQL.Toolbar>
              {({ prettify, copy, merge }) => (
                <>
                  {prettify}
                  {merge}
                  {copy}
                  <CopyMenu />
                </>
              )}
            </GraphiQL.Toolbar>
            <GraphiQL.Footer>
              <ResponseLine store={store} />
            </GraphiQL.Footer>
          </GraphiQLInterface>
          <EditorSchema introspection={introspection} />
          <RunShortcut />
          <ViewReader view={view} />
          <PaneOfTab />
          {linked?.operationName && <SelectOperation name={linked.operationName} />}
        </DocExplorerStore>
      </HistoryStore>
    </GraphiQLProvider>
  );
}

/** Lets the fetcher see which tab is open, and its variables. */
function ViewReader({ view }: { readonly view: { tabId: string; variablesText: () => string } }) {
  const tabId = useGraphiQL(({ tabs, activeTabIndex }) => tabs[activeTabIndex]?.id ?? '');
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  useEffect(() => {
    view.tabId = tabId;
    view.variablesText = () => variableEditor?.getValue() ?? '';
  }, [view, tabId, variableEditor]);
  return null;
}

/** Shows the variables of a tab that has some when it is opened, and the headers otherwise. GraphiQL would not change the pane. */
function PaneOfTab() {
  const tabId = useGraphiQL(({ tabs, activeTabIndex }) => tabs[activeTabIndex]?.id);
  const pane = useGraphiQL(({ tabs, activeTabIndex }) => (tabs[activeTabIndex]?.variables ? 'variables' : 'headers'));
  const openedId = useRef(tabId);
  useEffect(() => {
    if (openedId.current === tabId) return;
    openedId.current = tabId;
    // None of the buttons is active while the panes are collapsed.
    const button = document.querySelector(`.graphiql-editor-tools:has(.active) [data-name="${pane}"]`);
    if (button instanceof HTMLElement) button.click();
  }, [tabId, pane]);
  return null;
}

/** Puts the cursor into the operation with this name, once. */
function SelectOperation({ name }: { readonly name: string }) {
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const { setOperationName } = useGraphiQLActions();
  useEffect(() => {
    const model = queryEditor?.getModel();
    const operations = operationsIn(parseDocument(queryEditor?.getValue() ?? ''));
    const operation = operations.find((each) => each.name?.value === name);
    if (!model || !operation?.loc) return;
    queryEditor?.setPosition(model.getPositionAt(operation.loc.start));
    setOperationName(name);
  }, [queryEditor, name, setOperationName]);
  return null;
}
