import { type Finding, fail, note, ok } from './finding.ts';
import type { Target } from './first-look.ts';
import type { Question } from './http-client.ts';

/** No page is ever from there. */
const foreignOrigin = 'https://doctor.invalid';
const typename = '{ __typename }';
const byGet = `?query=${encodeURIComponent(typename)}`;

/** Whether pages of origins that nobody listed may read answers. */
export async function checkCors({ ask, post }: Target): Promise<Finding> {
  for (const origin of [foreignOrigin, 'null']) {
    const preflight = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type, authorization',
    };
    for (const { headers } of [
      await ask({ method: 'OPTIONS', headers: { origin, ...preflight }, anonymous: true }),
      await post(typename, { headers: { origin } }),
      await ask({ search: byGet, headers: { origin } }),
    ]) {
      const allowed = headers['access-control-allow-origin'];
      if (allowed !== origin && allowed !== '*') continue;
      const also = headers['access-control-allow-credentials'] === 'true' ? ', with its cookies' : '';
      return fail(
        `a page of any origin may read answers${also}`,
        'list the exact origins in CORS_ORIGINS, and have nothing else add access-control headers',
      );
    }
  }
  return ok('a page of a foreign origin may read nothing');
}

/** Whether a page can make a browser run operations without asking first. Browsers add no header of ours by themselves. */
export async function checkForeignGet({ ask }: Target): Promise<Finding> {
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: foreignOrigin }]) {
    const { data } = await ask({ search: byGet, headers, anonymous: true });
    if (!('__typename' in data)) continue;
    return fail(
      'any page can run operations by GET',
      `have the proxy pass on ${Object.keys(headers)} and add no header of its own that needs a preflight`,
    );
  }
  return ok('what a browser sends for a foreign page is refused');
}

/** The same by POST, with what a form or a script may send without a preflight. */
export async function checkForeignPost({ ask }: Target): Promise<Finding> {
  const json = JSON.stringify({ query: typename });
  const part = `--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${json}\r\n--x--\r\n`;
  const bodies: [type: string | undefined, body: string][] = [
    ['application/x-www-form-urlencoded', `query=${encodeURIComponent(typename)}`],
    ['multipart/form-data; boundary=x', part],
    ['text/plain', json],
    [undefined, json],
  ];
  for (const [type, body] of bodies) {
    const question: Question = { method: 'POST', body, headers: type === undefined ? {} : { 'content-type': type } };
    const { data } = await ask(question);
    if (!('__typename' in data)) continue;
    return fail(
      `a body ${type === undefined ? 'of no type' : `of type ${type.split(';', 1)[0]}`} is executed, and any page can send one`,
      'have nothing change Content-Type on its way to the gateway',
    );
  }
  return ok('bodies that a form can send are refused');
}

/** Whether answers are nobody's to keep, and are taken for what they are. */
export async function checkAnswerHeaders({ post }: Target): Promise<Finding> {
  const { headers } = await post(typename);
  const missing = [
    !/\bno-store\b/.test(headers['cache-control'] ?? '') && 'cache-control: no-store',
    headers['x-content-type-options'] !== 'nosniff' && 'x-content-type-options: nosniff',
  ].filter((line) => line !== false);
  if (missing.length === 0) return ok('answers are kept by nobody, and taken for what they are');
  return fail(`answers lack ${missing.join(' and ')}`, 'have the proxy pass the headers of answers on as they are');
}

/** Whether GraphiQL's page runs nothing but itself. */
export async function checkPage({ ask, onLoopback }: Target): Promise<Finding> {
  const { status, headers, text } = await ask({ headers: { accept: 'text/html' }, anonymous: true });
  if (status !== 200 || !headers['content-type']?.includes('text/html')) return ok(`left out (${status})`);
  const policy = headers['content-security-policy'];
  const keep = 'have the proxy pass the page and its content-security-policy on as they are';
  if (policy === undefined) return fail('the page has no content-security-policy', keep);
  const faults = faultsOf(policy);
  if (faults.length > 0) return fail(`the content-security-policy of the page allows ${faults.join(', ')}`, keep);
  if (/<(script|link|img|iframe)\b[^>]*\s(src|href)\s*=\s*["']?(https?:)?\/\//i.test(text)) {
    return fail('the page loads something from elsewhere', keep);
  }
  return onLoopback
    ? ok('runs nothing but itself')
    : note('served to anybody, and runs nothing but itself; GRAPHIQL=false leaves it out');
}

/** What a content security policy allows and should not. */
function faultsOf(policy: string): string[] {
  const directives = new Map(
    policy.split(';').map((text) => {
      const [name = '', ...sources] = text.trim().toLowerCase().split(/\s+/);
      return [name, sources] as const;
    }),
  );
  const scripts = directives.get('script-src') ?? directives.get('default-src');
  const faults = [
    scripts === undefined && 'any script',
    scripts?.includes("'unsafe-eval'") && 'eval',
    scripts?.includes("'unsafe-inline'") &&
      !scripts.some((source) => /^'(nonce|sha\d+)-/.test(source)) &&
      'inline scripts',
    !/^('none'|'self')$/.test((directives.get('frame-ancestors') ?? ['']).join(' ')) && 'frames of others',
    [...directives].some(([name, sources]) => name.endsWith('-src') && sources.some(isForeign)) && 'foreign sources',
  ];
  return faults.filter((fault) => typeof fault === 'string');
}

function isForeign(source: string): boolean {
  return !/^'.*'$|^(blob|data):$/.test(source);
}
