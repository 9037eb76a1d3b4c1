import type { GraphQLError } from 'graphql';

/** The error at another place of the response: a new one would take a stack, and a response may have thousands. */
export function errorAt(error: GraphQLError, path: GraphQLError['path']): GraphQLError {
  return Object.create(error, { path: { value: path, enumerable: true } });
}
