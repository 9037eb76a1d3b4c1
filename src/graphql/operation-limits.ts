import {
  type ASTVisitor,
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  Lexer,
  type OperationDefinitionNode,
  type SelectionSetNode,
  Source,
  TokenKind,
  type ValidationContext,
  type ValidationRule,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { tooCostly } from '../errors/client-errors.ts';
import { detachLocations } from '../errors/locations.ts';

/** Limits on one operation, counted as it is executed: fragments count as often as they are spread. */
export interface OperationLimits {
  /** Lexical tokens of the document. */
  readonly maxTokens: number;
  /** Levels of fields: a root field is 1, and leaves count too. */
  readonly maxDepth: number;
  readonly maxAliases: number;
  readonly maxDirectives: number;
}

/** Introspection has limits of its own, which the query of GraphiQL (once, 15 levels) passes. */
const maxIntrospections = 10;
const maxIntrospectionDepth = 20;

/** Refuses documents beyond the limits before they are executed, and bounds what their errors cost; a cached one was checked when it was first sent. */
export function useOperationLimits(limits: OperationLimits): Plugin {
  const rule = limitsRule(limits);
  return {
    onParse({ parseFn, setParseFn }) {
      setParseFn((source: string | Source, options?: object) => {
        try {
          const document: DocumentNode = parseFn(source, { ...options, maxTokens: limits.maxTokens });
          detachLocations(document);
          return document;
        } catch (error) {
          const found = countTokens(source, limits.maxTokens);
          throw found > limits.maxTokens ? tooCostly(found, 'tokens', limits.maxTokens, 'MAX_TOKENS') : error;
        }
      });
    },
    onValidate({ addValidationRule }) {
      addValidationRule(rule);
    },
  };
}

/** The document's tokens, or those before the first invalid one. */
function countTokens(source: string | Source, limit: number): number {
  const lexer = new Lexer(typeof source === 'string' ? new Source(source) : source);
  let count = 0;
  try {
    while (lexer.advance().kind !== TokenKind.EOF) count++;
  } catch {
    return count > limit ? count : 0;
  }
  return count;
}

export interface Cost {
  /** Fields, through fragments as often as they are spread. */
  readonly fields: number;
  readonly depth: number;
  readonly introspections: number;
  readonly introspectionDepth: number;
  readonly aliases: number;
  readonly directives: number;
}

const nothing: Cost = { fields: 0, depth: 0, introspections: 0, introspectionDepth: 0, aliases: 0, directives: 0 };

function limitsRule({ maxDepth, maxAliases, maxDirectives }: OperationLimits): ValidationRule {
  return function OperationLimitsRule(context: ValidationContext): ASTVisitor {
    return {
      Document(document) {
        for (const cost of costsOf(document)) {
          const refuse = (found: number, what: string, limit: number, variable?: string) => {
            if (found > limit) context.reportError(tooCostly(found, what, limit, variable));
          };
          refuse(cost.depth, 'levels of fields', maxDepth, 'MAX_DEPTH');
          refuse(cost.aliases, 'aliases', maxAliases, 'MAX_ALIASES');
          refuse(cost.directives, 'directives', maxDirectives, 'MAX_DIRECTIVES');
          refuse(cost.introspections, 'introspections', maxIntrospections);
          refuse(cost.introspectionDepth, 'levels of introspection', maxIntrospectionDepth);
        }
      },
    };
  };
}

/** The cost of each operation. A fragment is visited once, however often it is spread; one that spreads itself adds nothing more. */
export function costsOf(document: DocumentNode): Cost[] {
  const fragments = new Map<string, FragmentDefinitionNode>();
  const operations: OperationDefinitionNode[] = [];
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
    if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
  }
  const known = new Map<string, Cost>();
  return operations.map((operation) => plus(costOf(operation.selectionSet), operation.directives?.length ?? 0));

  function costOf(set: SelectionSetNode): Cost {
    let total = nothing;
    for (const selection of set.selections) {
      let cost: Cost;
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        cost = costOfFragment(selection.name.value);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        cost = costOf(selection.selectionSet);
      } else {
        const inner = selection.selectionSet === undefined ? nothing : costOf(selection.selectionSet);
        const introspects = /^__(schema|type)$/.test(selection.name.value);
        cost = {
          fields: inner.fields + 1,
          depth: introspects ? 1 : inner.depth + 1,
          introspections: inner.introspections + (introspects ? 1 : 0),
          introspectionDepth: introspects ? inner.depth + 1 : inner.introspectionDepth,
          aliases: inner.aliases + (selection.alias === undefined ? 0 : 1),
          directives: inner.directives,
        };
      }
      cost = plus(cost, selection.directives?.length ?? 0);
      total = {
        fields: total.fields + cost.fields,
        introspections: total.introspections + cost.introspections,
        depth: Math.max(total.depth, cost.depth),
        introspectionDepth: Math.max(total.introspectionDepth, cost.introspectionDepth),
        aliases: total.aliases + cost.aliases,
        directives: total.directives + cost.directives,
      };
    }
    return total;
  }

  function costOfFragment(name: string): Cost {
    const before = known.get(name);
    if (before !== undefined) return before;
    known.set(name, nothing); // in case it spreads itself, which another rule reports
    const fragment = fragments.get(name);
    const cost =
      fragment === undefined ? nothing : plus(costOf(fragment.selectionSet), fragment.directives?.length ?? 0);
    known.set(name, cost);
    return cost;
  }
}

function plus(cost: Cost, directives: number): Cost {
  return { ...cost, directives: cost.directives + directives };
}
