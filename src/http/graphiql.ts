import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import type { Plugin } from 'graphql-yoga';
import { pageHeaders } from './security-headers.ts';

/** The first thing a newcomer runs: the example of Linq's own reference page. */
export const exampleQuery = `# Run me with the play button or Ctrl-Enter.
# Message 224 of chat 1 is Linq's own example.
# The topmost icon explains every field.

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
`;

/** Whether it is a browser that opens the endpoint, rather than a program that asks. */
export function asksForPage(method: string | undefined, accept: string | null | undefined): boolean {
  return method === 'GET' && accept?.includes('text/html') === true;
}

/** Answers a browser that opens the endpoint with GraphiQL. The page carries all it needs and loads nothing else. */
export function useGraphiQLPage(): Plugin {
  const page = renderGraphiQL({
    title: 'Linq GraphQL gateway',
    defaultQuery: exampleQuery,
    shouldPersistHeaders: false, // a header may carry a token
    schemaDescription: true,
  });
  const headers = { 'content-type': 'text/html; charset=utf-8', ...pageHeaders(page) };
  return {
    onRequestParse({ request, endResponse, fetchAPI }) {
      if (!asksForPage(request.method, request.headers.get('accept'))) return;
      endResponse(new fetchAPI.Response(page, { headers }));
    },
  };
}
