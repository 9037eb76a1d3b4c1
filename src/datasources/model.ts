/** The gateway's model of Linq's resources: camelCase, with null for missing values. */

declare const validated: unique symbol;

/**
 * A decimal integer from 1 to 2^63-1 without sign or leading zero: safe to join a URL.
 * Linq's ids are integers; they are text here, because a JavaScript number loses digits beyond 2^53.
 */
export type LinqId = string & { readonly [validated]: true };

const largestId = '9223372036854775807';

export function isLinqId(text: string): text is LinqId {
  return (
    /^[1-9][0-9]{0,18}$/.test(text) && (text.length < largestId.length || text <= largestId) // same length: digits sort as text
  );
}

/** The key of a chat; those of its messages hold it too, so that access can be checked in one place. */
export interface ChatKey {
  readonly chatId: LinqId;
}

/** What can be read, by the name of its loader. */
export interface Resources {
  readonly message: ChatMessage;
  readonly chat: Chat;
  readonly messages: ChatMessageConnection;
}

/** The key of each resource. */
export interface Keys {
  readonly message: MessageKey;
  readonly chat: ChatKey;
  readonly messages: MessagePageKey;
}

/** One read: the name of its loader, and the key for it. */
export type Target<Of extends keyof Resources = keyof Resources> = {
  readonly [Each in Of]: { readonly loader: Each; readonly key: Keys[Each] };
}[Of];

/** Linq addresses a message by its chat and its own id; the body that comes back names only the latter. */
export interface MessageKey extends ChatKey {
  readonly id: LinqId;
}

/**
 * The place of a message among those of its chat: by the time it was sent, to the millisecond, then by its id as a number. The
 * message itself need not exist, so `id` may be `0`, which is before all messages of that millisecond.
 */
export interface MessagePosition {
  /** Since the epoch. */
  readonly ms: number;
  readonly id: string;
}

/** A page of a chat: the first (`forward`) or last (`backward`) messages between bounds. */
export interface MessagePageKey extends ChatKey {
  readonly direction: 'forward' | 'backward';
  /** The requested number of messages. */
  readonly size: number;
  /** Exclusive. */
  readonly after: MessagePosition | undefined;
  /** Exclusive. */
  readonly before: MessagePosition | undefined;
  /** Inclusive, in milliseconds since the epoch. */
  readonly sentSince: number | undefined;
  /** Exclusive, in milliseconds since the epoch. */
  readonly sentBefore: number | undefined;
}

/**
 * Has the property fields of its GraphQL type in their order, like `Attachment` and `Reaction`, so that a response that selects
 * all of them can serialize the object itself. When its shape changes, increase `cacheFormat` in linq/routes.
 */
export interface ChatMessage {
  /** From the request: Linq's body does not carry it. */
  readonly chatId: LinqId;
  readonly id: LinqId;
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
  /** Linq does not document how long it is valid, nor who can open it: cached for LINQ_CACHE_TTL_MS at most, never logged. */
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

/** Has the property fields of its GraphQL type in their order, as `ChatMessage` has. */
export interface Chat {
  readonly id: LinqId;
  /** The name of a group, or the names or numbers of the participants: personal data. */
  readonly displayName: string | null;
  readonly service: string | null;
  readonly isGroup: boolean | null;
  readonly messageCount: number | null;
  readonly participants: readonly ChatParticipant[];
}

/** Linq's "chat handle": one address in a chat. */
export interface ChatParticipant {
  readonly id: string;
  /** A phone number, or an email address. */
  readonly address: string | null;
  readonly service: string | null;
  readonly joinedAt: string | null;
}

/** These three have the property fields of their GraphQL types in their order, as `ChatMessage` has. */
export interface ChatMessageConnection {
  readonly edges: readonly ChatMessageEdge[];
  /** Oldest first. */
  readonly nodes: readonly ChatMessage[];
  readonly pageInfo: PageInfo;
}

export interface ChatMessageEdge {
  readonly cursor: string;
  readonly node: ChatMessage;
}

export interface PageInfo {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor: string | null;
  readonly endCursor: string | null;
}

/** The services that Linq documents for V2. Other values are passed through unchanged. */
export const knownServices = ['iMessage', 'SMS', 'RCS'];

/** The values in Linq's documentation, in two lists that disagree. Other values are passed through unchanged. */
export const knownDeliveryStatuses = ['pending', 'delivered', 'service_unavailable', 'paused', 'rate_limit_exceeded'];

/** The values that Linq documents for V2. Other values are passed through unchanged. */
export const knownReactions = ['love', 'like', 'dislike', 'laugh', 'emphasize', 'question'];

/** What fields cost, before any of them is read. */
export interface Cost {
  readonly targets: readonly Target[];
  /** Of all lists, duplicates included, by their requested sizes. */
  readonly listEntries: number;
  /** Fields below others that need a read, at each of their places in the response, because each may fail there. */
  readonly readPlaces: number;
}
