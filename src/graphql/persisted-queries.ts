import { hash } from 'node:crypto';
import type { GraphQLParams } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import { badRequest, persistedQueryNotFound } from '../errors/client-errors.ts';
import type { PersistedQueryOutcome, RequestRecord } from '../telemetry/request-record.ts';

const maxBytes = 10_000_000;
/** What an entry counts at least, so that there are at most 5,000. (With a limit on their number, all would be allocated at once.) */
const leastBytes = 2_000;
/** A key, and what the cache holds for each entry. */
const bytesPerEntry = 200;

/**
 * Automatic persisted queries, as Apollo Client, urql and others send them: `extensions.persistedQuery` with the SHA-256 of a
 * query registers it when the query comes along, and stands for it when it does not. Shared by all callers of this process:
 * a hash is checked when it is registered, so it can only stand for its own text.
 *
 * Not @graphql-yoga/plugin-apq: it hooks into Yoga, so the fast path would not know its queries, its store is limited by
 * number but not by size, and it calls Yoga's own parsers.
 */
export class PersistedQueries {
  readonly #queries = new LRUCache<string, string>({
    maxSize: maxBytes,
    sizeCalculation: (query) => Math.max(leastBytes, 2 * query.length + bytesPerEntry),
  });
  readonly #count: (outcome: PersistedQueryOutcome) => void;

  constructor(count: (outcome: PersistedQueryOutcome) => void) {
    this.#count = count;
  }

  /** The parameters with their query. Throws `PERSISTED_QUERY_NOT_FOUND`, or `BAD_REQUEST` for what is malformed. */
  resolve(params: GraphQLParams, record: Pick<RequestRecord, 'persistedQuery'>): GraphQLParams {
    const extensions: unknown = params.extensions;
    if (!isObject(extensions)) return params;
    const key = hashIn(extensions['persistedQuery']);
    if (key === undefined) return params;
    const query: unknown = params.query ?? '';
    if (typeof query !== 'string') return params;
    const known = this.#queries.get(key);
    if (query !== '') {
      if (query === known) return params;
      if (hash('sha256', query) !== key)
        throw badRequest(
          'The persisted query has another hash: send the SHA-256 of "query" as sha256Hash, in hexadecimal.',
        );
      this.#queries.set(key, query);
      this.#note('registered', record);
      return params;
    }
    this.#note(known === undefined ? 'miss' : 'hit', record);
    if (known === undefined) throw persistedQueryNotFound();
    return { ...params, query: known };
  }

  /** Counts a request once, although what the fast path leaves to Yoga is read a second time. */
  #note(outcome: PersistedQueryOutcome, record: Pick<RequestRecord, 'persistedQuery'>): void {
    if (record.persistedQuery !== undefined) return;
    record.persistedQuery = outcome;
    this.#count(outcome);
  }
}

/** Undefined without a persisted query. */
function hashIn(persistedQuery: unknown): string | undefined {
  if (persistedQuery === undefined || persistedQuery === null) return undefined;
  const { version, sha256Hash } = isObject(persistedQuery) ? persistedQuery : {};
  if (version !== 1 || typeof sha256Hash !== 'string' || !/^[0-9a-f]{64}$/i.test(sha256Hash))
    throw badRequest('The persisted query is malformed: send {"version":1,"sha256Hash":"<64 hexadecimal digits>"}.');
  return sha256Hash.toLowerCase();
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
