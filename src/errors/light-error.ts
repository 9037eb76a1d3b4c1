import { GraphQLError } from 'graphql';

type Fields = Pick<GraphQLError, 'message' | 'extensions'> &
  Partial<Pick<GraphQLError, 'nodes' | 'locations' | 'path' | 'originalError'>>;

/** A `GraphQLError` of which the constructor takes neither a stack nor locations: a response may have thousands of errors. */
export function lightError(fields: Fields): GraphQLError {
  return Object.assign(Object.create(prototype), fields);
}

const prototype: GraphQLError = Object.create(GraphQLError.prototype, { name: { value: 'GraphQLError' } });

/** The error at another place of the response. */
export function errorAt(error: GraphQLError, path: GraphQLError['path']): GraphQLError {
  return Object.create(error, { path: { value: path, enumerable: true } });
}
