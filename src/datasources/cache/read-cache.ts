import type { ReadCache } from '../reads/read.ts';
import type { Route } from '../reads/route.ts';
import type { Token } from '../token.ts';
import type { Invalidations } from './invalidations.ts';

/** Longer texts are not cached, because they would evict many others. In UTF-16 units. */
const maxLength = 65_536;

/** Stores texts for a while, each for the token that it was read with; may lose any at any time. Never rejects. */
export interface Store {
  read(token: Token, name: string): string | undefined | Promise<string | undefined>;
  write(token: Token, name: string, text: string): void;
  remove(token: Token, name: string): void;
}

/**
 * Caches values as JSON, each with the position at which its read began. A missing resource is not cached, because it may
 * exist a moment later. Without `invalidations`, no event outdates a value.
 */
export function createReadCache(store: Store, invalidations?: Invalidations): ReadCache {
  const add = <Key, Value>(route: Route<Key, Value>, key: Key, token: Token, value: Value, begunAt: string) => {
    if (route.cacheFormat === undefined || invalidations?.isOutdated(route.scope(key), begunAt)) return;
    const text = JSON.stringify(value);
    if (text.length <= maxLength) store.write(token, nameOf(route, key), `${begunAt} ${text}`);
  };
  return {
    position: () => invalidations?.position ?? '',
    async get(route, key, token) {
      if (route.cacheFormat === undefined) return undefined;
      const text = await store.read(token, nameOf(route, key));
      if (text === undefined) return undefined;
      const end = text.indexOf(' ');
      if (invalidations?.isOutdated(route.scope(key), text.slice(0, end))) return undefined;
      return parse(text.slice(end + 1), route, key);
    },
    set(route, key, token, value, begunAt) {
      add(route, key, token, value, begunAt);
      route.eachPart?.(value, key, (partRoute, partKey, part) => add(partRoute, partKey, token, part, begunAt));
    },
    delete: (route, key, token) => store.remove(token, nameOf(route, key)),
  };
}

/** `at` marks texts that begin with a position; those of earlier versions did not. */
function nameOf<Key, Value>({ cacheFormat, path }: Route<Key, Value>, key: Key): string {
  return `at ${cacheFormat} ${path(key)}`;
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
