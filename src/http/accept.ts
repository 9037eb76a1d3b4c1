/** The only readings of `Accept` and `Accept-Encoding`. */

const json = 'application/json; charset=utf-8';
const graphqlResponse = 'application/graphql-response+json; charset=utf-8';

type ResponseType = typeof json | typeof graphqlResponse;

/** The content type that Yoga chooses: the first JSON range, whatever its weight. Undefined where JSON is not accepted. */
export function responseTypeFor(accept: string): ResponseType | undefined {
  for (const [range] of rangesOf(accept)) {
    if (range === 'application/json' || range === '*/*' || range === 'application/*') return json;
    if (range === 'application/graphql-response+json') return graphqlResponse;
  }
  return undefined;
}

/** The same without a full parse, for the fast path; undefined also for an unusual header, which is left to Yoga. */
export function contentTypeFor(accept: string | undefined): ResponseType | undefined {
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return json;
  for (const range of accept.split(',')) {
    const type = range.trim();
    if (type === 'application/json' || type === '*/*' || type === 'application/*') return json;
    if (type === 'application/graphql-response+json') return graphqlResponse;
    if (!/^[a-z/+-]+$/.test(type)) return undefined;
  }
  return undefined;
}

/** Whether a browser opens a page rather than a program sends a request. */
export function wantsHtml(accept: string | undefined): boolean {
  return accept?.includes('text/html') === true;
}

export function acceptsEncoding(acceptEncoding: string | undefined, coding: string): boolean {
  return rangesOf(acceptEncoding ?? '').some(
    ([range, weight = '']) => range === coding && !/^q=0(\.0*)?$/.test(weight),
  );
}

/** Each range in lower case, followed by its parameters. */
function rangesOf(header: string): string[][] {
  return header
    .toLowerCase()
    .split(',')
    .map((range) => range.split(';').map((part) => part.trim()));
}
