import { createHash, timingSafeEqual } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { FailureLog, RequestIds } from '../errors/failure-log.ts';
import { type ChatAccess, chatsOf } from './chat-access.ts';
import { freshMs, IssuerKeys, KeysUnavailableError } from './issuer-keys.ts';

/** The credentials that are accepted: `Authorization: Bearer`, followed by one of the keys or by a JWT. */
export interface CallerRules {
  /** Several at once, so that they can be rotated. */
  readonly apiKeys: readonly string[];
  readonly jwt: JwtRules | undefined;
}

interface JwtRules {
  /** Where the issuer publishes its public keys. */
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  /** The URL of the proxy through which the keys are fetched. */
  readonly proxy: string | undefined;
}

/** An authenticated caller. */
export interface Identity {
  /** A digest of the key or of the JWT's subject; undefined where no credentials are required. */
  readonly caller: string | undefined;
  readonly chats: ChatAccess;
  /** When the credential must be checked again, in milliseconds of `performance.now()`; undefined is never. */
  readonly validUntil?: number;
}

/** The credential is missing or wrong, or it cannot be checked at the moment. */
type AuthFailure = 'unauthenticated' | 'unavailable';

type CheckCredential = (authorization: string | undefined, ids: RequestIds) => Promise<Identity | AuthFailure>;

/** Only asymmetric ones: a JWKS contains public keys, and a public key must never serve as a shared secret. */
const algorithms = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');
/** How far the issuer's clock and ours may differ. In seconds. */
const clockToleranceSeconds = 30;
/** Absent, or of an access token (RFC 9068) or a JWT of no special purpose; a logout token is none of these. */
const types = /^(application\/)?(at\+)?jwt$/i;
const longestCredential = 8_192;

/**
 * Checks credentials. Keys are compared as digests and in constant time; a JWT's signature, issuer, audience and times are
 * checked. Logs when the issuer's keys cannot be fetched, once per outage.
 */
export function createCredentialCheck({ apiKeys, jwt }: CallerRules, log: FailureLog): CheckCredential {
  const keyDigests = apiKeys.map(digest);
  const checkJwt = jwt === undefined ? undefined : createJwtCheck(jwt, log);
  return async (authorization, ids) => {
    const credential = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1];
    if (credential === undefined || credential.length > longestCredential) return 'unauthenticated';
    const presented = digest(credential);
    let known = false;
    for (const key of keyDigests) known = timingSafeEqual(key, presented) || known; // every one, whichever it is
    if (known) return { caller: `key ${presented.toString('base64url')}`, chats: undefined };
    return checkJwt === undefined ? 'unauthenticated' : checkJwt(credential, presented.toString('base64url'), ids);
  };
}

function createJwtCheck({ jwksUrl, issuer, audience, proxy }: JwtRules, log: FailureLog) {
  const keys = new IssuerKeys(jwksUrl, proxy, log);
  // A withdrawn key is accepted for as long as keys are fresh and a valid JWT is not checked again: a minute in all.
  const trusted = new LRUCache<string, Identity>({ max: 1_000, ttl: freshMs });
  return async (token: string, id: string, ids: RequestIds): Promise<Identity | AuthFailure> => {
    const known = trusted.get(id);
    if (known !== undefined) return known;
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(
        token,
        (header, jws) => {
          if (header.typ !== undefined && !types.test(header.typ)) throw new errors.JWTInvalid();
          return keys.keyFor(ids, header, jws);
        },
        { issuer, audience, algorithms, clockTolerance: clockToleranceSeconds, requiredClaims: ['exp'] },
      ));
    } catch (error) {
      if (isRejection(error)) return 'unauthenticated';
      if (!(error instanceof KeysUnavailableError)) keys.report(error as Error, ids); // a key that is published cannot be used
      return 'unavailable';
    }
    const chats = chatsOf(payload['linq_chats']);
    if (chats === 'malformed') return 'unauthenticated';
    const leftMs = Number(payload.exp) * 1_000 - Date.now() + clockToleranceSeconds * 1_000;
    // Without a subject, all of them are one caller: the number of JWTs that an issuer gives to one client is not limited.
    const ttl = Math.max(1, Math.min(keys.trustMs, leftMs));
    const caller = `subject ${digest(payload.sub ?? '').toString('base64url')}`;
    const identity: Identity = { caller, chats, validUntil: performance.now() + ttl };
    trusted.set(id, identity, { ttl });
    return identity;
  };
}

/** Whether the token is invalid, rather than the issuer's keys. */
function isRejection(error: unknown): boolean {
  return error instanceof errors.JOSEError && !(error instanceof errors.JWKSInvalid);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
