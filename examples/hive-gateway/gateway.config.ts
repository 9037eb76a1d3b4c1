import { defineConfig } from '@graphql-hive/gateway';

// hive-gateway supergraph supergraph.graphql --config-path hive-gateway/gateway.config.ts
export const gatewayConfig = defineConfig({
  host: '127.0.0.1',
  port: Number(process.env['PORT'] ?? 4002),
  supergraph: process.env['SUPERGRAPH'] ?? 'supergraph.graphql',
  // Subscriptions too, as Server-Sent Events: GET is their default, and writes ids into the log of every proxy on the way.
  transportEntries: { messages: { options: { method: 'POST' } } },
  propagateHeaders: {
    /** The caller's credential for the Linq gateway, and its Linq token, go along to that gateway alone. */
    fromClientToSubgraphs({ request, subgraphName }) {
      if (subgraphName !== 'messages') return {};
      const names = ['authorization', 'x-linq-integration-token'];
      return Object.fromEntries(
        names.flatMap((name) => (request.headers.has(name) ? [[name, request.headers.get(name) ?? '']] : [])),
      );
    },
  },
});
