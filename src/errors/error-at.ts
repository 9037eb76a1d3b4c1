import { type ASTNode, GraphQLError } from 'graphql';

// A response may have thousands of errors, and the constructor of each takes a stack.

/** The error at another place of the response. */
export function errorAt(error: GraphQLError, path: GraphQLError['path']): GraphQLError {
  return Object.create(error, { path: { value: path, enumerable: true } });
}

/** What `locatedError` of graphql-js returns for an error without a place, whose locations were detached from the nodes. */
export function locatedAt(cause: Error, nodes: readonly ASTNode[], path: GraphQLError['path']): GraphQLError {
  const { message } = cause;
  const extensions = cause instanceof GraphQLError ? cause.extensions : {};
  return Object.assign(Object.create(GraphQLError.prototype), {
    message,
    nodes,
    path,
    extensions,
    originalError: cause,
  });
}
