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

/** Of the operation with this name, or else the first. */
export function isSubscription(query: string, operationName: string | null | undefined): boolean {
  const operations = operationsIn(parseDocument(query));
  const chosen = operations.find(({ name }) => name?.value === operationName) ?? operations[0];
  return chosen?.operation === 'subscription';
}
