import { hash, randomUUID } from 'node:crypto';
import { type Answer, record, word } from './answer.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { readNobodys, type Target } from './first-look.ts';

/** A shorter one may be a word that comes back by chance. */
const leastSecret = 12;
const look = 'see what stands in front of the gateway, and which version is running';

/** Whether a caller finds its own request again in the log of the gateway. */
export async function checkRequestId({ post }: Target): Promise<Finding> {
  const idFor = async (id: string) =>
    (await post('{ __typename }', { headers: { 'x-request-id': id } })).headers['x-request-id'];
  const given = `doctor-${randomUUID()}`;
  const back = await idFor(given);
  if (back === undefined)
    return fail('answers have no x-request-id', 'have the proxy pass it on: the log is found by it');
  for (const wrong of ['doctor not an id', 'd'.repeat(129)]) {
    if ((await idFor(wrong)) === wrong) {
      return fail('what is no id is given back as x-request-id', `log lines can be forged with it: ${look}`);
    }
  }
  if (back === given) return ok('given back, where it is an id, and replaced where it is none');
  return warn(
    'replaced on its way',
    "have the proxy pass the caller's x-request-id on, or callers cannot tell you which",
  );
}

/**
 * Whether a token or credential comes back: made-up ones are sent in every way, and looked for, as are their digests, in
 * every answer of the whole run, that of `/metrics` included. The first read costs Linq one 401.
 */
export async function checkLeaks({ post, ask, marks, answers, secrets }: Target): Promise<Finding> {
  const linqToken = { 'x-linq-integration-token': marks.linqToken };
  const headers = { ...linqToken, authorization: `Bearer ${marks.jwt}` };
  await post(readNobodys, { headers: linqToken });
  await post(readNobodys, { headers });
  await post('{', { headers });
  await ask({ headers: { ...headers, accept: 'text/html' } });
  await ask({ path: `doctor-${randomUUID()}`, headers });
  await ask({ path: 'metrics', headers });
  for (const { to, headers, text } of answers) {
    const whole = JSON.stringify(headers) + text;
    for (const [what, secret] of Object.entries(secrets)) {
      if (secret.length < leastSecret) continue;
      if (whole.includes(secret))
        return fail(`${what} comes back in the answer to ${to}`, `${look}; renew what leaked`);
      const isDigested = (['hex', 'base64', 'base64url'] as const).some((as) =>
        whole.includes(hash('sha256', secret, as)),
      );
      if (isDigested) return fail(`a digest of ${what} comes back in the answer to ${to}`, look);
    }
  }
  return ok(`no token or credential, and no digest of one, in any of ${answers.length} answers`);
}

/** Whether errors say what was promised and no more: no answer holds a stack trace, or extensions that nobody knows. */
export async function checkErrors({ answers }: Target): Promise<Finding> {
  for (const answer of answers) {
    if (isStackTrace(answer)) return fail(`a stack trace is in the answer to ${answer.to}`, look);
    for (const { extensions } of answer.errors) {
      const { code, requestId, ...others } = record(extensions);
      if (typeof code !== 'string' || typeof requestId !== 'string') {
        return fail(`an error in the answer to ${answer.to} lacks code or requestId`, look);
      }
      const unknown = Object.keys(others).filter((name) => !/^(retryable|retryAfterMs|upstream)$/.test(name));
      if (unknown.length > 0)
        return fail(`an error in the answer to ${answer.to} also tells ${unknown.map(word).join(', ')}`, look);
    }
  }
  return ok('errors say what was promised, and no more');
}

/** Whether answers name the software behind them. */
export async function checkSoftware({ answers }: Target): Promise<Finding> {
  const names = new Set<string>();
  for (const { headers } of answers) {
    if (headers['x-powered-by'] !== undefined) names.add('x-powered-by');
    if (/\d/.test(headers['server'] ?? '')) names.add('server');
  }
  if (names.size === 0) return ok('no answer names its version');
  return warn(
    `answers name software and its version (${[...names].join(', ')})`,
    'have the proxy leave these headers out',
  );
}

function isStackTrace({ headers, text }: Answer): boolean {
  return !headers['content-type']?.includes('html') && /(\n|\\n) +at \S.*:\d+:\d+/.test(text);
}
