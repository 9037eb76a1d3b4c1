import { filterSchema } from '@graphql-tools/utils';
import type { GraphQLSchema } from 'graphql';

/**
 * The schema as a larger graph takes it in: without the fields and types that only tell that graph what there is, and without
 * the description, which is about this gateway.
 */
export function withoutGatewayFields(schema: GraphQLSchema): GraphQLSchema {
  const filtered = filterSchema({
    schema,
    rootFieldFilter: (_operation, name) => !name.startsWith('_'),
    typeFilter: (name) => !name.startsWith('_'),
  });
  filtered.description = undefined;
  return filtered;
}

/** Computes a text for a schema once. There is one schema for each process, so this holds one text. */
export function memoizeBySchema(print: (schema: GraphQLSchema) => string): (schema: GraphQLSchema) => string {
  const texts = new WeakMap<GraphQLSchema, string>();
  return (schema) => {
    const text = texts.get(schema) ?? print(schema);
    texts.set(schema, text);
    return text;
  };
}
