interface Item {
  /** Set by `RecentlyUsed`. In milliseconds of `performance.now()`. */
  usedAt: number;
  /** It may not be forgotten, whatever its age. */
  readonly isInUse: boolean;
  /** A new one would be the same, so that it is forgotten when it was not used for a while. */
  readonly isLikeNew: boolean;
}

/** What was not used for this long is forgotten. In milliseconds. */
const forgetAfterMs = 60_000;
const maxItems = 10_000;

/** Creates items when they are first used and forgets them after a while, so that their number is bounded. */
export class RecentlyUsed<Key, Value extends Item> {
  readonly #create: (key: Key) => Value;
  /** In the order of their last use. (While there is only one, its time is not updated.) */
  readonly #items = new Map<Key, Value>();
  #newest: Value | undefined;

  constructor(create: (key: Key) => Value) {
    this.#create = create;
  }

  /** How many were used recently. */
  get size(): number {
    return this.#items.size;
  }

  get(key: Key, now: number): Value {
    const known = this.#items.get(key);
    if (known !== undefined && this.#items.size === 1) return known;
    const item = known ?? this.#create(key);
    this.#items.delete(key);
    this.#items.set(key, item);
    if (this.#newest !== undefined) this.#newest.usedAt = now; // it was in use until now
    item.usedAt = now;
    this.#newest = item;
    this.#forgetOne(now);
    return item;
  }

  /** Forgets at most one item per change; one that is still needed moves to the end. */
  #forgetOne(now: number): void {
    const [[key, oldest] = []] = this.#items;
    if (key === undefined || oldest === undefined || oldest === this.#newest) return;
    const isOld = now - oldest.usedAt > forgetAfterMs;
    const isTooMany = this.#items.size > maxItems;
    if (!isOld && !isTooMany) return;
    this.#items.delete(key);
    if (!oldest.isInUse && (oldest.isLikeNew || this.#items.size > 2 * maxItems)) return;
    oldest.usedAt = now;
    this.#items.set(key, oldest);
  }
}
