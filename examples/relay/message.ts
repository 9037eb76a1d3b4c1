import { graphql } from 'relay-runtime';

/** Caught: `{ ok: true, value }`, or `{ ok: false, errors }` with the gateway's `extensions` in each of them. */
export const messageQuery = graphql`
  query messageQuery($chatId: ID!, $id: ID!) {
    chatMessage(chatId: $chatId, id: $id) @catch {
      chatId
      id
      text
      sentAt
      attachments { id url filename }
      reactions { id reaction isFromMe sentAt }
    }
  }
`;

/** Several messages, each caught. */
export const messagePairQuery = graphql`
  query messagePairQuery($chatId: ID!, $id: ID!, $otherChatId: ID!, $otherId: ID!) {
    chatMessage(chatId: $chatId, id: $id) @catch {
      chatId
      id
      text
    }
    other: chatMessage(chatId: $otherChatId, id: $otherId) @catch {
      chatId
      id
      text
    }
  }
`;

/** Relay has no errors for the entries of a list: here one that could not be read is null, as if it did not exist. */
export const messagesQuery = graphql`
  query messagesQuery($keys: [ChatMessageKey!]!) {
    chatMessagesByKeys(keys: $keys) {
      chatId
      id
      text
    }
  }
`;

/** All or nothing: reading throws when anything could not be read. */
export const messageOrThrowQuery = graphql`
  query messageOrThrowQuery($chatId: ID!, $id: ID!) @throwOnFieldError {
    chatMessage(chatId: $chatId, id: $id) {
      chatId
      id
      text
    }
  }
`;
