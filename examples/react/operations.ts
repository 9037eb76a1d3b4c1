import { graphql } from './generated/gql.ts';

/** All that is shown of a message on the page. */
export const messageFields = graphql(`
  fragment MessageFields on ChatMessage {
    chatId
    id
    text
    sentFrom
    sentAt
    sender { id address }
    attachments { id url filename mimeType fileSize }
    reactions { id reaction isFromMe fromPhone }
  }
`);

/** The newest messages of a chat, or those before a cursor. The cache joins `edges` by their cursors. */
export const conversationQuery = graphql(`
  query Conversation($chatId: ID!, $before: String) {
    chat(id: $chatId) {
      id
      displayName
      service
      isGroup
      messageCount
      participants { id address }
      messages(last: 25, before: $before) {
        edges { cursor node { ...MessageFields } }
        pageInfo { hasPreviousPage startCursor }
      }
    }
  }
`);

/** What happens to the messages of a chat. The cache updates the messages that it has. */
export const liveSubscription = graphql(`
  subscription Live($chatId: ID!, $after: String) {
    chatMessageEvents(chatIds: [$chatId], after: $after) {
      cursor
      kind
      messageId
      message { ...MessageFields }
    }
  }
`);
