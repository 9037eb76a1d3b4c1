import type { GraphQLParams, Plugin } from 'graphql-yoga';
import { parseExactly } from '../datasources/linq/lossless-json.ts';
import { badRequest } from '../errors/client-errors.ts';
import { BodyFault, hasJsonBody, readBody } from '../http/body.ts';
import type { ServerContext } from './server-context.ts';
import { type TrustedDocuments, trusted } from './trusted-documents.ts';

/** From the parameters down to the ids in a list of keys. Deeper values fit no type. */
const depth = 5;

/**
 * Reads GraphQL parameters from a JSON body or a query string. The other forms that Yoga supports are refused: any web page
 * can send them without a preflight. Throws a `BAD_REQUEST` for invalid ones.
 */
export function useJsonRequests(maxBodyBytes: number, readParams: ReadParams): Plugin<object, ServerContext> {
  return {
    onRequestParse({ request, url, serverContext, setRequestParser }) {
      if (request.method === 'GET') setRequestParser(() => readParams(url.searchParams));
      if (request.method !== 'POST') return;
      const { req, body } = serverContext;
      if (!hasJsonBody(req)) {
        throw badRequest('The body must be JSON: send it with the header "content-type: application/json".', 415);
      }
      setRequestParser(async () => readParams(await textOf(body ?? readBody(req, maxBodyBytes))));
    },
  };
}

async function textOf(body: Promise<string>): Promise<string> {
  try {
    return await body;
  } catch (error) {
    if (!(error instanceof BodyFault)) throw error;
    if (error.fault === 'incomplete') throw badRequest('The body ended before it was complete. Send it again.');
    if (error.fault === 'not UTF-8') throw badRequest('The body is not UTF-8: encode it as UTF-8.');
    throw badRequest('The body is larger than MAX_BODY_BYTES: ask for less at once.', 413);
  }
}

/** Parameters from a body or a query string, with a `query`; throws a `BAD_REQUEST`. Their types are for the caller to check. */
export type ReadParams = (from: string | URLSearchParams) => GraphQLParams;

/** With trusted documents, only these are accepted. */
export function createParamsReader(documents: TrustedDocuments | undefined): ReadParams {
  return (from) => {
    const params = typeof from === 'string' ? fromBody(from) : fromQuery(from);
    if (documents !== undefined) return trusted(params, documents);
    if ((params.query ?? undefined) === undefined && !Array.isArray(params))
      throw badRequest('The request has no query: send the document as "query", such as {"query":"{ __typename }"}.');
    return params;
  };
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
    return parseExactly(text, depth, refuseRounded);
  } catch {
    throw badRequest(`${what} is not JSON: send an object, such as ${example}.`);
  }
}

/** Replaces a number that lost digits by text that is no id: better no message than another one. */
function refuseRounded(source: string): string {
  return `${source}, a JSON number beyond 2^53-1 or not whole: send it as a string`;
}
