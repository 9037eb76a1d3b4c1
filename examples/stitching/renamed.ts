import { createServer } from 'node:http';
import { makeExecutableSchema } from '@graphql-tools/schema';
import { stitchSchemas } from '@graphql-tools/stitch';
import { RenameTypes } from '@graphql-tools/wrap';
import { createYoga } from 'graphql-yoga';
import { strayTickets, tickets } from '../tickets/data.ts';
import { messages } from './messages.ts';

// For a graph that has a ChatMessage and a Chat of its own: ours become LinqMessage and LinqChat. This schema also uses the `@key` of Federation.
const ticketSchema = makeExecutableSchema({
  typeDefs: `
    directive @key(fields: String!) on OBJECT

    type Query {
      tickets: [Ticket!]!
      strayTickets: [Ticket!]!
      supportChat: [ChatMessage!]!
      supportChats: [Chat!]!
    }

    type Ticket @key(fields: "id") {
      id: ID!
      title: String!
      message: LinqMessage
      chat: LinqChat
    }

    type LinqMessage {
      chatId: ID!
      id: ID!
    }

    type LinqChat {
      id: ID!
    }

    type ChatMessage {
      words: String!
    }

    type Chat {
      topic: String!
    }
  `,
  resolvers: {
    Query: {
      tickets: () => tickets,
      strayTickets: () => strayTickets,
      supportChat: () => [{ words: 'A message of another kind.' }],
      supportChats: () => [{ topic: 'A chat of another kind.' }],
    },
  },
});

// A renamed type is merged by its new name: without this its fields are null, without an error.
const names = new Map([
  ['ChatMessage', 'LinqMessage'],
  ['Chat', 'LinqChat'],
]);
const rename = (name: string) => names.get(name) ?? name;
const renamed = {
  ...messages,
  transforms: [new RenameTypes(rename)],
  merge: Object.fromEntries(Object.entries(messages.merge ?? {}).map(([name, merged]) => [rename(name), merged])),
};

const schema = stitchSchemas({ subschemas: [{ schema: ticketSchema }, renamed] });

const server = createServer(createYoga({ schema }));
server.listen(Number(process.env['PORT'] ?? 4002), '127.0.0.1', () => {
  const address = server.address();
  console.log(`graph at http://127.0.0.1:${typeof address === 'object' && address?.port}/graphql`);
});
