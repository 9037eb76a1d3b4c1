import { createHmac, hash } from 'node:crypto';

declare const digested: unique symbol;

/**
 * Stands for a token wherever something is kept or shared between requests. Only `Token` makes one, so that a key with the
 * token itself does not compile. It leaves the process only in the names of Redis keys, where Redis is used.
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

  /** The one place it is sent to: the header of a call to Linq, as name and value. */
  get headers(): string[] {
    this.#headers ??= ['X-LINQ-INTEGRATION-TOKEN', this.#secret];
    return this.#headers;
  }

  toJSON(): string {
    return '[token]';
  }
}
