import { LRUCache } from 'lru-cache';

/** A parsed document takes some 50 times the bytes of its text, so the limit is on text: about 5 MB in all. */
const mostCharacters = 100_000;
const longestDocument = 10_000;

/**
 * Keeps parsed and valid documents, bounded in memory: a caller that keeps sending new or huge documents costs the time to
 * parse them, but no memory. Documents that do not parse are not kept.
 */
export function createDocumentCache<T extends object>() {
  const documents = new LRUCache<string, T>({
    maxSize: mostCharacters,
    maxEntrySize: longestDocument,
    sizeCalculation: (_document, text) => text.length || 1,
  });
  const nothing = { get: () => undefined, set: () => {} };
  return {
    documentCache: {
      get: (text: string) => documents.get(text),
      set: (text: string, document: T) => void documents.set(text, document),
    },
    errorCache: nothing,
  };
}
