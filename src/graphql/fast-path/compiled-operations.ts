import { type DocumentNode, type GraphQLSchema, Kind, visit } from 'graphql';
import { type CompiledQuery, compileQuery, isCompiledQuery } from 'graphql-jit';
import type { Plugin } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import type { RequestRecord } from '../../telemetry/request-record.ts';
import { costsOf } from '../operation-limits.ts';
import type { ServerContext } from '../server-context.ts';

/** Bounds on what is kept, by the length of documents: a compiled one takes some 500 times its text. */
const mostCharacters = 50_000;
const longestDocument = 10_000;
const mostCandidates = 1_000;
/** Compiling takes some 20 µs for a field, wherever it is spread: this is a tenth of a second in each second. */
const mostFieldsPerSecond = 5_000;

interface Candidate {
  readonly document: DocumentNode;
  /** Through fragments, as often as they are spread. */
  readonly fields: number;
}

/**
 * Operations as code, for documents that are seen again. What is sent once is never compiled, and displaces only others
 * that were sent once; in number, size and time to compile all is bounded.
 */
export class CompiledOperations {
  readonly #schema: GraphQLSchema;
  readonly #candidates = new LRUCache<string, Candidate>({
    max: mostCandidates,
    maxSize: mostCharacters,
    sizeCalculation: (_document, key) => key.length,
  });
  readonly #compiled = new LRUCache<string, CompiledQuery | 'cannot'>({
    maxSize: mostCharacters,
    sizeCalculation: (_query, key) => key.length,
  });
  #second = 0;
  #fields = 0;

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** To be told of every operation that was executed, hence is valid and within all limits. */
  remember(query: string, operationName: string | undefined, document: DocumentNode): void {
    const key = keyOf(query, operationName);
    if (key.length > longestDocument || this.#compiled.has(key) || this.#candidates.has(key)) return;
    const fields = costsOf(document).reduce((sum, cost) => sum + cost.fields, 0);
    if (fields <= mostFieldsPerSecond && isCompiledRight(query, document))
      this.#candidates.set(key, { document, fields });
  }

  /** Undefined for an operation that was not seen before, that the compiler does not know, or when it had too much to do. */
  find(query: string, operationName: string | undefined): CompiledQuery | undefined {
    const key = keyOf(query, operationName);
    const compiled = this.#compiled.get(key) ?? this.#compile(key, operationName);
    return compiled === 'cannot' ? undefined : compiled;
  }

  #compile(key: string, operationName: string | undefined): CompiledQuery | 'cannot' {
    const candidate = this.#candidates.get(key);
    if (candidate === undefined || !this.#hasTime(candidate.fields)) return 'cannot';
    this.#candidates.delete(key);
    const result = compileQuery(this.#schema, candidate.document, operationName, {
      disableLeafSerialization: true, // the decoder has made sure of every type
    });
    const compiled = isCompiledQuery(result) ? result : 'cannot';
    this.#compiled.set(key, compiled);
    return compiled;
  }

  #hasTime(fields: number): boolean {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) this.#fields = 0;
    this.#second = second;
    if (this.#fields + fields > mostFieldsPerSecond) return false;
    this.#fields += fields;
    return true;
  }
}

/**
 * Not introspection: it is rare, and large when compiled. Not directives: graphql-jit 0.8.9 gives a field that was skipped
 * once and selected again the place of the first of the two. Not representations that are written into the document: it
 * does not see variables in them.
 */
function isCompiledRight(query: string, document: DocumentNode): boolean {
  let isRight = !/__schema|__type\b|@/.test(query);
  visit(document, {
    Argument({ name, value }) {
      if (name.value === 'representations' && value.kind !== Kind.VARIABLE) isRight = false;
    },
  });
  return isRight;
}

/** Tells `operations` of what Yoga executes. */
export function useCompiledOperations(
  operations: CompiledOperations,
  onExecute: (record: RequestRecord) => void,
): Plugin<ServerContext> {
  return {
    onExecute({ args: { document, operationName, contextValue } }) {
      const { params, record } = contextValue;
      onExecute(record);
      const { query } = params;
      if (query) operations.remember(query, operationName ?? undefined, document);
    },
  };
}

function keyOf(query: string, operationName: string | undefined): string {
  return operationName === undefined ? query : `${operationName}\n${query}`;
}
