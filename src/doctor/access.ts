import { type Finding, fail, note, ok, warn } from './finding.ts';
import type { Target } from './first-look.ts';

const close = 'set GATEWAY_API_KEYS or GATEWAY_JWKS_URL';

/** Whether operations of ours are answered, which most of the other checks live on. */
export async function checkOperations(target: Target): Promise<Finding> {
  const { operations, status, latencyMs, sendsCredential } = target;
  if (operations === 'answered') return ok(`answered, in ${latencyMs} ms (the median of five)`);
  if (operations === 'trusted documents alone') {
    return note('only trusted documents are executed: what needs others is left out');
  }
  if (operations === 'credential needed') {
    if (!sendsCredential) return note('a credential is needed: set GATEWAY_CREDENTIAL, or what needs it is left out');
    return fail(
      'the credential of GATEWAY_CREDENTIAL is not accepted',
      'send "Bearer " and one of GATEWAY_API_KEYS, or a JWT of the configured issuer and audience that has not expired',
    );
  }
  if (status === 421) {
    return fail(
      'refused under this name (421): whoever reaches the gateway may use its token, so it answers on loopback only',
      `${close} before anything passes requests on to it`,
    );
  }
  return fail(`refused (${status})`, 'see the log of the gateway: it may be stopping, or not reach GATEWAY_JWKS_URL');
}

/** Who gets in without a credential, or with one that nobody issued. */
export async function checkAccess(target: Target): Promise<Finding | []> {
  const { anybody, onLoopback, operations, ask, post, marks } = target;
  if (anybody === 'bring a token') return ok('anybody may ask, but reads with a Linq token of their own alone');
  if (anybody === "use the gateway's token") {
    if (onLoopback) return ok("who is at this machine reads with the gateway's Linq token");
    return fail("anybody reads with the gateway's Linq token", `${close}, and leave GATEWAY_ALLOW_ANONYMOUS unset`);
  }
  if (anybody === 'send trusted documents') {
    if (onLoopback) return ok('who is at this machine may send the trusted documents');
    return warn('anybody may send the trusted documents', `${close}, unless that is meant`);
  }
  if (anybody === 'unclear') {
    if (operations === 'refused') return []; // told already
    return fail(
      'who has no credential is answered neither 401 nor a message',
      'see what stands in front of the gateway',
    );
  }
  const byGet = await ask({ search: `?query=${encodeURIComponent('{ __typename }')}`, anonymous: true });
  const madeUp = await post('{ __typename }', { headers: { authorization: `Bearer ${marks.jwt}` } });
  if (byGet.status !== 401) {
    return fail(`a GET without a credential is answered ${byGet.status}, not 401`, 'see what adds one on its way');
  }
  if (madeUp.status === 503) {
    return fail('JWTs cannot be checked (503)', 'see whether the gateway reaches GATEWAY_JWKS_URL');
  }
  if (madeUp.status !== 401) {
    return fail(`a made-up JWT is answered ${madeUp.status}, not 401`, 'see what replaces it on its way');
  }
  return ok('without a credential, or with a made-up one, the answer is 401');
}

/** Whether a web page that rebinds its own name to 127.0.0.1 gets to a gateway that trusts whoever sits there. */
export async function checkRebinding({ anybody, onLoopback, post }: Target): Promise<Finding | []> {
  if (!onLoopback || anybody !== "use the gateway's token") return [];
  const { status } = await post('{ __typename }', { headers: { host: 'doctor.invalid' } });
  if (status === 421) return ok('refused under a name that is not of loopback (421)');
  return warn(
    'answered under any name, so any web page can read messages by rebinding its own to this machine',
    'leave GATEWAY_ALLOW_ANONYMOUS unset, except for the sandbox, whose data is made up',
  );
}
