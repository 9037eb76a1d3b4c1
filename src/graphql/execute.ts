import { execute } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/**
 * Has Yoga execute with graphql-js. Its own executor (@graphql-tools/executor 2) reads the defaults of variables through
 * `parseLiteral`, where an id beyond 2^53 becomes another one.
 */
export function useGraphqlExecute(): Plugin {
  return { onExecute: ({ setExecuteFn }) => setExecuteFn(execute) };
}
