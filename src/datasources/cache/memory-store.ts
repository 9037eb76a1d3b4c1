import { LRUCache } from 'lru-cache';
import type { Store } from './read-cache.ts';

/** Size of an entry without its name and text. In bytes. */
const overhead = 300;

/** Keeps the most recently used texts in this process, up to about `maxBytes`. */
export function createMemoryStore(ttlMs: number, maxBytes = 64 * 1_048_576): Store {
  const texts = new LRUCache<string, string>({
    maxSize: maxBytes,
    sizeCalculation: (text, name) => 2 * (text.length + name.length) + overhead,
    ttl: ttlMs,
  });
  return {
    read: ({ digest }, name) => texts.get(`${digest} ${name}`),
    write: ({ digest }, name, text) => void texts.set(`${digest} ${name}`, text),
    remove: ({ digest }, name) => void texts.delete(`${digest} ${name}`),
  };
}
