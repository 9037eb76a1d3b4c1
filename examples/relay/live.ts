import { graphql } from 'relay-runtime';

/** For `requestSubscription`. The messages in the store follow it; `cursor` is where to continue. */
export const liveSubscription = graphql`
  subscription liveSubscription($chatIds: [ID!]!, $after: String) {
    chatMessageEvents(chatIds: $chatIds, after: $after) {
      cursor
      kind
      message {
        chatId
        id
        text
        deliveryStatus
        isRead
      }
    }
  }
`;
