import { rename, writeFile } from 'node:fs/promises';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';

// Writes the supergraph of both subgraphs, for any gateway of Federation 2.
const subgraphs = [
  {
    name: 'messages',
    url: process.env['MESSAGES_URL'] ?? 'http://127.0.0.1:4000/graphql',
    headers: { authorization: process.env['MESSAGES_AUTHORIZATION'] ?? '' }, // of a Linq gateway that is closed
  },
  { name: 'tickets', url: process.env['TICKETS_URL'] ?? 'http://127.0.0.1:4001/', headers: {} },
];

async function readSchema(url: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query: '{ _service { sdl } }' }),
    signal: AbortSignal.timeout(10_000),
  });
  const { data, errors } = await response.json().catch(() => ({}));
  if (data?._service?.sdl) return data._service.sdl;
  throw new Error(errors?.[0]?.message ?? `HTTP ${response.status} without a schema`);
}

const services: Parameters<typeof composeServices>[0] = [];
for (const { name, url, headers } of subgraphs) {
  try {
    services.push({ name, url, typeDefs: parse(await readSchema(url, headers)) });
  } catch (error) {
    const { message, cause } = error as Error & { cause?: { code?: string } };
    console.error(`No schema of the ${name} at ${url}: ${cause?.code ?? message}`);
    process.exitCode = 1;
  }
}
if (process.exitCode) process.exit();

const { supergraphSdl, errors = [], hints = [] } = composeServices(services);
for (const { message } of [...errors, ...hints]) console.error(message);
if (supergraphSdl === undefined) process.exit(1);

// A gateway may be watching the file: it never sees half of one, nor one that does not compose.
const file = process.env['SUPERGRAPH'] ?? 'supergraph.graphql';
await writeFile(`${file}.new`, supergraphSdl);
await rename(`${file}.new`, file);
console.log(`supergraph in ${file}`);
