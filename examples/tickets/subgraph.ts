import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { strayTickets, tickets, ticketsAbout } from './data.ts';

// A subgraph of Federation 2 that points at messages and chats, knows nothing of them but their keys, and adds tickets to messages.
const typeDefs = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])

  type Query {
    tickets: [Ticket!]!
    strayTickets: [Ticket!]!
  }

  type Ticket @key(fields: "id") {
    id: ID!
    title: String!
    message: ChatMessage
    chat: Chat
  }

  type ChatMessage @key(fields: "chatId id") {
    chatId: ID!
    id: ID!
    tickets: [Ticket!]
  }

  type Chat @key(fields: "id", resolvable: false) {
    id: ID!
  }
`);

const resolvers = {
  ChatMessage: { tickets: ticketsAbout },
  Query: { tickets: () => tickets, strayTickets: () => strayTickets },
  Ticket: {
    __resolveReference: ({ id }: { id: string }) =>
      [...tickets, ...strayTickets].find((ticket) => ticket.id === id) ?? null,
  },
};

const server = new ApolloServer({ schema: buildSubgraphSchema([{ typeDefs, resolvers }]) });
const { url } = await startStandaloneServer(server, {
  listen: { host: '127.0.0.1', port: Number(process.env['PORT'] ?? 4001) },
});
console.log(`tickets at ${url}`);
