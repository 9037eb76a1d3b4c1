import type { Target } from './baseline.ts';
import { type Finding, fail, note, ok, warn } from './finding.ts';

const requireCredential = 'Set GATEWAY_API_KEYS or GATEWAY_JWKS_URL';

/** Whether the gateway executes operations, which most other checks need. */
export async function checkOperations(target: Target): Promise<Finding> {
  const { operations, status, latencyMs, sendsCredential } = target;
  if (operations === 'executed') return ok(`The gateway executes operations, in ${latencyMs} ms (median of five).`);
  if (operations === 'trusted documents only') {
    return note('The gateway executes trusted documents only. Checks that need other documents are skipped.');
  }
  if (operations === 'credential required') {
    if (!sendsCredential) {
      return note(
        'The gateway requires a credential. Set GATEWAY_CREDENTIAL, otherwise checks that need it are skipped.',
      );
    }
    return fail(
      'The gateway does not accept the credential in GATEWAY_CREDENTIAL.',
      'Use "Bearer " and one of GATEWAY_API_KEYS, or a JWT from the configured issuer for the configured audience that has not expired.',
    );
  }
  if (status === 421) {
    return fail(
      'The gateway refuses this host name (421), because every caller could use its Linq token.',
      `${requireCredential} before you expose it through a proxy.`,
    );
  }
  return fail(
    `The gateway refuses operations (${status}).`,
    'Check its log: it may be shutting down, or cannot reach GATEWAY_JWKS_URL.',
  );
}

/** Whether the gateway refuses callers without a credential or with an invalid one. */
export async function checkAccess(target: Target): Promise<Finding | []> {
  const { anonymousAccess, onLoopback, operations, send, post, decoyJwt } = target;
  if (anonymousAccess === 'read with own token') {
    return ok('No credential is required, but every caller needs its own Linq token.');
  }
  if (anonymousAccess === "read with the gateway's token") {
    if (onLoopback)
      return ok(
        'Every process on this machine can read with the Linq token of the gateway. Run the doctor from another one to see whether it can, too.',
      );
    return fail(
      'Anyone can read with the Linq token of the gateway.',
      `${requireCredential}, and leave GATEWAY_ALLOW_ANONYMOUS unset.`,
    );
  }
  if (anonymousAccess === 'send trusted documents') {
    if (onLoopback)
      return ok(
        'Every process on this machine can send the trusted documents. Run the doctor from another one to see whether it can, too.',
      );
    return warn('Anyone can send the trusted documents.', `${requireCredential}, unless this is intended.`);
  }
  if (anonymousAccess === 'unclear') {
    if (operations === 'refused') return []; // already reported
    return fail(
      'The response to a request without a credential is neither 401 nor a message.',
      'Check what is in front of the gateway.',
    );
  }
  const byGet = await send({ search: `?query=${encodeURIComponent('{ __typename }')}`, anonymous: true });
  const withDecoy = await post('{ __typename }', { headers: { authorization: `Bearer ${decoyJwt}` } });
  if (byGet.status !== 401) {
    return fail(
      `A GET without a credential returns ${byGet.status}, not 401.`,
      'Check whether a proxy adds a credential.',
    );
  }
  if (withDecoy.status === 503) {
    return fail('The gateway cannot verify JWTs (503).', 'Check whether it can reach GATEWAY_JWKS_URL.');
  }
  if (withDecoy.status !== 401) {
    return fail(
      `An invalid JWT returns ${withDecoy.status}, not 401.`,
      'Check whether a proxy replaces the credential.',
    );
  }
  return ok('Requests without a credential, or with an invalid one, are refused with 401.');
}

/** Whether DNS rebinding works: a web page whose host name resolves to 127.0.0.1 could use an open gateway on loopback. */
export async function checkRebinding({ anonymousAccess, onLoopback, post }: Target): Promise<Finding | []> {
  if (!onLoopback || anonymousAccess !== "read with the gateway's token") return [];
  const { status } = await post('{ __typename }', { headers: { host: 'doctor.invalid' } });
  if (status === 421) return ok('Host names other than those of loopback are refused (421).');
  return warn(
    'Every host name is accepted, so any web page can read messages through DNS rebinding.',
    'Leave GATEWAY_ALLOW_ANONYMOUS unset, except for the sandbox, whose data is made up.',
  );
}
