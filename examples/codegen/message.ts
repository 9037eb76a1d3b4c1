import { graphql } from './generated/gql.ts';

export const messageQuery = graphql(`
  query Message($chatId: ID!, $id: ID!) {
    chatMessage(chatId: $chatId, id: $id) {
      chatId
      id
      text
      sentAt
      attachments { id url filename }
      reactions { id reaction isFromMe sentAt }
    }
  }
`);

export const messagesQuery = graphql(`
  query Messages($keys: [ChatMessageKey!]!) {
    chatMessagesByKeys(keys: $keys) {
      chatId
      id
      text
    }
  }
`);
