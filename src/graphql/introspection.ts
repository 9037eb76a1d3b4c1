import { type ASTVisitor, GraphQLError, NoSchemaIntrospectionCustomRule, type ValidationContext } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/** Refuses operations that ask for the schema, whether field by field or as a text. */
export function useNoIntrospection(): Plugin {
  return {
    onValidate({ addValidationRule }) {
      addValidationRule(NoSchemaIntrospectionCustomRule);
      addValidationRule(NoSdlRule);
    },
  };
}

function NoSdlRule(context: ValidationContext): ASTVisitor {
  return {
    Field(node) {
      const name = node.name.value;
      if (name !== '_sdl' && name !== '_service') return;
      context.reportError(
        new GraphQLError(`GraphQL introspection has been disabled, "${name}" included.`, { nodes: node }),
      );
    },
  };
}
