import type { ReadCache } from '../reads/read.ts';
import type { Route } from '../reads/route.ts';
import type { Token } from '../token.ts';

/** Longer texts are not cached, because they would evict many others. In UTF-16 units. */
const maxLength = 65_536;

/** Stores texts for a while, each for the token that it was read with; may lose any at any time. Never rejects. */
export interface Store {
  read(token: Token, name: string): string | undefined | Promise<string | undefined>;
  write(token: Token, name: string, text: string): void;
  remove(token: Token, name: string): void;
}

/** Caches values as JSON. A missing resource is not cached, because it may exist a moment later. */
export function createReadCache(store: Store): ReadCache {
  return {
    async get(route, key, token) {
      const text = await store.read(token, nameOf(route, key));
      return text === undefined ? undefined : parse(text, route, key);
    },
    set(route, key, token, value) {
      const text = JSON.stringify(value);
      if (text.length <= maxLength) store.write(token, nameOf(route, key), text);
    },
    delete: (route, key, token) => store.remove(token, nameOf(route, key)),
  };
}

function nameOf<Key, Value>({ cacheFormat, path }: Route<Key, Value>, key: Key): string {
  return `${cacheFormat} ${path(key)}`;
}

/** Undefined unless it is the value requested. */
function parse<Key, Value>(text: string, route: Route<Key, Value>, key: Key): Value | undefined {
  try {
    const value: Value = JSON.parse(text);
    return route.matches(value, key) ? value : undefined;
  } catch {
    return undefined;
  }
}
