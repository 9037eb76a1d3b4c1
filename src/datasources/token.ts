import { createHmac, hash } from 'node:crypto';

declare const digested: unique symbol;

/**
 * Stands for a token wherever something is kept or shared between requests: a flight, a lane of the limiter. Made by
 * `Token` alone, so that a key without it, or with the token itself, does not compile. It leaves the process for the names
 * of keys in Redis alone, where that is used.
 */
export type TokenDigest = string & { readonly [digested]: true };

/** A Linq integration token. The secret is private: printed or serialized, a token shows nothing of it. */
export class Token {
  readonly digest: TokenDigest;
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
    this.digest = hash('sha256', secret, 'base64url') as TokenDigest;
  }

  /** 64 bytes for one purpose, which nobody finds who lacks the token, and of which no part tells another, or the token. */
  derive(purpose: string): Buffer {
    return createHmac('sha512', this.#secret).update(purpose).digest();
  }

  /** The one place it goes to: the header of a call to Linq. */
  header(): Record<string, string> {
    return { 'X-LINQ-INTEGRATION-TOKEN': this.#secret };
  }

  toJSON(): string {
    return '[token]';
  }
}
