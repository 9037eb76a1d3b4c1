import type { Target } from './baseline.ts';
import { type Finding, fail, note, ok } from './finding.ts';
import type { GatewayRequest } from './http-client.ts';

/** An origin that no page can have. */
const foreignOrigin = 'https://doctor.invalid';
const typename = '{ __typename }';
const byGet = `?query=${encodeURIComponent(typename)}`;

/** Whether pages from unlisted origins can read responses. */
export async function checkCors({ send, post }: Target): Promise<Finding> {
  for (const origin of [foreignOrigin, 'null']) {
    const preflight = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type, authorization',
    };
    for (const { headers } of [
      await send({ method: 'OPTIONS', headers: { origin, ...preflight }, anonymous: true }),
      await post(typename, { headers: { origin } }),
      await send({ search: byGet, headers: { origin } }),
    ]) {
      const allowed = headers['access-control-allow-origin'];
      if (allowed !== origin && allowed !== '*') continue;
      const cookies = headers['access-control-allow-credentials'] === 'true' ? ', with cookies' : '';
      return fail(
        `pages from any origin can read responses${cookies}`,
        'list the exact origins in CORS_ORIGINS, and make sure that no proxy adds access-control headers',
      );
    }
  }
  return ok('pages from foreign origins cannot read responses');
}

/** Whether a page can make a browser send a GET that runs an operation. No custom header is sent, as it would need a preflight. */
export async function checkForeignGet({ send }: Target): Promise<Finding> {
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: foreignOrigin }]) {
    const { data } = await send({ search: byGet, headers, anonymous: true });
    if (!('__typename' in data)) continue;
    return fail(
      'any page can run operations by GET',
      `have the proxy forward ${Object.keys(headers)}, and not add headers that would need a preflight`,
    );
  }
  return ok('GET requests from foreign pages are refused');
}

/** The same for POST, with each content type that a form or a script can send without a preflight. */
export async function checkForeignPost({ send }: Target): Promise<Finding> {
  const json = JSON.stringify({ query: typename });
  const part = `--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${json}\r\n--x--\r\n`;
  const bodies: [type: string | undefined, body: string][] = [
    ['application/x-www-form-urlencoded', `query=${encodeURIComponent(typename)}`],
    ['multipart/form-data; boundary=x', part],
    ['text/plain', json],
    [undefined, json],
  ];
  for (const [type, body] of bodies) {
    const request: GatewayRequest = {
      method: 'POST',
      body,
      headers: type === undefined ? {} : { 'content-type': type },
    };
    const { data } = await send(request);
    if (!('__typename' in data)) continue;
    return fail(
      `a body ${type === undefined ? 'without a content type' : `of type ${type.split(';', 1)[0]}`} is executed, and any page can send one`,
      'make sure that no proxy changes Content-Type',
    );
  }
  return ok('bodies that an HTML form can send are refused');
}

/** Whether responses forbid caching and content sniffing. */
export async function checkResponseHeaders({ post }: Target): Promise<Finding> {
  const { headers } = await post(typename);
  const missing = [
    !/\bno-store\b/.test(headers['cache-control'] ?? '') && 'cache-control: no-store',
    headers['x-content-type-options'] !== 'nosniff' && 'x-content-type-options: nosniff',
  ].filter((line) => line !== false);
  if (missing.length === 0) return ok('responses forbid caching and content sniffing');
  return fail(`responses lack ${missing.join(' and ')}`, 'have the proxy forward response headers unchanged');
}

/** Whether the GraphiQL page can run only its own code. */
export async function checkGraphiQL({ send, onLoopback }: Target): Promise<Finding> {
  const { status, headers, text } = await send({ headers: { accept: 'text/html' }, anonymous: true });
  if (status !== 200 || !headers['content-type']?.includes('text/html')) return ok(`not served (${status})`);
  const policy = headers['content-security-policy'];
  const advice = 'have the proxy forward the page and its content-security-policy unchanged';
  if (policy === undefined) return fail('the page has no content-security-policy', advice);
  const weaknesses = weaknessesOf(policy);
  if (weaknesses.length > 0) {
    return fail(`the content-security-policy of the page allows ${weaknesses.join(', ')}`, advice);
  }
  if (/<(script|link|img|iframe)\b[^>]*\s(src|href)\s*=\s*["']?(https?:)?\/\//i.test(text)) {
    return fail('the page loads resources from another origin', advice);
  }
  return onLoopback
    ? ok('the page runs only its own code')
    : note('the page is public and runs only its own code; GRAPHIQL=false disables it');
}

/** What a content security policy allows and should not. */
function weaknessesOf(policy: string): string[] {
  const directives = new Map(
    policy.split(';').map((text) => {
      const [name = '', ...sources] = text.trim().toLowerCase().split(/\s+/);
      return [name, sources] as const;
    }),
  );
  const scripts = directives.get('script-src') ?? directives.get('default-src');
  const weaknesses = [
    scripts === undefined && 'any script',
    scripts?.includes("'unsafe-eval'") && 'eval',
    scripts?.includes("'unsafe-inline'") &&
      !scripts.some((source) => /^'(nonce|sha\d+)-/.test(source)) &&
      'inline scripts',
    !/^('none'|'self')$/.test((directives.get('frame-ancestors') ?? ['']).join(' ')) && 'framing by other sites',
    [...directives].some(([name, sources]) => name.endsWith('-src') && sources.some(isForeign)) && 'foreign sources',
  ];
  return weaknesses.filter((weakness) => typeof weakness === 'string');
}

function isForeign(source: string): boolean {
  return !/^'.*'$|^(blob|data):$/.test(source);
}
