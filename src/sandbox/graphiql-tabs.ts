import type { FirstPage } from '../graphiql/graphiql-page.ts';

/** The prepared GraphiQL tabs. The first line of each is a comment that says what to look at; it must fit the editor's width. */
export const sandboxPage: FirstPage = {
  title: 'Linq sandbox',
  headers: { 'x-request-timeout-ms': '3000' },
  tabs: [
    `# Press Ctrl-Enter to run Linq's example.
query DocumentedMessage {
  chatMessage(chatId: 1, id: 224) {
    text
    sentAt
    deliveryStatus
    sentFrom
    attachments {
      filename
      mimeType
      fileSize
      url
    }
    reactions {
      reaction
      fromPhone
    }
  }
}
`,
    `# The results are in the order of the keys.
query ManyMessages {
  chatMessagesByKeys(
    keys: [
      { chatId: 2, id: 3 }
      { chatId: 2, id: 2 }
      { chatId: 2, id: 1 }
      { chatId: 1, id: 224 }
      { chatId: 1, id: 226 }
      { chatId: 2, id: 3 }
    ]
  ) {
    chatId
    id
    text
    attachments {
      filename
    }
  }
}
`,
    `# Two nulls: only one of them has an error.
query FailingAndMissing {
  failing: chatMessage(chatId: 403, id: 224) {
    text
  }
  missing: chatMessage(chatId: 1, id: 1) {
    text
  }
  found: chatMessage(chatId: 1, id: 224) {
    text
  }
}
`,
    `# One has retryAfterMs; the other waited.
query RateLimit {
  short: chatMessage(chatId: 429, id: 224) {
    text
  }
  long: chatMessage(chatId: 4290, id: 224) {
    text
  }
}
`,
    `# The header sets the timeout: 3 seconds.
query Timeout {
  silent: chatMessage(chatId: 504, id: 224) {
    text
  }
  found: chatMessage(chatId: 1, id: 224) {
    text
  }
}
`,
    `# Run, then page back with startCursor.
query PageBack($before: String) {
  chat(id: 3) {
    displayName
    messages(last: 5, before: $before) {
      pageInfo {
        hasPreviousPage
        startCursor
      }
      nodes {
        text
        sentAt
        sender {
          address
        }
      }
    }
  }
}
`,
    `# Run: every 5 s an event replaces the last.
subscription Live {
  chatMessageEvents(chatIds: [3]) {
    kind
    occurredAt
    message {
      text
      isRead
      deliveryStatus
      sender {
        address
      }
      reactions {
        reaction
      }
    }
  }
}
`,
  ],
  variables: { PageBack: { before: null } },
};
