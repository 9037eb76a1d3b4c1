import { createGateway } from 'linq-graphql-gateway';

/** One for each process. Callers send the key as `Authorization: Bearer …`. */
export const gateway = createGateway({
  origin: process.env['LINQ_API_URL'], // unset: Linq's own
  token: process.env['LINQ_INTEGRATION_TOKEN'],
  apiKeys: (process.env['GATEWAY_API_KEYS'] ?? '').split(',').filter(Boolean),
});
