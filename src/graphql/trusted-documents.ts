import { readFileSync } from 'node:fs';
import type { GraphQLParams } from 'graphql-yoga';
import { badRequest } from '../errors/client-errors.ts';

/** The text of each document that may be executed, by its id. */
export type TrustedDocuments = ReadonlyMap<string, string>;

/**
 * Reads a manifest: Relay's and that of graphql-codegen's client preset, `{ "<id>": "<text>" }`, or Apollo's,
 * `{ "format": "apollo-persisted-query-manifest", "operations": [{ "id", "body" }] }`. Throws where the file is neither.
 */
export function readTrustedDocuments(file: string): TrustedDocuments {
  const manifest = parse(readFileSync(file, 'utf8'));
  if (typeof manifest !== 'object' || manifest === null || Array.isArray(manifest)) {
    throw new Error('it is not a JSON object');
  }
  const operations = 'operations' in manifest ? manifest.operations : undefined;
  const entries: unknown[][] = Array.isArray(operations)
    ? operations.map((operation) => [operation?.id, operation?.body])
    : Object.entries(manifest);
  for (const [id, text] of entries) {
    if (typeof id !== 'string' || typeof text !== 'string') throw new Error('an entry has no id or no text');
  }
  return new Map(entries as [string, string][]);
}

/** Throws a message of its own: the parser's quotes what it read, which may be a secret when the file is the wrong one. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('it is not JSON');
  }
}

/**
 * Replaces the document's id by its text, wherever clients send the id: `documentId` (GraphQL over HTTP), `id` or `doc_id`
 * (Relay), `extensions.persistedQuery.sha256Hash` (Apollo). Refuses everything else.
 */
export function trusted(params: GraphQLParams, documents: TrustedDocuments): GraphQLParams {
  const { documentId, id, doc_id: docId, query: _query, extensions, ...rest } = params as Record<string, unknown>;
  const { persistedQuery, ...otherExtensions } = (extensions ?? {}) as { persistedQuery?: { sha256Hash?: unknown } };
  const given = [documentId, id, docId, persistedQuery?.sha256Hash].find((candidate) => typeof candidate === 'string');
  if (given === undefined) throw badRequest('Only trusted documents are executed: send the id of one as "documentId".');
  const query = documents.get(given as string);
  if (query === undefined)
    throw badRequest('No trusted document has this id: send one of the manifest that the gateway was started with.');
  return { ...rest, query, ...(extensions !== undefined && { extensions: otherExtensions }) } as GraphQLParams;
}
