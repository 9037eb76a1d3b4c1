import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';

// Prints the supergraph of both subgraphs, for any gateway of Federation 2.
const subgraphs = [
  {
    name: 'messages',
    url: process.env['MESSAGES_URL'] ?? 'http://127.0.0.1:4000/graphql',
    headers: { authorization: process.env['MESSAGES_AUTHORIZATION'] ?? '' }, // of a Linq gateway that is closed
  },
  { name: 'tickets', url: process.env['TICKETS_URL'] ?? 'http://127.0.0.1:4001/', headers: {} },
];

const services = await Promise.all(
  subgraphs.map(async ({ name, url, headers }) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query: '{ _service { sdl } }' }),
    });
    const { data, errors } = await response.json();
    if (!data) throw new Error(`No schema of the ${name}: ${JSON.stringify(errors)}`);
    return { name, url, typeDefs: parse(data._service.sdl) };
  }),
);

const { supergraphSdl, errors = [], hints = [] } = composeServices(services);
for (const { message } of [...errors, ...hints]) console.error(message);
if (supergraphSdl === undefined) process.exit(1);
console.log(supergraphSdl);
