import { graphql } from 'relay-runtime';

/** `usePaginationFragment` and its equivalents take the fragment; the `id` of a Chat cannot be refetched, so it is one of Query. */
export const conversationQuery = graphql`
  query conversationQuery($chatId: ID!) {
    ...conversation_query @arguments(chatId: $chatId)
  }
`;

export const conversationFragment = graphql`
  fragment conversation_query on Query
  @argumentDefinitions(
    chatId: { type: "ID!" }
    count: { type: "Int", defaultValue: 25 }
    before: { type: "String" }
  )
  @refetchable(queryName: "conversationPageQuery") {
    chat(id: $chatId) {
      id
      displayName
      participants { id address }
      messages(last: $count, before: $before) @connection(key: "conversation_messages") {
        edges {
          node {
            chatId
            id
            text
            sentAt
            sender { id address }
          }
        }
      }
    }
  }
`;
