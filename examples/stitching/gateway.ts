import { createServer } from 'node:http';
import { buildHTTPExecutor } from '@graphql-tools/executor-http';
import { makeExecutableSchema } from '@graphql-tools/schema';
import { stitchSchemas } from '@graphql-tools/stitch';
import { stitchingDirectives } from '@graphql-tools/stitching-directives';
import { buildSchema, parse } from 'graphql';
import { createYoga } from 'graphql-yoga';
import { strayTickets, tickets } from '../tickets/data.ts';

const { stitchingDirectivesTypeDefs, stitchingDirectivesTransformer } = stitchingDirectives();

const ticketSchema = makeExecutableSchema({
  typeDefs: `
    ${stitchingDirectivesTypeDefs}

    type Query {
      tickets: [Ticket!]!
      strayTickets: [Ticket!]!
    }

    type Ticket {
      id: ID!
      title: String!
      message: ChatMessage
    }

    type ChatMessage @key(selectionSet: "{ chatId id }") {
      chatId: ID!
      id: ID!
    }
  `,
  resolvers: { Query: { tickets: () => tickets, strayTickets: () => strayTickets } },
});

/** The caller's credential for the Linq gateway, and its Linq token, go along with every request; nothing else does. */
const readMessages = buildHTTPExecutor({
  endpoint: process.env['MESSAGES_URL'] ?? 'http://127.0.0.1:4000/graphql',
  headers(operation) {
    const sent: Headers | undefined = operation?.context?.request.headers;
    const names = ['authorization', 'x-linq-integration-token'];
    return Object.fromEntries(names.flatMap((name) => (sent?.has(name) ? [[name, sent.get(name) ?? '']] : [])));
  },
});

// The Linq gateway says itself how its messages are merged; a closed one wants a credential for that too.
const headers = new Headers({ authorization: process.env['MESSAGES_AUTHORIZATION'] ?? '' });
const answer = await readMessages({ document: parse('{ _sdl }'), context: { request: { headers } } });
if (!('data' in answer) || !answer.data) throw new Error(`No schema of the messages: ${JSON.stringify(answer)}`);

const schema = stitchSchemas({
  subschemas: [
    { schema: ticketSchema },
    { schema: buildSchema(answer.data._sdl), executor: readMessages, batch: true },
  ],
  subschemaConfigTransforms: [stitchingDirectivesTransformer],
});

const server = createServer(createYoga({ schema }));
server.listen(Number(process.env['PORT'] ?? 4002), '127.0.0.1', () => {
  const address = server.address();
  console.log(`graph at http://127.0.0.1:${typeof address === 'object' && address?.port}/graphql`);
});
