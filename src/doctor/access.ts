import type { Target } from './baseline.ts';
import { type Finding, fail, note, ok, warn } from './finding.ts';

const requireCredential = 'set GATEWAY_API_KEYS or GATEWAY_JWKS_URL';

/** Whether the gateway executes operations, which most other checks need. */
export async function checkOperations(target: Target): Promise<Finding> {
  const { operations, status, latencyMs, sendsCredential } = target;
  if (operations === 'executed') return ok(`executed in ${latencyMs} ms (median of five)`);
  if (operations === 'trusted documents only') {
    return note('only trusted documents are executed; checks that need other documents are skipped');
  }
  if (operations === 'credential required') {
    if (!sendsCredential) {
      return note('a credential is required: set GATEWAY_CREDENTIAL, otherwise checks that need it are skipped');
    }
    return fail(
      'the credential in GATEWAY_CREDENTIAL is not accepted',
      'use "Bearer " and one of GATEWAY_API_KEYS, or a JWT from the configured issuer for the configured audience that has not expired',
    );
  }
  if (status === 421) {
    return fail(
      'refused for this host name (421): every caller could use the Linq token of the gateway, so it serves loopback only',
      `${requireCredential} before exposing it through a proxy`,
    );
  }
  return fail(
    `refused (${status})`,
    'check the log of the gateway: it may be shutting down, or cannot reach GATEWAY_JWKS_URL',
  );
}

/** Whether the gateway refuses callers without a credential or with an invalid one. */
export async function checkAccess(target: Target): Promise<Finding | []> {
  const { anonymousAccess, onLoopback, operations, send, post, decoys } = target;
  if (anonymousAccess === 'read with own token') {
    return ok('no credential is required, but every caller needs its own Linq token');
  }
  if (anonymousAccess === "read with the gateway's token") {
    if (onLoopback) return ok('every process on this machine can read with the Linq token of the gateway');
    return fail(
      'anyone can read with the Linq token of the gateway',
      `${requireCredential}, and leave GATEWAY_ALLOW_ANONYMOUS unset`,
    );
  }
  if (anonymousAccess === 'send trusted documents') {
    if (onLoopback) return ok('every process on this machine can send the trusted documents');
    return warn('anyone can send the trusted documents', `${requireCredential}, unless this is intended`);
  }
  if (anonymousAccess === 'unclear') {
    if (operations === 'refused') return []; // already reported
    return fail(
      'without a credential the response is neither 401 nor a message',
      'check what is in front of the gateway',
    );
  }
  const byGet = await send({ search: `?query=${encodeURIComponent('{ __typename }')}`, anonymous: true });
  const withDecoy = await post('{ __typename }', { headers: { authorization: `Bearer ${decoys.jwt}` } });
  if (byGet.status !== 401) {
    return fail(
      `a GET without a credential returns ${byGet.status}, not 401`,
      'check whether a proxy adds a credential',
    );
  }
  if (withDecoy.status === 503) {
    return fail('JWTs cannot be verified (503)', 'check whether the gateway can reach GATEWAY_JWKS_URL');
  }
  if (withDecoy.status !== 401) {
    return fail(`an invalid JWT returns ${withDecoy.status}, not 401`, 'check whether a proxy replaces the credential');
  }
  return ok('requests without a credential, or with an invalid one, are refused with 401');
}

/** Whether DNS rebinding works: a web page whose host name resolves to 127.0.0.1 could use an open gateway on loopback. */
export async function checkRebinding({ anonymousAccess, onLoopback, post }: Target): Promise<Finding | []> {
  if (!onLoopback || anonymousAccess !== "read with the gateway's token") return [];
  const { status } = await post('{ __typename }', { headers: { host: 'doctor.invalid' } });
  if (status === 421) return ok('host names other than those of loopback are refused (421)');
  return warn(
    'every host name is accepted, so any web page can read messages through DNS rebinding',
    'leave GATEWAY_ALLOW_ANONYMOUS unset, except for the sandbox, whose data is made up',
  );
}
