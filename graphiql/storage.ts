/** GraphiQL stores these, all under its own prefix. Headers, which contain credentials, are never stored. */
const stored = ['tabState', 'query', 'variables', 'queries', 'favorites', 'visiblePlugin', 'theme'];
const sizes = ['docExplorerFlex', 'editorFlex', 'secondaryEditorFlex'];
const keys = [...stored, ...sizes].map((key) => `graphiql:${key}`);
export const tabsKey = 'graphiql:tabState';

/** The browser's storage for the page with this title. Where it is denied or full, nothing is stored and the page still works. */
export function createStorage(title: string, onTabsStored: () => void) {
  const own = (key: string) => `${title}:${key}`;
  let clearedAt = Number.NEGATIVE_INFINITY;
  const storage = {
    getItem: (key: string): string | null => attempt(() => localStorage.getItem(own(key))) ?? null,
    setItem(key: string, value: string): void {
      if (key === tabsKey) onTabsStored();
      const isLate = performance.now() - clearedAt < 1000; // GraphiQL stores half a second after each change
      if (!isLate && keys.includes(key)) attempt(() => localStorage.setItem(own(key), withoutHeaders(key, value)));
    },
    removeItem: (key: string): void => attempt(() => localStorage.removeItem(own(key))),
    clear(): void {
      clearedAt = performance.now();
      for (const key of keys) storage.removeItem(key);
    },
    get length(): number {
      return attempt(() => localStorage.length) ?? 0;
    },
  };
  return storage;
}

/** Tabs come without headers already; entries of the history do not. */
function withoutHeaders(key: string, value: string): string {
  if (!/queries|favorites/.test(key)) return value;
  return JSON.stringify(JSON.parse(value), (name, part) => (name === 'headers' ? undefined : part));
}

function attempt<Result>(use: () => Result): Result | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}
