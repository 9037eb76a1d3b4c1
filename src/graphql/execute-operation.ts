import {
  type ASTNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  GraphQLError,
  getArgumentValues,
  TypeInfo,
  validateExecutionArgs,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { ErrorCode } from '../errors/codes.ts';

/**
 * Executes with graphql-js. Arguments that do not fit their types (an explicit null for a variable with a default, for example)
 * fail with `BAD_USER_INPUT`.
 *
 * graphql-js 17.1 gives these errors no code, and raises faults of resolvers and scalars as `GraphQLError`s without a code too.
 * To tell them apart, the arguments are coerced again, only after an error: it is a coercion error if graphql's own coercion
 * throws the same error at the same place. test/graphql/execute-operation.test.ts fails once graphql-js sets a code by itself.
 */
export function executeOperation(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult> {
  const result = execute(args);
  return result instanceof Promise ? result.then((later) => withCodes(later, args)) : withCodes(result, args);
}

/** Gives errors of arguments their code. */
export function withCodes(result: ExecutionResult, args: ExecutionArgs): ExecutionResult {
  if (!result.errors?.some(hasNoCode)) return result;
  const known = coercionErrors(args);
  if (known.size === 0) return result;
  const extensions: { code: ErrorCode } = { code: 'BAD_USER_INPUT' };
  const errors = result.errors.map((error) => {
    const { message, nodes, source, positions, path } = error;
    if (!hasNoCode(error) || !known.get(nodes?.[0])?.has(message)) return error;
    return new GraphQLError(message, { nodes, source, positions, path, extensions });
  });
  return { ...result, errors };
}

function hasNoCode({ path, extensions }: GraphQLError): boolean {
  return path !== undefined && extensions['code'] === undefined;
}

/** The messages of errors in the arguments of all fields and directives, by node. */
function coercionErrors(args: ExecutionArgs): ReadonlyMap<ASTNode | undefined, ReadonlySet<string>> {
  const errors = new Map<ASTNode | undefined, Set<string>>();
  const validated = validateExecutionArgs(args);
  if (!('variableValues' in validated)) return errors;
  const { schema, variableValues, hideSuggestions } = validated;
  const types = new TypeInfo(schema);
  const coerce = (
    definition: Parameters<typeof getArgumentValues>[0] | null | undefined,
    node: Parameters<typeof getArgumentValues>[1],
  ): void => {
    try {
      if (definition) getArgumentValues(definition, node, variableValues, undefined, hideSuggestions);
    } catch (error) {
      if (!(error instanceof GraphQLError)) return;
      const place = error.nodes?.[0] ?? node;
      errors.set(place, (errors.get(place) ?? new Set()).add(error.message));
    }
  };
  visit(
    args.document,
    visitWithTypeInfo(types, {
      Field: (node) => coerce(types.getFieldDef(), node),
      Directive: (node) => coerce(types.getDirective(), node),
    }),
  );
  return errors;
}
