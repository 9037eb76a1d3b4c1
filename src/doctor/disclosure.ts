import { hash, randomUUID } from 'node:crypto';
import { missingMessageQuery, type Target } from './baseline.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { asRecord, type GatewayResponse, reportable } from './gateway-response.ts';

/** A shorter secret could occur in a response by coincidence. */
const minSecretLength = 12;
const checkProxy = 'check what is in front of the gateway, and which version is running';

/** Whether callers can choose a valid request id, by which they find their request in the log of the gateway. */
export async function checkRequestId({ post }: Target): Promise<Finding> {
  const idFor = async (id: string) =>
    (await post('{ __typename }', { headers: { 'x-request-id': id } })).headers['x-request-id'];
  const sent = `doctor-${randomUUID()}`;
  const returned = await idFor(sent);
  if (returned === undefined) {
    return fail('responses have no x-request-id', 'have the proxy forward it: it identifies a request in the log');
  }
  for (const malformed of ['doctor not an id', 'd'.repeat(129)]) {
    if ((await idFor(malformed)) === malformed) {
      return fail('a malformed x-request-id is returned', `log lines can be forged with it: ${checkProxy}`);
    }
  }
  if (returned === sent) return ok('a valid id is returned, and a malformed one is replaced');
  return warn(
    'a valid id is replaced',
    "have the proxy forward the caller's x-request-id, otherwise callers cannot refer to their request",
  );
}

/**
 * Whether a response contains a token, a credential or a digest of one. Sends decoys in every way that the gateway accepts,
 * then searches every response of the whole run, including `/metrics`. The first read costs Linq one 401.
 */
export async function checkLeaks({ post, send, decoys, responses, secrets }: Target): Promise<Finding> {
  const linqToken = { 'x-linq-integration-token': decoys.linqToken };
  const headers = { ...linqToken, authorization: `Bearer ${decoys.jwt}` };
  await post(missingMessageQuery, { headers: linqToken });
  await post(missingMessageQuery, { headers });
  await post('{', { headers });
  await send({ headers: { ...headers, accept: 'text/html' } });
  await send({ path: `doctor-${randomUUID()}`, headers });
  await send({ path: 'metrics', headers });
  for (const { request, headers, text } of responses) {
    const response = JSON.stringify(headers) + text;
    for (const [name, secret] of Object.entries(secrets)) {
      if (secret.length < minSecretLength) continue;
      if (response.includes(secret)) {
        return fail(`the response to ${request} contains ${name}`, `${checkProxy}; renew what leaked`);
      }
      const hasDigest = (['hex', 'base64', 'base64url'] as const).some((encoding) =>
        response.includes(hash('sha256', secret, encoding)),
      );
      if (hasDigest) return fail(`the response to ${request} contains a digest of ${name}`, checkProxy);
    }
  }
  return ok(`none of ${responses.length} responses contains a token, a credential or a digest of one`);
}

/** Whether errors have only the documented extensions, and no response contains a stack trace. */
export async function checkErrors({ responses }: Target): Promise<Finding> {
  for (const response of responses) {
    const { request } = response;
    if (hasStackTrace(response)) return fail(`the response to ${request} contains a stack trace`, checkProxy);
    for (const { extensions } of response.errors) {
      const { code, requestId, ...others } = asRecord(extensions);
      if (typeof code !== 'string' || typeof requestId !== 'string') {
        return fail(`an error in the response to ${request} lacks code or requestId`, checkProxy);
      }
      const unknown = Object.keys(others).filter((name) => !/^(retryable|retryAfterMs|upstream)$/.test(name));
      if (unknown.length > 0) {
        return fail(
          `an error in the response to ${request} has unknown extensions: ${unknown.map(reportable).join(', ')}`,
          checkProxy,
        );
      }
    }
  }
  return ok('errors have only documented extensions, and no response contains a stack trace');
}

/** Whether response headers disclose software and its version. */
export async function checkSoftware({ responses }: Target): Promise<Finding> {
  const names = new Set<string>();
  for (const { headers } of responses) {
    if (headers['x-powered-by'] !== undefined) names.add('x-powered-by');
    if (/\d/.test(headers['server'] ?? '')) names.add('server');
  }
  if (names.size === 0) return ok('no response discloses a software version');
  return warn(
    `response headers disclose software and its version (${[...names].join(', ')})`,
    'have the proxy remove these headers',
  );
}

function hasStackTrace({ headers, text }: GatewayResponse): boolean {
  return !headers['content-type']?.includes('html') && /(\n|\\n) +at \S.*:\d+:\d+/.test(text);
}
