import {
  coerceInputLiteral,
  coerceInputValue,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  typeFromAST,
  type ValueNode,
} from 'graphql';

/** A query as the reads of its root fields, and what each response field takes from the values read. */
export interface Plan {
  readonly fields: readonly PlannedField[];
  /** The coerced values of the variables; undefined where they do not fit their types, or need a closer look. */
  coerce(variables: Readonly<Record<string, unknown>>): Variables | undefined;
}

export interface PlannedField {
  /** The response key. */
  readonly name: string;
  /** The key as JSON, with the comma before it. */
  readonly prefix: string;
  /** All selections with this response key. */
  readonly nodes: readonly FieldNode[];
  /** Undefined for `__typename`, whose text is then known. */
  readonly read: PlannedRead | undefined;
  readonly text: string;
}

interface PlannedRead {
  readonly resolve: GraphQLFieldResolver<unknown, unknown>;
  readonly args: (variables: Variables) => Record<string, unknown>;
  readonly isList: boolean;
  readonly project: Project;
}

/** By their order in the operation. */
type Variables = readonly unknown[];

/** The selected part of a value that was read. */
export interface Project {
  of(value: object): object;
  /**
   * The least length of its JSON, computed without taking memory for it. Undefined without aliases: then it has no more than the
   * value itself.
   */
  readonly leastLength: ((value: object) => number) | undefined;
}

/**
 * The plan of a valid query. Undefined for anything that is not plain: directives, nulls, mutations, introspection, or root fields that are not reads. The plan is derived from the schema: a field without a resolver is a
 * property of its parent, in the form in which it is sent; a field with `isRead` in its extensions has a resolver that needs
 * its arguments and the loaders alone.
 */
export function createPlan(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | undefined,
): Plan | undefined {
  try {
    return new Planner(schema, document, operationName).plan();
  } catch (error) {
    if (error === unplanned) return undefined;
    throw error;
  }
}

/** Thrown where an operation is left to Yoga. */
const unplanned = new Error('not plain enough for the fast path');

function refuse(): never {
  throw unplanned;
}

class Planner {
  readonly #schema: GraphQLSchema;
  readonly #operation: OperationDefinitionNode;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #variables: readonly VariableDefinition[];
  readonly #projects = new Map<string, Project>();

  constructor(schema: GraphQLSchema, document: DocumentNode, operationName: string | undefined) {
    this.#schema = schema;
    const operations: OperationDefinitionNode[] = [];
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
      else if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
    }
    const [operation, ...others] =
      operationName === undefined ? operations : operations.filter(({ name }) => name?.value === operationName);
    if (operation === undefined || others.length > 0 || operation.operation !== 'query') refuse();
    if (operation.directives?.length) refuse();
    this.#operation = operation;
    this.#variables = (operation.variableDefinitions ?? []).map(({ variable, type, defaultValue, directives }) => {
      if (directives?.length) refuse();
      const inputType = (typeFromAST(schema, type) as GraphQLInputType | undefined) ?? refuse();
      const fallback = defaultValue && (coerceInputLiteral(defaultValue, inputType) ?? refuse());
      return { name: variable.name.value, type: inputType, fallback };
    });
  }

  plan(): Plan {
    const root = this.#schema.getQueryType() ?? refuse();
    const fields = [...this.#collect(root, [this.#operation.selectionSet])].map(([name, nodes], index) => {
      const prefix = `${index === 0 ? '' : ','}${JSON.stringify(name)}:`;
      const [{ name: field }] = nodes as [FieldNode];
      const isTypename = field.value === '__typename';
      const read = isTypename ? undefined : this.#read(root.getFields()[field.value] ?? refuse(), nodes);
      return { name, prefix, nodes, read, text: JSON.stringify(root.name) };
    });
    const variables = this.#variables;
    return { fields, coerce: (values) => coerceVariables(variables, values) };
  }

  #read(field: GraphQLField<unknown, unknown>, nodes: readonly FieldNode[]): PlannedRead {
    const { resolve, extensions, type } = field;
    if (resolve === undefined || extensions['isRead'] !== true) refuse();
    // A failed read nulls no more than itself.
    const nullable = getNullableType(type);
    const isList = isListType(nullable);
    if (isNonNullType(isList ? nullable.ofType : type)) refuse();
    const { code, length, hasAliases } = this.#objectCode(this.#onlyObjectType(getNamedType(type)), nodes);
    const project = this.#projects.get(code) ?? {
      of: new Function('v', `return ${code}`) as Project['of'],
      leastLength: hasAliases ? new Function('leaf', `return (v) => ${length}`)(leastLeafLength) : undefined,
    };
    this.#projects.set(code, project);
    return { resolve, args: this.#args(field, nodes[0] as FieldNode), isList, project };
  }

  /** Of a union or an interface as well, as long as it has one type alone. */
  #onlyObjectType(type: GraphQLNamedType): GraphQLObjectType {
    if (isObjectType(type)) return type;
    const [only, ...others] = isAbstractType(type) ? this.#schema.getPossibleTypes(type) : [];
    return only === undefined || others.length > 0 ? refuse() : only;
  }

  #args(field: GraphQLField<unknown, unknown>, node: FieldNode): PlannedRead['args'] {
    const nodes = new Map(node.arguments?.map(({ name, value }) => [name.value, value]));
    const readers = field.args.map(({ name, type, default: fallback, defaultValue }) => {
      if (fallback !== undefined || defaultValue !== undefined) refuse();
      return [name, this.#reader(nodes.get(name) ?? refuse(), type)] as const;
    });
    return (variables) => {
      const args: Record<string, unknown> = {};
      for (const [name, read] of readers) args[name] = read(variables);
      return args;
    };
  }

  /** Of the value of an argument. Literals without variables are coerced once. */
  #reader(node: ValueNode, type: GraphQLInputType): (variables: Variables) => unknown {
    const nullable = getNullableType(type);
    if (node.kind === Kind.VARIABLE) {
      const index = this.#variables.findIndex(({ name }) => name === node.name.value);
      return index < 0 ? refuse() : (variables) => variables[index];
    }
    if (node.kind === Kind.LIST && isListType(nullable)) {
      const items = node.values.map((item) => this.#reader(item, nullable.ofType));
      return (variables) => items.map((read) => read(variables));
    }
    if (node.kind === Kind.OBJECT && isInputObjectType(nullable)) {
      const nodes = new Map(node.fields.map(({ name, value }) => [name.value, value]));
      const fields = Object.values(nullable.getFields()).map(
        ({ name, type }) => [name, this.#reader(nodes.get(name) ?? refuse(), type)] as const,
      );
      return (variables) => Object.fromEntries(fields.map(([name, read]) => [name, read(variables)]));
    }
    if (node.kind === Kind.NULL || node.kind === Kind.OBJECT || node.kind === Kind.LIST) refuse();
    const value = coerceInputLiteral(node, type) ?? refuse();
    return () => value;
  }

  /** The selections of an object by response key, in the order of the response. */
  #collect(
    type: GraphQLObjectType,
    sets: readonly SelectionSetNode[],
    found = new Map<string, FieldNode[]>(),
    spread = new Set<string>(),
  ): Map<string, FieldNode[]> {
    for (const { selections } of sets) {
      for (const selection of selections) {
        if (selection.directives?.length) refuse();
        if (selection.kind === Kind.FIELD) {
          const name = (selection.alias ?? selection.name).value;
          const nodes = found.get(name);
          if (nodes === undefined) found.set(name, [selection]);
          else nodes.push(selection);
          continue;
        }
        const fragment =
          selection.kind === Kind.INLINE_FRAGMENT ? selection : this.#spread(selection.name.value, spread);
        if (fragment !== undefined && this.#applies(fragment.typeCondition?.name.value, type)) {
          this.#collect(type, [fragment.selectionSet], found, spread);
        }
      }
    }
    return found;
  }

  /** Undefined where it was spread before. */
  #spread(name: string, spread: Set<string>): FragmentDefinitionNode | undefined {
    if (spread.has(name)) return undefined;
    spread.add(name);
    const fragment = this.#fragments.get(name) ?? refuse();
    return fragment.directives?.length ? refuse() : fragment;
  }

  #applies(condition: string | undefined, type: GraphQLObjectType): boolean {
    if (condition === undefined || condition === type.name) return true;
    const other = this.#schema.getType(condition);
    return isAbstractType(other) && this.#schema.isSubType(other, type);
  }

  /** Expressions of the selected part of the object `v`. */
  #objectCode(type: GraphQLObjectType, nodes: readonly FieldNode[]): ProjectCode {
    const sets = nodes.map(({ selectionSet }) => selectionSet ?? refuse());
    let isWhole = true;
    let hasAliases = false;
    const names: string[] = [];
    const lengths: string[] = [];
    const entries = [...this.#collect(type, sets)].map(([key, [node, ...more]]) => {
      const name = (node as FieldNode).name.value;
      const value = this.#valueCode(type, name, [node as FieldNode, ...more]);
      const { code } = value;
      names.push(name);
      lengths.push(`${key.length + '"":,'.length}+${value.length}`);
      isWhole &&= key === name && code === `v.${name}`;
      hasAliases ||= key !== name || value.hasAliases;
      return `[${JSON.stringify(key)}]:${code}`;
    });
    const properties = Object.values(type.getFields()).filter(({ resolve }) => resolve === undefined);
    isWhole &&= names.join() === properties.map(({ name }) => name).join();
    return { code: isWhole ? 'v' : `{${entries.join()}}`, length: `(1+${lengths.join('+')})`, hasAliases };
  }

  #valueCode(parent: GraphQLObjectType, name: string, nodes: readonly FieldNode[]): ProjectCode {
    const leaf = (code: string): ProjectCode => ({ code, length: `leaf(${code})`, hasAliases: false });
    if (name === '__typename') return leaf(JSON.stringify(parent.name));
    const { type, resolve, args } = parent.getFields()[name] ?? refuse();
    if (resolve !== undefined || args.length > 0) refuse();
    const nullable = getNullableType(type);
    const item = isListType(nullable) ? nullable.ofType : nullable;
    const named = getNullableType(item);
    if (isLeafType(named)) return leaf(`v.${name}`);
    if (!isObjectType(named)) refuse();
    const { code, length, hasAliases } = this.#objectCode(named, nodes);
    const isList = isListType(nullable);
    if (isList && !isNonNullType(item) && code !== 'v') refuse();
    const each = isList ? `v.${name}.map((v) => (${code}))` : `((v) => (${code}))(v.${name})`;
    const sum = isList ? `v.${name}.reduce((n, v) => n + ${length}, 1)` : `((v) => ${length})(v.${name})`;
    return {
      code: code === 'v' ? `v.${name}` : `v.${name} && ${each}`,
      length: `(v.${name} ? ${sum} : 4)`,
      hasAliases,
    };
  }
}

interface ProjectCode {
  readonly code: string;
  /** The least length of its JSON. */
  readonly length: string;
  readonly hasAliases: boolean;
}

function leastLeafLength(value: unknown): number {
  return typeof value === 'string' ? value.length + 2 : 1;
}

interface VariableDefinition {
  readonly name: string;
  readonly type: GraphQLInputType;
  /** Its default, coerced; undefined without one. */
  readonly fallback: unknown;
}

function coerceVariables(
  definitions: readonly VariableDefinition[],
  values: Readonly<Record<string, unknown>>,
): Variables | undefined {
  const coerced: unknown[] = [];
  for (const { name, type, fallback } of definitions) {
    const value = Object.hasOwn(values, name) ? coerceInputValue(values[name], type) : fallback;
    if (value === undefined || value === null) return undefined;
    coerced.push(value);
  }
  return coerced;
}
