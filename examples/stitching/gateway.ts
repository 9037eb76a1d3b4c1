import { createServer } from 'node:http';
import { buildHTTPExecutor } from '@graphql-tools/executor-http';
import { stitchSchemas } from '@graphql-tools/stitch';
import { schemaFromExecutor } from '@graphql-tools/wrap';
import { createYoga } from 'graphql-yoga';
import { messages } from './messages.ts';

const readTickets = buildHTTPExecutor({ endpoint: process.env['TICKETS_URL'] ?? 'http://127.0.0.1:4001/' });

const schema = stitchSchemas({
  subschemas: [
    messages,
    {
      schema: await schemaFromExecutor(readTickets),
      executor: readTickets,
      batch: true,
      merge: {
        // The tickets are a subgraph of Federation: `_entities` returns what they add to messages, in one request for all.
        ChatMessage: {
          selectionSet: '{ chatId id }',
          fieldName: '_entities',
          key: ({ chatId, id }) => ({ __typename: 'ChatMessage', chatId, id }),
          argsFromKeys: (representations) => ({ representations }),
        },
      },
    },
  ],
});

const server = createServer(createYoga({ schema }));
server.listen(Number(process.env['PORT'] ?? 4002), '127.0.0.1', () => {
  const address = server.address();
  console.log(`graph at http://127.0.0.1:${typeof address === 'object' && address?.port}/graphql`);
});
