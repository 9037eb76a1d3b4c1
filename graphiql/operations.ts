import { type DocumentNode, Kind, type OperationDefinitionNode, parse } from 'graphql';

/** Undefined when the document has a syntax error, which the gateway explains. */
export function parseDocument(query: string): DocumentNode | undefined {
  try {
    return parse(query);
  } catch {
    return undefined;
  }
}

export function operationsIn(document: DocumentNode | undefined): OperationDefinitionNode[] {
  return document?.definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION) ?? [];
}
