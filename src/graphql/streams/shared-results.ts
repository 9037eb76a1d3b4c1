import { type DocumentNode, type ExecutionArgs, type ExecutionResult, Kind, visit } from 'graphql';
import type { ChatMessageEvent } from '../../datasources/events/chat-message-event.ts';

/** The result of an event, and its JSON unless it has errors, which name the request. */
export interface EventResult {
  readonly result: ExecutionResult;
  readonly text: string | undefined;
}

/** Executes an event once for all streams of the same operation and access that come to it at about the same time. */
export class SharedResults {
  readonly #documents = new WeakMap<DocumentNode, { readonly id: number; readonly variables: ReadonlySet<string> }>();
  readonly #results = new Map<string, Promise<EventResult>>();
  #lastId = 0;

  /** The same for streams to which an event looks the same. `access` is the same where all reads have the same values. */
  keyOf({ document, operationName, variableValues }: ExecutionArgs, access: string): string {
    let known = this.#documents.get(document);
    if (known === undefined) {
      known = { id: ++this.#lastId, variables: variablesBelowEvents(document) };
      this.#documents.set(document, known);
    }
    const values = Object.entries(variableValues ?? {}).filter(([name]) => known.variables.has(name));
    return JSON.stringify([known.id, operationName, values.toSorted(([a], [b]) => (a < b ? -1 : 1)), access]);
  }

  run(key: string, { position }: ChatMessageEvent, execute: () => Promise<EventResult>): Promise<EventResult> {
    const name = `${position} ${key}`;
    const known = this.#results.get(name);
    if (known !== undefined) return known;
    const result = execute();
    this.#results.set(name, result);
    const forget = () => setImmediate(() => this.#results.delete(name)); // when all streams that wait for it have it
    result.then(forget, forget);
    return result;
  }
}

/** Those that the events of a stream depend on: not those that say which events it has. */
function variablesBelowEvents(document: DocumentNode): ReadonlySet<string> {
  const names = new Set<string>();
  visit(document, {
    VariableDefinition: () => false,
    Field: (node) => (node.name.value === 'chatMessageEvents' ? { ...node, arguments: [] } : undefined),
    [Kind.VARIABLE]: (node) => void names.add(node.name.value),
  });
  return names;
}
