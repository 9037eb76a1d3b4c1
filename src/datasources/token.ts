import { createHmac, hash } from 'node:crypto';

declare const digested: unique symbol;

/**
 * Identifies a token wherever data is stored or shared between requests. Only `Token` creates one, so that using the token
 * itself as a key does not compile. It leaves the process only in the names of Redis keys.
 */
export type TokenDigest = string & { readonly [digested]: true };

/** A Linq integration token. The secret is private: printed or serialized, a token shows nothing of it. */
export class Token {
  readonly digest: TokenDigest;
  readonly #secret: string;
  #headers: string[] | undefined;

  constructor(secret: string) {
    this.#secret = secret;
    this.digest = hash('sha256', secret, 'base64url') as TokenDigest;
  }

  /** A 64-byte key for one purpose; it cannot be computed without the token and reveals nothing about it. */
  derive(purpose: string): Buffer {
    return createHmac('sha512', this.#secret).update(purpose).digest();
  }

  /** The header of a call to Linq, as name and value. The secret is sent nowhere else. */
  get headers(): string[] {
    this.#headers ??= ['X-LINQ-INTEGRATION-TOKEN', this.#secret];
    return this.#headers;
  }

  toJSON(): string {
    return '[token]';
  }
}
