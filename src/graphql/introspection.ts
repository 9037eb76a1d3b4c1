import { type FieldNode, GraphQLError, type ValidationContext } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/** The fields by which the schema can be read, as data or as SDL. */
const fields = new Set(['__schema', '__type', '_sdl', '_service']);

/** Refuses operations that read the schema. */
export function useNoIntrospection(): Plugin {
  return {
    onValidate({ addValidationRule }) {
      addValidationRule((context: ValidationContext) => ({
        Field(node: FieldNode) {
          const name = node.name.value;
          if (!fields.has(name)) return;
          const message = `Introspection is disabled, "${name}" included. Ask the operator of this gateway for its schema.`;
          context.reportError(new GraphQLError(message, { nodes: node }));
        },
      }));
    },
  };
}
