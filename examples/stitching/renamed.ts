import { createServer } from 'node:http';
import { makeExecutableSchema } from '@graphql-tools/schema';
import { stitchSchemas } from '@graphql-tools/stitch';
import { RenameTypes } from '@graphql-tools/wrap';
import { createYoga } from 'graphql-yoga';
import { strayTickets, tickets } from '../tickets/data.ts';
import { messages } from './messages.ts';

// For a graph that has a ChatMessage of its own: ours becomes LinqMessage. This schema also uses the `@key` of Federation.
const ticketSchema = makeExecutableSchema({
  typeDefs: `
    directive @key(fields: String!) on OBJECT

    type Query {
      tickets: [Ticket!]!
      strayTickets: [Ticket!]!
      supportChat: [ChatMessage!]!
    }

    type Ticket @key(fields: "id") {
      id: ID!
      title: String!
      message: LinqMessage
    }

    type LinqMessage {
      chatId: ID!
      id: ID!
    }

    type ChatMessage {
      words: String!
    }
  `,
  resolvers: {
    Query: {
      tickets: () => tickets,
      strayTickets: () => strayTickets,
      supportChat: () => [{ words: 'A message of another kind.' }],
    },
  },
});

// A renamed type is merged by its new name: without this its fields are null, without an error.
const { ChatMessage: merged, ...others } = messages.merge ?? {};
if (merged === undefined) throw new Error('The schema of the messages does not say how ChatMessage is merged.');
const renamed = {
  ...messages,
  transforms: [new RenameTypes((name) => (name === 'ChatMessage' ? 'LinqMessage' : name))],
  merge: { ...others, LinqMessage: merged },
};

const schema = stitchSchemas({ subschemas: [{ schema: ticketSchema }, renamed] });

const server = createServer(createYoga({ schema }));
server.listen(Number(process.env['PORT'] ?? 4002), '127.0.0.1', () => {
  const address = server.address();
  console.log(`graph at http://127.0.0.1:${typeof address === 'object' && address?.port}/graphql`);
});
