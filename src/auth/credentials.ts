import { createHash, timingSafeEqual } from 'node:crypto';
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { isLinqId } from '../datasources/model.ts';
import type { RequestIds } from '../telemetry/request-record.ts';

/** Who may call, and how they show it: `Authorization: Bearer`, followed by one of the keys or by a JWT. */
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
}

/** A caller that may ask. */
export interface Identity {
  /** The only chats that it may read; undefined is all. */
  readonly chats: ReadonlySet<string> | undefined;
}

/** Why a caller may not ask: it did not show who it is, or that cannot be found out at the moment. */
type Denial = 'unauthenticated' | 'unavailable';

export type CheckCaller = (authorization: string | undefined, ids: RequestIds) => Promise<Identity | Denial>;

/** Called with the request that met the trouble. */
type OnUnavailable = (error: Error, ids: RequestIds) => void;

/** Asymmetric ones alone: a JWKS holds public keys, and a public key must never do as a shared secret. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** How far the issuer's clock and ours may differ. In seconds. */
const clockToleranceSeconds = 30;
/**
 * How long the issuer's keys are kept, and how long a JWT that was found right is not looked at again: a key that was
 * withdrawn counts for the sum of both at the most, which is a minute.
 */
const trustMs = 30_000;
const longestCredential = 8_192;
/** So long must all have been well before it is told again that the issuer's keys cannot be fetched. */
const tellAgainAfterMs = 30_000;

/**
 * Checks credentials. Keys are compared as digests and in constant time; a JWT's signature, issuer, audience and times are
 * checked. `onUnavailable` is told when the issuer's keys cannot be fetched, once for a time of trouble.
 */
export function createCallerCheck({ apiKeys, jwt }: CallerRules, onUnavailable: OnUnavailable): CheckCaller {
  const keyDigests = apiKeys.map(digest);
  const checkJwt = jwt === undefined ? undefined : createJwtCheck(jwt, onUnavailable);
  return async (authorization, ids) => {
    const credential = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1];
    if (credential === undefined || credential.length > longestCredential) return 'unauthenticated';
    const presented = digest(credential);
    let known = false;
    for (const key of keyDigests) known = timingSafeEqual(key, presented) || known; // every one, whichever it is
    if (known) return { chats: undefined };
    return checkJwt === undefined ? 'unauthenticated' : checkJwt(credential, presented.toString('base64url'), ids);
  };
}

function createJwtCheck({ jwksUrl, issuer, audience }: JwtRules, onUnavailable: OnUnavailable) {
  // Fetched when needed: at first, when they are too old, and for a key that is not among them, though for that not more
  // often than twice a minute.
  const keys = createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: 5_000,
    cooldownDuration: 30_000,
    cacheMaxAge: trustMs,
  });
  const trusted = new LRUCache<string, Identity>({ max: 1_000, ttl: trustMs });
  let toldAt = Number.NEGATIVE_INFINITY;
  return async (token: string, id: string, ids: RequestIds): Promise<Identity | Denial> => {
    const known = trusted.get(id);
    if (known !== undefined) return known;
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms,
        clockTolerance: clockToleranceSeconds,
        requiredClaims: ['exp'],
      }));
    } catch (error) {
      if (isDeniedBy(error)) return 'unauthenticated';
      if (performance.now() - toldAt > tellAgainAfterMs) onUnavailable(error as Error, ids);
      toldAt = performance.now();
      return 'unavailable';
    }
    const chats = chatsOf(payload);
    if (chats === 'malformed') return 'unauthenticated';
    const leftMs = Number(payload.exp) * 1_000 - Date.now() + clockToleranceSeconds * 1_000;
    trusted.set(id, { chats }, { ttl: Math.max(1, Math.min(trustMs, leftMs)) });
    return { chats };
  };
}

/** Whether it is the token that is wrong, rather than the way to the issuer's keys. */
function isDeniedBy(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return false;
  return !(
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error.code === 'ERR_JOSE_GENERIC'
  );
}

/** The claim `linq_chats`: a list of chat ids. One that is something else lets its bearer read nothing. */
function chatsOf({ linq_chats: claim }: JWTPayload): ReadonlySet<string> | undefined | 'malformed' {
  if (claim === undefined) return undefined;
  if (!Array.isArray(claim)) return 'malformed';
  const ids = claim.map((id: unknown) => (Number.isSafeInteger(id) ? String(id) : id));
  return ids.every((id) => typeof id === 'string' && isLinqId(id)) ? new Set(ids as string[]) : 'malformed';
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
