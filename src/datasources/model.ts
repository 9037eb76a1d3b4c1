/** Our form of Linq's resources. Past the decoder nothing is snake_case, and nothing is optional by accident. */

declare const validated: unique symbol;

/**
 * A decimal integer from 1 to 2^63-1 without sign or leading zero: safe to join a URL.
 * Linq's ids are integers; they stay text here, since a JavaScript number loses digits beyond 2^53.
 */
export type LinqId = string & { readonly [validated]: true };

const largestId = '9223372036854775807';

export function isLinqId(text: string): text is LinqId {
  return (
    /^[1-9][0-9]{0,18}$/.test(text) && (text.length < largestId.length || text <= largestId) // same length: digits sort as text
  );
}

/** Linq addresses a message by its chat and its own id; the body that comes back names only the latter. */
export interface MessageKey {
  readonly chatId: LinqId;
  readonly id: LinqId;
}

/**
 * Holds the property fields of its GraphQL type in their order, as do `Attachment` and `Reaction`: a response that selects all
 * of them prints the object itself. A change of its form changes `cacheFormat` in linq/routes/chat-message.ts as well.
 */
export interface ChatMessage {
  /** From the request: Linq's body does not carry it. */
  readonly chatId: string;
  readonly id: string;
  readonly text: string | null;
  readonly sentAt: string | null;
  readonly deliveredAt: string | null;
  readonly deliveryStatus: string | null;
  readonly editedAt: string | null;
  readonly isRead: boolean | null;
  /** A phone number, or an e-mail address. */
  readonly sentFrom: string | null;
  readonly chatHandleId: string | null;
  readonly attachments: readonly Attachment[];
  readonly reactions: readonly Reaction[];
}

export interface Attachment {
  readonly id: string;
  /** No promise on how long it lives, nor on who may open it: kept no longer than LINQ_CACHE_TTL_MS, never logged. */
  readonly url: string | null;
  readonly filename: string | null;
  readonly mimeType: string | null;
  /** Linq names no unit; taken as bytes. */
  readonly fileSize: number | null;
}

export interface Reaction {
  readonly id: string;
  readonly chatMessageId: string | null;
  readonly reaction: string | null;
  readonly isFromMe: boolean | null;
  readonly fromPhone: string | null;
  readonly sentAt: string | null;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
}

/** The words that Linq documents, in two lists that disagree. The set is open: a new word is handed on as it is. */
export const knownDeliveryStatuses = ['pending', 'delivered', 'service_unavailable', 'paused', 'rate_limit_exceeded'];

/** The words that Linq documents for V2; handed on as they are, a new one too. */
export const knownReactions = ['love', 'like', 'dislike', 'laugh', 'emphasize', 'question'];
