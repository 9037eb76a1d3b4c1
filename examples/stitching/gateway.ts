import { createServer } from 'node:http';
import { makeExecutableSchema } from '@graphql-tools/schema';
import { stitchSchemas } from '@graphql-tools/stitch';
import { createYoga } from 'graphql-yoga';
import { strayTickets, tickets } from '../tickets/data.ts';
import { messages } from './messages.ts';

const ticketSchema = makeExecutableSchema({
  typeDefs: `
    type Query {
      tickets: [Ticket!]!
      strayTickets: [Ticket!]!
    }

    type Ticket {
      id: ID!
      title: String!
      message: ChatMessage
      chat: Chat
    }

    type ChatMessage {
      chatId: ID!
      id: ID!
    }

    type Chat {
      id: ID!
    }
  `,
  resolvers: { Query: { tickets: () => tickets, strayTickets: () => strayTickets } },
});

const schema = stitchSchemas({ subschemas: [{ schema: ticketSchema }, messages] });

const server = createServer(createYoga({ schema }));
server.listen(Number(process.env['PORT'] ?? 4002), '127.0.0.1', () => {
  const address = server.address();
  console.log(`graph at http://127.0.0.1:${typeof address === 'object' && address?.port}/graphql`);
});
