import type { DriftKind } from '../upstream-metrics.ts';

/** Reports one difference between a body and its documentation, without its value. */
export type ReportDrift = (path: string, kind: DriftKind) => void;

/** A message, or where none is named a whole chat. */
export interface Scope {
  readonly chatId: string;
  readonly messageId?: string;
}

type VisitPart = <Key, Value>(route: Route<Key, Value>, key: Key, value: Value) => void;

/** Everything that is specific to one route of the upstream. A plain object without state. */
export interface Route<Key, Value> {
  /** The path with placeholders, such as `/chats/{chat_id}`. Names the route in metrics, traces and logs. */
  readonly template: string;
  /** What is read, as error messages call it, such as `the message`. */
  readonly subject: string;
  /**
   * Increase it with every change of `Value`'s shape, because replicas of two versions may share a cache. Undefined: values
   * are not cached.
   */
  readonly cacheFormat: number | undefined;
  /** The path for one key. Reads with the same path and token share one call and one cache entry. */
  path(key: Key): string;
  /** What may fail on its own while the upstream is up, such as one chat. */
  group(key: Key): string;
  /** Throws an `UpstreamError` when the body is not what was requested. */
  decode(body: string, key: Key, report: ReportDrift): Value;
  /** Whether a cached value is the one requested. */
  matches(value: Value, key: Key): boolean;
  /** A cached value is outdated after an event of this message, or of any in this chat. */
  scope(key: Key): Scope;
  /** Visits the values of other routes in a value, which are cached as if they had been read themselves. */
  eachPart?(value: Value, key: Key, visit: VisitPart): void;
}
