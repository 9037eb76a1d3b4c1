import type { Target } from './baseline.ts';
import { type Finding, fail, ok } from './finding.ts';
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
        `Pages of any origin can read responses${cookies}.`,
        'List the exact origins in CORS_ORIGINS, and make sure that no proxy adds access-control headers.',
      );
    }
  }
  return ok('Pages of foreign origins cannot read responses.');
}

/** Whether a page can make a browser send a GET that runs an operation. No custom header is sent, as it would need a preflight. */
export async function checkForeignGet({ send }: Target): Promise<Finding> {
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: foreignOrigin }]) {
    const { data } = await send({ search: byGet, headers, anonymous: true });
    if (!('__typename' in data)) continue;
    return fail(
      'Any page can run operations by GET.',
      `Let the proxy forward ${Object.keys(headers)}, and not add headers that would need a preflight.`,
    );
  }
  return ok('GET requests from foreign pages are refused.');
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
      `The gateway executes a body ${type === undefined ? 'without a content type' : `of type ${type.split(';', 1)[0]}`}, which any page can send.`,
      'Make sure that no proxy changes Content-Type.',
    );
  }
  return ok('Bodies that an HTML form can send are refused.');
}

/** Whether responses forbid caching and content sniffing. */
export async function checkResponseHeaders({ post }: Target): Promise<Finding> {
  const { headers } = await post(typename);
  const missing = [
    !/\bno-store\b/.test(headers['cache-control'] ?? '') && 'cache-control: no-store',
    headers['x-content-type-options'] !== 'nosniff' && 'x-content-type-options: nosniff',
  ].filter((line) => line !== false);
  if (missing.length === 0) return ok('Responses forbid caching and content sniffing.');
  return fail(`Responses lack ${missing.join(' and ')}.`, 'Let the proxy forward response headers unchanged.');
}
