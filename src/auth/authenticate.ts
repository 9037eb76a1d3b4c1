import type { FailureLog, RequestIds } from '../errors/failure-log.ts';
import type { Rejection } from '../errors/rejection.ts';
import { type CallerRules, createCredentialCheck, type Identity } from './credentials.ts';

/** Who calls, or why the request is refused. Synchronous where no credential is required. */
type Authenticate = (
  authorization: string | undefined,
  ids: RequestIds,
) => Identity | Rejection | Promise<Identity | Rejection>;

const anonymous: Identity = { caller: undefined, chats: undefined };

/** Without rules, every caller is accepted. */
export function createAuthenticate(rules: CallerRules | undefined, log: FailureLog): Authenticate {
  if (rules === undefined) return () => anonymous;
  const check = createCredentialCheck(rules, log);
  return async (authorization, ids) => {
    const outcome = await check(authorization, ids);
    if (outcome === 'unauthenticated') {
      return {
        status: 401,
        code: 'UNAUTHENTICATED',
        message: 'This gateway requires a credential: send it in the header "authorization: Bearer …".',
        headers: { 'www-authenticate': authorization === undefined ? 'Bearer' : 'Bearer error="invalid_token"' },
      };
    }
    if (outcome === 'unavailable') {
      return {
        status: 503,
        code: 'UPSTREAM_UNAVAILABLE',
        message: 'The credential cannot be checked at the moment. Retry later.',
      };
    }
    return outcome;
  };
}
