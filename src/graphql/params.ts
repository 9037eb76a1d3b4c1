import type { GraphQLParams, Plugin } from 'graphql-yoga';
import { parseLossless } from '../datasources/linq/lossless-json.ts';
import { badRequest } from '../errors/client-errors.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import type { PersistedQueries } from './persisted-queries.ts';
import type { ServerContext } from './server-context.ts';
import { type TrustedDocuments, trusted } from './trusted-documents.ts';

const byteOrderMark = '\ufeff';

/** From the parameters down to the ids in a list of keys. Deeper values fit no type. */
const depth = 5;

/** Replaces Yoga's parsers, some of which read forms that any web page can send without a preflight. */
export function useJsonRequests(readParams: ReadParams): Plugin<object, ServerContext> {
  return {
    onRequestParse({ request, url, serverContext: { body = '', record }, setRequestParser }) {
      if (request.method === 'GET') setRequestParser(() => readParams(url.searchParams, record));
      if (request.method === 'POST') setRequestParser(() => readParams(body, record));
    },
  };
}

/** Parameters from a body or a query string, with a `query`; throws a `BAD_REQUEST`. Their types are for the caller to check. */
export type ReadParams = (
  from: string | URLSearchParams,
  record: Pick<RequestRecord, 'persistedQuery'>,
) => GraphQLParams;

/** With trusted documents, only these are accepted. */
export function createParamsReader(documents: TrustedDocuments | undefined, persisted: PersistedQueries): ReadParams {
  return (from, record) => {
    const sent = typeof from === 'string' ? fromBody(from) : fromQuery(from);
    if (documents !== undefined) return withoutUnknown(trusted(sent, documents));
    if (Array.isArray(sent)) return sent; // a batch, which Yoga refuses
    const params = persisted.resolve(sent, record);
    if ((params.query ?? undefined) === undefined)
      throw badRequest('The request has no query: send the document as "query", such as {"query":"{ __typename }"}.');
    return withoutUnknown(params);
  };
}

/** Without the names that GraphQL over HTTP does not define, which are ignored, and without values that mean none. */
function withoutUnknown({ query, operationName, variables, extensions }: GraphQLParams): GraphQLParams {
  const known: GraphQLParams = {};
  if (query !== undefined && query !== null) known.query = query;
  if (operationName !== undefined && operationName !== null && operationName !== '')
    known.operationName = operationName;
  if (variables !== undefined && variables !== null) known.variables = variables;
  if (extensions !== undefined && extensions !== null) known.extensions = extensions;
  return known;
}

function fromBody(text: string): GraphQLParams {
  const body = parseJson(text, 'The body', '{"query":"{ __typename }"}');
  if (typeof body !== 'object' || body === null)
    throw badRequest('The body must be a JSON object, such as {"query":"{ __typename }"}.');
  return body;
}

function fromQuery(search: URLSearchParams): GraphQLParams {
  const params: Record<string, unknown> = {};
  for (const name of ['query', 'operationName', 'documentId', 'id', 'doc_id']) {
    const value = search.get(name);
    if (value) params[name] = value;
  }
  for (const name of ['variables', 'extensions']) {
    const value = search.get(name);
    if (value) params[name] = parseJson(value, `The parameter "${name}"`, '{"id":"224"}');
  }
  return params;
}

function parseJson(text: string, what: string, example: string): unknown {
  try {
    return parseLossless(text.startsWith(byteOrderMark) ? text.slice(1) : text, depth, refuseRounded);
  } catch {
    throw badRequest(`${what} is not JSON: send an object, such as ${example}.`);
  }
}

/** Replaces a number that lost digits by text that is no id: better no message than another one. */
function refuseRounded(source: string): string {
  return `${source}, a JSON number beyond 2^53-1 or not whole: send it as a string`;
}
