import { MapperKind, mapSchema } from '@graphql-tools/utils';
import {
  defaultFieldResolver,
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLFieldConfig,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  getNullableType,
  isListType,
} from 'graphql';
import type { Context } from '../context.ts';
import { responseTooLarge } from '../errors/client-errors.ts';
import { errorAt } from '../errors/light-error.ts';
import { executeOperation } from './execute-operation.ts';
import type { Turns } from './turns.ts';

/** A list with more entries is executed in a turn of its own. */
const shortList = 50;

/** The least length of the JSON of an error, without its message and path. */
const leastErrorLength = 100;

type Execute = (args: ExecutionArgs) => ExecutionResult | Promise<ExecutionResult>;

/**
 * Executes with graphql-js, in bounded memory: equal entries of a list are executed once and share their result, and an
 * execution whose result is too large stops and fails as a whole.
 */
export function createBoundedExecution(schema: GraphQLSchema, maxResponseBytes: number, turns: Turns): Execute {
  const executable = executables.get(schema) ?? mapSchema(schema, { [MapperKind.OBJECT_FIELD]: withSharedEntries });
  executables.set(schema, executable);
  return (args) => {
    const budget = new Budget(maxResponseBytes);
    const shared: SharedList[] = [];
    const { lane } = args.contextValue as Context;
    const takeTurn = () => turns.next(lane);
    executions.set(args.contextValue as object, { shared, takeTurn });
    const finish = (result: ExecutionResult): ExecutionResult => {
      if (budget.isExceeded) return budget.exceeded();
      let whole = result;
      for (const list of shared.toReversed()) {
        whole = expand(whole, list, budget);
        if (budget.isExceeded) return budget.exceeded();
      }
      return whole;
    };
    const result = executeOperation({ ...args, schema: executable, fieldResolver: budget.resolve });
    return result instanceof Promise ? result.then(finish) : finish(result);
  };
}

/** Counts the least length of a result while it grows. */
class Budget {
  readonly #maxBytes: number;
  #left: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#left = maxBytes;
  }

  exceeded(): ExecutionResult {
    const { message, code } = responseTooLarge(this.#maxBytes);
    return { errors: [new GraphQLError(message, { extensions: { code } })] };
  }

  get isExceeded(): boolean {
    return this.#left < 0;
  }

  /** Of the fields that are properties. */
  readonly resolve: GraphQLFieldResolver<unknown, unknown> = (source, args, context, info) => {
    if (this.isExceeded) return null;
    const value = defaultFieldResolver(source, args, context, info);
    this.#left -= String(info.path.key).length + '"":,'.length + (typeof value === 'string' ? value.length + 2 : 1);
    return Array.isArray(value) ? this.#whileLeft(value) : value;
  };

  /** False when it is exceeded. */
  takeError({ message }: GraphQLError): boolean {
    this.#left -= leastErrorLength + message.length;
    return !this.isExceeded;
  }

  *#whileLeft(items: readonly unknown[]): Iterable<unknown> {
    for (const item of items) {
      if (this.isExceeded) return;
      yield item;
    }
  }
}

/** A list of which each distinct entry was executed once. */
interface SharedList {
  readonly path: readonly (string | number)[];
  /** For each entry of the response, its index among those executed. */
  readonly indexes: readonly number[];
}

interface Execution {
  readonly shared: SharedList[];
  readonly takeTurn: () => Promise<void>;
}

/** By schema: a copy of ours takes some 10 ms. */
const executables = new WeakMap<GraphQLSchema, GraphQLSchema>();

/** By the context of the request. */
const executions = new WeakMap<object, Execution>();

type Field = GraphQLFieldConfig<unknown, object>;

function withSharedEntries(field: Field): Field {
  const { resolve, extensions, type } = field;
  if (resolve === undefined || extensions?.['read'] === undefined || !isListType(getNullableType(type))) return field;
  return {
    ...field,
    async resolve(source, args, context, info) {
      const entries: unknown = await resolve(source, args, context, info);
      if (!Array.isArray(entries)) return entries;
      const execution = executions.get(context);
      if (entries.length > shortList) await execution?.takeTurn();
      const places = new Map<unknown, number>();
      const distinct: unknown[] = [];
      const indexes = entries.map((entry) => {
        const known = entry instanceof Error ? undefined : places.get(entry);
        if (known !== undefined) return known;
        places.set(entry, distinct.length);
        return distinct.push(entry) - 1;
      });
      if (distinct.length < entries.length) execution?.shared.push({ path: pathOf(info.path), indexes });
      return distinct;
    },
  };
}

/** Puts the results of the distinct entries at all of their places. Lists inside of others are expanded first. */
function expand(result: ExecutionResult, { path, indexes }: SharedList, budget: Budget): ExecutionResult {
  const { data, errors } = result;
  const parent = path.slice(0, -1).reduce<unknown>((value, key) => Reflect.get(Object(value), key), data);
  const key = path.at(-1) ?? '';
  const executed: unknown = Reflect.get(Object(parent), key);
  if (Array.isArray(executed)) Object.assign(parent as object, { [key]: indexes.map((index) => executed[index]) });
  if (errors === undefined) return result;
  const moved = errors.flatMap((error) => {
    const place = error.path?.[path.length];
    if (place === undefined || path.some((key, level) => error.path?.[level] !== key)) return [error];
    return indexes.flatMap((index, entry) =>
      index === place && budget.takeError(error) ? [errorAt(error, error.path?.with(path.length, entry))] : [],
    );
  });
  return { ...result, errors: moved };
}

interface Path {
  readonly prev: Path | undefined;
  readonly key: string | number;
}

function pathOf({ prev, key }: Path): readonly (string | number)[] {
  return prev === undefined ? [key] : [...pathOf(prev), key];
}
