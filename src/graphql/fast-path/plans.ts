import type { DocumentNode, GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import { costsOf } from '../operation-limits.ts';
import { createPlan, type Plan } from './plan.ts';

/** Bounds on what is kept, by the length of documents: a document with its plan takes some 50 times its text. */
const maxCharacters = 50_000;
const maxDocument = 10_000;
const maxCandidates = 1_000;
/** Through fragments, as often as they are spread. A plan takes some 10 µs for a field: this is a twentieth of each second. */
const maxFieldsPerSecond = 5_000;

interface Candidate {
  readonly document: DocumentNode;
  readonly fields: number;
}

/**
 * Plans of operations that are seen again. An operation that is sent once is never planned, and evicts only others that were
 * sent once; number, size and planning time are bounded. See docs/decisions/fast-path.md.
 */
export class Plans {
  readonly #schema: GraphQLSchema;
  readonly #candidates = new LRUCache<string, Candidate>({
    max: maxCandidates,
    maxSize: maxCharacters,
    sizeCalculation: (_candidate, key) => key.length,
  });
  readonly #plans = new LRUCache<string, Plan | 'none'>({
    maxSize: maxCharacters,
    sizeCalculation: (_plan, key) => key.length,
  });
  #second = 0;
  #fields = 0;

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** For every operation that is executed, hence valid and within all limits. */
  remember(query: string, operationName: string | undefined, document: DocumentNode): void {
    const key = keyOf(query, operationName);
    if (key.length > maxDocument || this.#plans.has(key) || this.#candidates.has(key)) return;
    const fields = costsOf(document).reduce((sum, cost) => sum + cost.fields, 0);
    if (fields <= maxFieldsPerSecond) this.#candidates.set(key, { document, fields });
  }

  /** Undefined for an operation that was not seen before or has no plan, and when this second's planning time is used up. */
  find(query: string, operationName: string | undefined): Plan | undefined {
    const key = keyOf(query, operationName);
    const plan = this.#plans.get(key) ?? this.#create(key, operationName);
    return plan === 'none' ? undefined : plan;
  }

  #create(key: string, operationName: string | undefined): Plan | 'none' {
    const candidate = this.#candidates.get(key);
    if (candidate === undefined || !this.#takeTime(candidate.fields)) return 'none';
    this.#candidates.delete(key);
    const plan = createPlan(this.#schema, candidate.document, operationName) ?? 'none';
    this.#plans.set(key, plan);
    return plan;
  }

  #takeTime(fields: number): boolean {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) this.#fields = 0;
    this.#second = second;
    if (this.#fields + fields > maxFieldsPerSecond) return false;
    this.#fields += fields;
    return true;
  }
}

/** No valid document holds the separator, so no two operations have one key. */
function keyOf(query: string, operationName: string | undefined): string {
  return `${operationName ?? ''}\0${query}`;
}
