/** The only readings of `Accept` and `Accept-Encoding`. */

const json = 'application/json; charset=utf-8';
const graphqlResponse = 'application/graphql-response+json; charset=utf-8';

/** The content type of the response, as Yoga would choose it; undefined for an unusual header, which is left to Yoga. */
export function contentTypeFor(accept: string | undefined): typeof json | typeof graphqlResponse | undefined {
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return json;
  for (const range of accept.split(',')) {
    const type = range.trim();
    if (type === 'application/json' || type === '*/*' || type === 'application/*') return json;
    if (type === 'application/graphql-response+json') return graphqlResponse;
    if (!/^[a-z/+-]+$/.test(type)) return undefined;
  }
  return undefined;
}

/** Whether the response may be JSON of either type. */
export function acceptsJson(accept: string): boolean {
  return rangesOf(accept).some(([range = '']) =>
    /^(\*\/\*|application\/(\*|json|graphql-response\+json))$/.test(range),
  );
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
