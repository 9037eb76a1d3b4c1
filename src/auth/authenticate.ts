import type { Logger } from 'pino';
import type { ErrorCode } from '../errors.ts';
import type { RequestIds } from '../telemetry/request-record.ts';
import { type CallerRules, createCallerCheck, type Identity } from './credentials.ts';

/** The answer to a request as a whole, before it is looked into. */
export interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly headers?: Record<string, string>;
}

/** Who calls, or what a caller who does not show that is told. At once where nobody has to show it. */
type Identify = (
  authorization: string | undefined,
  ids: RequestIds,
) => Identity | Refusal | Promise<Identity | Refusal>;

const anybody: Identity = { chats: undefined };

/** Without rules, whoever reaches the gateway is let in. */
export function createIdentify(rules: CallerRules | undefined, log: Logger): Identify {
  if (rules === undefined) return () => anybody;
  const check = createCallerCheck(rules, ({ name }, { requestId, traceId }) =>
    log.error({ requestId, traceId, error: name }, 'the keys at GATEWAY_JWKS_URL cannot be fetched'),
  );
  return async (authorization, ids) => {
    const outcome = await check(authorization, ids);
    if (outcome === 'unauthenticated') {
      return {
        status: 401,
        code: 'UNAUTHENTICATED',
        message: 'A credential of this gateway is needed: send it in the header "authorization: Bearer …".',
        headers: { 'www-authenticate': authorization === undefined ? 'Bearer' : 'Bearer error="invalid_token"' },
      };
    }
    if (outcome === 'unavailable') {
      return {
        status: 503,
        code: 'UPSTREAM_UNAVAILABLE',
        message: 'The credential cannot be checked at the moment. Ask again later.',
      };
    }
    return outcome;
  };
}
