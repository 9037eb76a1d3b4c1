import { graphql } from './graphql.ts';

/**
 * A chat and 25 of its messages, the newest first of all. The page before it: again with its `startCursor` as `before`, while
 * it has `hasPreviousPage`. The caches join the pages, so select `edges` with their cursors, not `nodes`.
 */
export const conversationQuery = graphql(`
  query Conversation($chatId: ID!, $before: String) {
    chat(id: $chatId) {
      id
      displayName
      participants { id address }
      messages(last: 25, before: $before) {
        edges {
          cursor
          node {
            chatId
            id
            text
            sentAt
            sender { id address }
          }
        }
        pageInfo { startCursor hasPreviousPage }
      }
    }
  }
`);
