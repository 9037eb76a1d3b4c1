import { createRemoteJWKSet, customFetch, errors, type FetchImplementation, type JWTVerifyGetKey } from 'jose';
import { Agent, fetch } from 'undici';
import { type FailureLog, type RequestIds, reasonOf } from '../errors/failure-log.ts';
import { createConnector } from '../network/connector.ts';

/** For so long, keys are used without being fetched again. In milliseconds, as all of these. */
export const freshMs = 30_000;
/** So old may the last good keys be while the issuer fails. */
const maxAgeMs = 600_000;
/** The issuer counts as failing for so long after a failure; after that, the next request waits for its keys again. */
const failingMs = 30_000;
/** From the second failure in a row on, the pause before the next fetch. */
const pauseMs = 10_000;
const timeoutMs = 5_000;
const maxBytes = 1_048_576;

type KeySet = ReturnType<typeof createRemoteJWKSet>;

/** The token cannot be checked at the moment. */
export class KeysUnavailableError extends Error {
  override readonly name = 'KeysUnavailableError';
}

/**
 * The public keys of an issuer. However many tokens arrive, and whatever they are, the keys are fetched at most twice a minute
 * while that works, and at most every ten seconds while it fails, after one retry at once. Concurrent fetches are one.
 */
export class IssuerKeys {
  readonly #log: FailureLog;
  readonly #keys: KeySet;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;
  #isReported = false;
  /** In a row. */
  #failures = 0;
  #fetching: Promise<void> | undefined;

  constructor(jwksUrl: string, proxy: string | undefined, log: FailureLog) {
    this.#log = log;
    this.#keys = createRemoteJWKSet(new URL(jwksUrl), {
      timeoutDuration: timeoutMs,
      cacheMaxAge: Number.POSITIVE_INFINITY, // jose never fetches by itself: it would do so for every token while that fails
      cooldownDuration: Number.POSITIVE_INFINITY,
      [customFetch]: createFetch(proxy),
    });
  }

  /** How long a token may be trusted that was checked now. */
  get trustMs(): number {
    return Math.min(freshMs, this.#fetchedAt + maxAgeMs - performance.now());
  }

  /** The key of a token. Rejects with a `KeysUnavailableError`, or with an error of jose if the token is invalid. */
  async keyFor(ids: RequestIds, ...token: Parameters<JWTVerifyGetKey>): ReturnType<KeySet> {
    await this.#refresh(ids);
    if (this.trustMs <= 0) throw new KeysUnavailableError();
    try {
      return await this.#keys(...token);
    } catch (error) {
      // The issuer may have published the key since.
      const isOutdated = performance.now() - this.#fetchedAt >= freshMs;
      throw error instanceof errors.JWKSNoMatchingKey && isOutdated ? new KeysUnavailableError() : error;
    }
  }

  /** Logs that the keys cannot be used, once until they are fetched again. */
  report(error: Error, { requestId, traceId }: RequestIds): void {
    if (this.#isReported) return;
    this.#isReported = true;
    const fields = { requestId, traceId, error: error.name, reason: reasonOf(error) };
    this.#log.error(fields, 'the keys at GATEWAY_JWKS_URL cannot be fetched');
  }

  /** Waits for a fetch only if it may succeed, or if there are no good keys. */
  async #refresh(ids: RequestIds): Promise<void> {
    const now = performance.now();
    if (now - this.#fetchedAt < freshMs) return;
    const sinceFailure = now - this.#failedAt;
    if (this.#fetching === undefined && this.#failures > 1 && sinceFailure < pauseMs) return;
    this.#fetching ??= this.#fetch(ids);
    if (sinceFailure >= failingMs || this.trustMs <= 0) await this.#fetching;
  }

  async #fetch(ids: RequestIds): Promise<void> {
    const startedAt = performance.now(); // a key may be withdrawn while the response arrives
    try {
      await this.#keys.reload();
      this.#fetchedAt = startedAt;
      this.#failures = 0;
      this.#isReported = false;
    } catch (error) {
      this.#failedAt = performance.now();
      this.#failures++;
      this.report(error as Error, ids);
    } finally {
      this.#fetching = undefined;
    }
  }
}

/** Cuts a response that is too large while it arrives. */
function createFetch(proxy: string | undefined): FetchImplementation {
  const dispatcher = new Agent({ connect: createConnector({ timeoutMs, proxy }) });
  return async (url, { method, redirect, signal, headers }) => {
    const { status, body } = await fetch(url, { method, redirect, signal, headers: [...headers], dispatcher });
    if (status !== 200) {
      await body?.cancel();
      return new Response(null, { status });
    }
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of body ?? []) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new ResponseTooLargeError(); // which cancels the body
      chunks.push(chunk);
    }
    return new Response(Buffer.concat(chunks));
  };
}

class ResponseTooLargeError extends Error {
  override readonly name = 'ResponseTooLargeError';
}
