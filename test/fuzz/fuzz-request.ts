import { createHash } from 'node:crypto';
import type { Message } from './target.ts';

/** One request: what is sent, and what its response must be. */
export interface FuzzRequest extends Message {
  readonly index: number;
  /** The token of Linq that no other request has. A refused request must read nothing with it. */
  readonly token: string | undefined;
  /** The bytes, where it is sent on a connection of its own and not through `node:http`. */
  readonly pieces: readonly Buffer[] | undefined;
  /** The client disconnects after this many pieces. */
  readonly disconnectsAfter: number | undefined;
  /** Whether Node passes it to the gateway, which then must respond. */
  readonly isWellFormed: boolean;
  /** Whether its body never ends. Then nothing may be read for it. */
  readonly isEndless: boolean;
  /** Whether its credential may be valid. */
  readonly mayRead: boolean;
  /** The `x-request-id` that the response must have, if the request has a valid one. */
  readonly requestId: string | undefined;
  /** The `data` that the response to a valid request must have. */
  readonly expected: unknown;
}

export const apiKey = 'fuzz-key-of-the-gateway';
export const page = 'https://app.example.com';

/** What the sandbox adds to each text that it sends for this token, which itself must appear in no response. */
export const signatureOf = (token: string): string =>
  ` for ${createHash('sha256').update(token).digest('hex').slice(0, 12)}`;

/** A token of its own for each request. */
export const tokenOf = (index: number) => `fuzz-token-${index}-${(index * 7_919) % 10_007}`;

/** The index of the request that has this token; undefined for others, such as one that a mutation has changed. */
export function requestOf(token: string): number | undefined {
  const index = Number(/^fuzz-token-(\d+)-/.exec(token)?.[1]);
  return token === tokenOf(index) ? index : undefined;
}
