/** The only readings of `Accept` and `Accept-Encoding`: by weights and specificity, as RFC 9110 defines them. */
import Negotiator from 'negotiator';

const json = 'application/json; charset=utf-8';
const graphqlResponse = 'application/graphql-response+json; charset=utf-8';
const html = 'text/html; charset=utf-8';

type ResponseType = typeof json | typeof graphqlResponse;

/** Of several that a client accepts equally, the first that it names; of those that a wildcard covers, JSON. */
const responseTypes: readonly ResponseType[] = [json, graphqlResponse];

/** Headers of common clients, read once. */
const common = new Map(
  [
    '*/*',
    'application/json',
    'application/json, */*',
    'application/json, text/plain, */*', // axios
    'application/json, text/plain',
    'application/graphql-response+json',
    'application/graphql-response+json, application/json',
    'application/graphql-response+json,application/json',
    'application/graphql-response+json,application/json;q=0.9', // Apollo Client 4
    'application/graphql-response+json, application/json;q=0.9',
    'application/graphql-response+json; charset=utf-8, application/json; charset=utf-8',
    'application/json, application/graphql-response+json',
    // urql
    'application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed',
    'text/event-stream, multipart/mixed, application/graphql-response+json, application/graphql+json, application/json',
  ].map((accept) => [accept, read(accept)]),
);

/** The type of a response to `/graphql`; undefined where the client accepts none that there is. */
export function responseTypeFor(accept: string | undefined): ResponseType | undefined {
  return contentTypeFor(accept) ?? read(accept);
}

/** The same for common headers, without reading them; undefined for any other, which the fast path leaves to Yoga. */
export function contentTypeFor(accept: string | undefined): ResponseType | undefined {
  return accept === undefined ? json : common.get(accept);
}

/** How subscriptions are sent. */
export type StreamType = 'text/event-stream' | 'multipart/mixed';

const apolloSubscription = /multipart\/mixed\s*;[^,]*\bsubscriptionSpec\s*=\s*"?1\.0\b/i;

/** Of the types of streams that a client names, the one it prefers: a wildcard means no stream. Apollo's names its protocol. */
export function streamTypeFor(accept: string | undefined): StreamType | undefined {
  if (accept === undefined || !/text\/event-stream|multipart\/mixed/i.test(accept)) return undefined;
  for (const type of new Negotiator({ headers: { accept } }).mediaTypes()) {
    if (type === 'text/event-stream') return type;
    if (type === 'multipart/mixed' && apolloSubscription.test(accept)) return type;
  }
  return undefined;
}

/** Whether a browser opens a page rather than a program sends a request. */
export function wantsHtml(accept: string | undefined): boolean {
  return accept !== undefined && preferred(accept, [...responseTypes, html]) === html;
}

/** The coding to use of these, in the gateway's order of preference; undefined where the client prefers none. */
export function codingFor<C extends string>(acceptEncoding: string | undefined, codings: readonly C[]): C | undefined {
  const headers = { 'accept-encoding': acceptEncoding ?? '' };
  const found = new Negotiator({ headers }).encoding([...codings, 'identity'], { preferred: codings });
  return codings.find((coding) => coding === found);
}

function read(accept = '*/*'): ResponseType | undefined {
  return preferred(accept, responseTypes);
}

function preferred<T extends string>(accept: string, types: readonly T[]): T | undefined {
  const found = new Negotiator({ headers: { accept } }).mediaType(types);
  return types.find((type) => type === found);
}
