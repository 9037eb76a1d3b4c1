import type { IncomingMessage } from 'node:http';
import type { GraphQLParams, Plugin } from 'graphql-yoga';
import { parseLossless } from '../datasources/linq/lossless-json.ts';
import { badRequest } from '../errors/client-errors.ts';
import { BodyFault, readBody } from '../http/body.ts';
import type { ServerContext } from '../http/request-id.ts';
import { type TrustedDocuments, trusted } from './trusted-documents.ts';

/** From the parameters down to the ids of a list of keys. What lies deeper fits no type. */
const depth = 5;

/** Whether the body claims to be JSON, the only kind that we read. */
export function hasJsonBody({ method, headers }: IncomingMessage): boolean {
  const contentType = headers['content-type'];
  if (method !== 'POST' || contentType === undefined) return false;
  return (
    contentType === 'application/json' || contentType.split(';', 1)[0]?.trim().toLowerCase() === 'application/json'
  );
}

/**
 * Reads GraphQL parameters from a JSON body or a query string. The other forms that Yoga knows are refused: any web page
 * can send them without a preflight. What is wrong is a `BAD_REQUEST`.
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
    if (error.fault === 'not UTF-8') throw badRequest('The body is not UTF-8: encode it so.');
    throw badRequest('The body is larger than MAX_BODY_BYTES: ask for less at once.', 413);
  }
}

/**
 * Parameters from a body or a query string; throws a `BAD_REQUEST` for what is none. Which of them there are, and whether
 * they fit, is for the caller to check.
 */
export type ReadParams = (from: string | URLSearchParams) => GraphQLParams;

/** With trusted documents, only these are let through. */
export function createParamsReader(documents: TrustedDocuments | undefined): ReadParams {
  return (from) => {
    const params = typeof from === 'string' ? fromBody(from) : fromQuery(from);
    return documents === undefined ? params : trusted(params, documents);
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
    return parseLossless(text, depth, refuseRounded);
  } catch {
    throw badRequest(`${what} is not JSON: send an object, such as ${example}.`);
  }
}

/** A number that has lost digits on its way here. As words it fits no id: better no message than another one. */
function refuseRounded(source: string): string {
  return `${source}, a JSON number beyond 2^53-1 or not whole: send it as a string`;
}
