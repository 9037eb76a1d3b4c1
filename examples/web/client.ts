import { Client, fetchExchange, gql } from '@urql/core';

export const client = new Client({
  url: '/graphql',
  preferGetMethod: false, // ids stay out of URLs, and so out of the logs on the way
  // How long the gateway may take for one read. Where it wants a credential, `authorization` goes here too: that of the
  // person who is signed in, never a Linq token.
  fetchOptions: { headers: { 'x-request-timeout-ms': '3000' } },
  fetch: (url, init) => {
    const patience = AbortSignal.timeout(5_000); // for when the way to the gateway is cut
    return fetch(url, {
      ...init,
      signal: AbortSignal.any([init?.signal, patience].filter((signal) => signal != null)),
    });
  },
  // No cache: delivery and reactions change, and the document cache keeps failures too, whose data is not empty but holds
  // a null. If you cache: a ChatMessage is identified by chatId and id together, never by id alone.
  exchanges: [fetchExchange],
  fetchSubscriptions: true, // as Server-Sent Events; live.ts passes a fetch without this time limit
});

const messageFields = gql`
  fragment MessageFields on ChatMessage {
    id
    text
    sentFrom
    sentAt
    deliveredAt
    deliveryStatus
    editedAt
    isRead
    attachments { id url filename mimeType fileSize }
    reactions { id reaction isFromMe fromPhone }
  }
`;

export const chatMessageQuery = gql<{ chatMessage: ChatMessage | null }, MessageKey>`
  query ChatMessage($chatId: ID!, $id: ID!) {
    chatMessage(chatId: $chatId, id: $id) { ...MessageFields }
  }
  ${messageFields}
`;

/** The newest messages of a chat, or those before a cursor. The chat is read again with each page, and may have changed. */
export const conversationQuery = gql<{ chat: Chat | null }, { chatId: string; before: string | null }>`
  query Conversation($chatId: ID!, $before: String) {
    chat(id: $chatId) {
      id
      displayName
      service
      isGroup
      messageCount
      participants { id address }
      messages(last: 25, before: $before) {
        nodes { ...MessageFields sender { address } }
        pageInfo { hasPreviousPage startCursor }
      }
    }
  }
  ${messageFields}
`;

/** Events of the messages of a chat, from now on or after a cursor. */
export const liveQuery = gql<{ chatMessageEvents: ChatMessageEvent }, { chatId: string; after: string | undefined }>`
  subscription Live($chatId: ID!, $after: String) {
    chatMessageEvents(chatIds: [$chatId], after: $after) {
      cursor
      kind
      messageId
      message { ...MessageFields sender { address } }
    }
  }
  ${messageFields}
`;

/** Text, not numbers: ids may be beyond what a JavaScript number holds. */
export interface MessageKey {
  readonly chatId: string;
  readonly id: string;
}

/** What the query asks for; the schema says when a field is null. */
export interface ChatMessage {
  readonly id: string;
  readonly text: string | null;
  readonly sentFrom: string | null;
  readonly sentAt: string | null;
  readonly deliveredAt: string | null;
  readonly deliveryStatus: string | null;
  readonly editedAt: string | null;
  readonly isRead: boolean | null;
  readonly attachments: readonly Attachment[];
  readonly reactions: readonly Reaction[];
}

export interface Chat {
  readonly id: string;
  readonly displayName: string | null;
  readonly service: string | null;
  readonly isGroup: boolean | null;
  readonly messageCount: number | null;
  readonly participants: readonly { readonly id: string; readonly address: string | null }[];
  /** Null with an error when the page could not be read, and without one when Linq no longer knows the chat. */
  readonly messages: {
    readonly nodes: readonly ListedMessage[];
    readonly pageInfo: { readonly hasPreviousPage: boolean; readonly startCursor: string | null };
  } | null;
}

export interface ListedMessage extends ChatMessage {
  readonly sender: { readonly address: string | null } | null;
}

export interface ChatMessageEvent {
  /** For `after`, to resume after this event. */
  readonly cursor: string;
  /** `GAP`, or what happened. */
  readonly kind: string;
  /** Null for a gap. */
  readonly messageId: string | null;
  /** Null with an error when it could not be read, and without one when Linq no longer knows it. */
  readonly message: ListedMessage | null;
}

export interface Attachment {
  readonly id: string;
  readonly url: string | null;
  readonly filename: string | null;
  readonly mimeType: string | null;
  readonly fileSize: number | null;
}

export interface Reaction {
  readonly id: string;
  readonly reaction: string | null;
  readonly isFromMe: boolean | null;
  readonly fromPhone: string | null;
}
