import { initGraphQLTada } from 'gql.tada';
import type { introspection } from './graphql-env.ts';

export const graphql = initGraphQLTada<{ introspection: typeof introspection; scalars: { DateTime: string } }>();
