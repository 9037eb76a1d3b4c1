import { GraphQLError } from 'graphql';
import type { GraphQLParams, Plugin } from 'graphql-yoga';

/**
 * Reads GraphQL parameters from a JSON body or a query string. JSON is the only body we read: the other forms that Yoga
 * knows can be sent by any web page without a preflight. What is wrong is a `BAD_REQUEST`.
 */
export function useJsonRequests(): Plugin {
  return {
    onRequestParse({ request, url, setRequestParser }) {
      if (request.method === 'GET') setRequestParser(() => fromQuery(url.searchParams));
      if (request.method !== 'POST') return;
      const mediaType = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
      if (mediaType !== 'application/json') {
        throw badRequest('The body must be JSON: send it with the header "content-type: application/json".', 415);
      }
      setRequestParser(async (post) => fromBody(await textOf(post)));
    },
  };
}

async function textOf(post: Request): Promise<string> {
  try {
    return await post.text();
  } catch (error) {
    if (error instanceof GraphQLError) throw error; // the body is too large
    throw badRequest('The body ended before it was complete.');
  }
}

function fromBody(text: string): GraphQLParams {
  const body = parseJson(text, 'The body');
  if (typeof body !== 'object' || body === null) throw badRequest('The body must be a JSON object.');
  return body; // Yoga checks the parameters in it
}

function fromQuery(search: URLSearchParams): GraphQLParams {
  const params: GraphQLParams = {};
  for (const name of ['query', 'operationName'] as const) {
    const value = search.get(name);
    if (value) params[name] = value;
  }
  for (const name of ['variables', 'extensions'] as const) {
    const value = search.get(name);
    if (value) params[name] = parseJson(value, `The parameter "${name}"`) as Record<string, unknown>; // checked by Yoga
  }
  return params;
}

function parseJson(text: string, what: string): unknown {
  try {
    // The reviver is slow: it runs only where a number can be too large.
    return /\d{16}|\d[eE]/.test(text) ? JSON.parse(text, refuseRounded) : JSON.parse(text);
  } catch {
    throw badRequest(`${what} is not JSON.`);
  }
}

/** A number that may have lost digits on its way here. As words it fits no id: better no message than another one. */
function refuseRounded(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || !Number.isInteger(value)) return value;
  const { source = '' } = context ?? {};
  if (Number.isSafeInteger(value) && (source.length < 16 || source === String(value))) return value;
  return `${source}, a JSON number beyond 2^53-1 or not whole: send it as a string`;
}

function badRequest(message: string, status = 400): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', http: { status } } });
}
