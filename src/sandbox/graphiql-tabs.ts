import type { FirstPage } from '../graphiql/graphiql-page.ts';

/** What a newcomer finds in GraphiQL: what the sandbox shows, and in a comment short enough to be seen whole, where to look. */
export const sandboxPage: FirstPage = {
  title: 'Linq sandbox',
  headers: { 'x-request-timeout-ms': '3000' },
  tabs: [
    `# Ctrl-Enter: Linq's example, on the right.
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
    `# Look at the order: it is that of the keys.
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
    `# Look at both nulls: only one has an error.
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
    `# Look at retryAfterMs; the other waited.
query RateLimit {
  short: chatMessage(chatId: 429, id: 224) {
    text
  }
  long: chatMessage(chatId: 4290, id: 224) {
    text
  }
}
`,
    `# Look at the clock: the header sets it.
query Timeout {
  silent: chatMessage(chatId: 504, id: 224) {
    text
  }
  found: chatMessage(chatId: 1, id: 224) {
    text
  }
}
`,
  ],
};
