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
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  typeFromAST,
  type ValueNode,
} from 'graphql';

/** A query as the reads that it needs, and what the response takes from the values read. */
export interface Plan {
  readonly root: PlannedObject;
  /** The names of the variables. */
  readonly variables: readonly string[];
  /** Their coerced values; undefined where they do not fit their types, or need a closer look. */
  coerce(variables: Readonly<Record<string, unknown>>): Variables | undefined;
}

/** What is selected from an object; of a union, from an object of each type. */
export type Selection =
  | ObjectSelection
  | { readonly kind: 'union'; of(value: object): ObjectSelection; readonly hasReads: boolean };

export type ObjectSelection = Projection | PlannedObject;

/** The selected part of an object, without reads below it. */
export interface Projection {
  readonly kind: 'projection';
  of(value: object): object;
  /** At least how long its JSON is, computed without taking memory for it. Undefined without aliases: then no longer than that of the whole object. */
  readonly leastLength: ((value: object) => number) | undefined;
}

/** An object with reads below it: its parts, in the order of the response. */
export interface PlannedObject {
  readonly kind: 'object';
  readonly parts: readonly Part[];
}

/** `prefix` is what stands before a part in the JSON of its object: a comma, unless it is the first, and a key with its colon. */
export type Part =
  /** Neighboring fields without reads below. */
  | { readonly kind: 'plain'; readonly prefix: string; readonly projection: Projection }
  /** A property with reads below. */
  | (Field & { readonly kind: 'property'; readonly property: string })
  | (Field & {
      readonly kind: 'read';
      readonly resolve: GraphQLFieldResolver<unknown, unknown>;
      readonly args: (variables: Variables) => Record<string, unknown>;
      /** All selections with this response key. */
      readonly nodes: readonly FieldNode[];
      /** What its resolver needs to know of the operation, besides the variables: for a field of the root with reads below it. */
      readonly info: ReadInfo | undefined;
    });

type ReadInfo = Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments' | 'schema' | 'path'>;

/** A field whose value is an object, null, or a list of these. */
interface Field {
  /** The response key. */
  readonly name: string;
  readonly prefix: string;
  readonly selection: Selection;
}

/** By their order in the operation; undefined where a nullable variable has no value. */
type Variables = readonly unknown[];

/**
 * The plan of a valid query. Undefined for anything that is not plain: directives, mutations, introspection. The plan is derived
 * from the schema: a field without a resolver is a property of its parent, in the form in which it is sent; a field with `read`
 * in its extensions has a resolver that needs its parent, its arguments and the loaders alone.
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
  readonly #projections = new Map<string, Projection>();

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
      return { name: variable.name.value, type: inputType, fallback, mayBeNull: true };
    });
  }

  plan(): Plan {
    const root = this.#schema.getQueryType() ?? refuse();
    const parts = this.#parts(root, [this.#operation.selectionSet]);
    const variables = this.#variables;
    return {
      root: { kind: 'object', parts },
      variables: variables.map(({ name }) => name),
      coerce: (values) => coerceVariables(variables, values),
    };
  }

  /** Neighboring fields without reads are one part. */
  #parts(type: GraphQLObjectType, sets: readonly SelectionSetNode[]): Part[] {
    const parts: Part[] = [];
    let plain = new ObjectCode();
    const prefix = () => (parts.length === 0 ? '' : ',');
    const endPlain = () => {
      if (plain.isEmpty) return;
      parts.push({ kind: 'plain', prefix: prefix(), projection: this.#projection(plain.code) });
      plain = new ObjectCode();
    };
    for (const [name, nodes] of this.#collect(type, sets)) {
      const code = this.#fieldCode(type, nodes);
      if (code !== undefined) {
        plain.add(name, nodes, code);
        continue;
      }
      endPlain();
      parts.push(this.#part(type, name, nodes, `${prefix()}${JSON.stringify(name)}:`));
    }
    endPlain();
    return parts;
  }

  #part(parent: GraphQLObjectType, name: string, nodes: readonly FieldNode[], prefix: string): Part {
    const [node] = nodes as [FieldNode];
    const field = parent.getFields()[node.name.value] ?? refuse();
    const { resolve, extensions } = field;
    const nullable = getNullableType(field.type);
    const selection = this.#selection(getNamedType(nullable), nodes);
    if (resolve === undefined) return { kind: 'property', name, prefix, property: field.name, selection };
    if (extensions['read'] === undefined) refuse();
    // A failed read nulls no more than itself.
    if (isNonNullType(isListType(nullable) ? nullable.ofType : field.type)) refuse();
    const isRoot = parent === this.#schema.getQueryType();
    const info = isRoot && hasReads(selection) ? this.#info(parent, name, nodes) : undefined;
    return { kind: 'read', name, prefix, nodes, resolve, args: this.#args(field, node), info, selection };
  }

  #info({ name: typename }: GraphQLObjectType, key: string, fieldNodes: readonly FieldNode[]): ReadInfo {
    const fragments = Object.fromEntries(this.#fragments);
    return { fieldNodes, fragments, schema: this.#schema, path: { prev: undefined, key, typename } };
  }

  #selection(type: GraphQLNamedType, nodes: readonly FieldNode[]): Selection {
    if (isObjectType(type)) return this.#objectSelection(type, nodes);
    const union = isUnionType(type) ? type : refuse();
    const typeOf = union.resolveType ?? refuse();
    const selections = new Map(union.getTypes().map((type) => [type.name, this.#objectSelection(type, nodes)]));
    // It needs the value alone.
    const nameOf = (value: object) => typeOf(value, undefined, undefined as never, union) as string;
    const hasReads = [...selections.values()].some(({ kind }) => kind === 'object');
    return { kind: 'union', of: (value) => selections.get(nameOf(value)) as ObjectSelection, hasReads };
  }

  #objectSelection(type: GraphQLObjectType, nodes: readonly FieldNode[]): ObjectSelection {
    const code = this.#objectCode(type, nodes);
    return code === undefined ? { kind: 'object', parts: this.#parts(type, nodes.map(setOf)) } : this.#projection(code);
  }

  /** The same projection for the same selection, so that what it selects is known again. */
  #projection({ value, length, hasAliases }: Code): Projection {
    const projection = this.#projections.get(value) ?? {
      kind: 'projection',
      of: new Function('v', `return ${value}`) as Projection['of'],
      leastLength: hasAliases ? new Function('leaf', `return (v) => ${length}`)(leastLeafLength) : undefined,
    };
    this.#projections.set(value, projection);
    return projection;
  }

  #args(field: GraphQLField<unknown, unknown>, node: FieldNode): (variables: Variables) => Record<string, unknown> {
    const nodes = new Map(node.arguments?.map(({ name, value }) => [name.value, value]));
    const readers = field.args.flatMap(({ name, type, default: fallback, defaultValue }) => {
      if (fallback !== undefined || defaultValue !== undefined) refuse();
      const value = nodes.get(name);
      if (value !== undefined) return [[name, this.#argument(value, type)] as const];
      return isNonNullType(type) ? refuse() : [];
    });
    return (variables) => {
      const args: Record<string, unknown> = {};
      for (const [name, read] of readers) {
        const value = read(variables);
        if (value !== undefined) args[name] = value;
      }
      return args;
    };
  }

  /** Of an argument, which may be null, or absent as a variable, where its type allows it. */
  #argument(node: ValueNode, type: GraphQLInputType): (variables: Variables) => unknown {
    if (isNonNullType(type)) return this.#value(node, type);
    if (node.kind === Kind.NULL) return () => null;
    return node.kind === Kind.VARIABLE ? this.#variable(node.name.value) : this.#value(node, type);
  }

  #variable(name: string): (variables: Variables) => unknown {
    const index = this.#variables.findIndex((variable) => variable.name === name);
    return index < 0 ? refuse() : (variables) => variables[index];
  }

  /** Of a value that is not null. Literals without variables are coerced once. */
  #value(node: ValueNode, type: GraphQLInputType): (variables: Variables) => unknown {
    const nullable = getNullableType(type);
    if (node.kind === Kind.VARIABLE) {
      for (const variable of this.#variables) variable.mayBeNull &&= variable.name !== node.name.value;
      return this.#variable(node.name.value);
    }
    if (node.kind === Kind.LIST && isListType(nullable)) {
      const items = node.values.map((item) => this.#value(item, nullable.ofType));
      return (variables) => items.map((read) => read(variables));
    }
    if (node.kind === Kind.OBJECT && isInputObjectType(nullable)) {
      const nodes = new Map(node.fields.map(({ name, value }) => [name.value, value]));
      const fields = Object.values(nullable.getFields()).map(
        ({ name, type }) => [name, this.#value(nodes.get(name) ?? refuse(), type)] as const,
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

  /** Of the selected part of the object `v`; undefined where a read stands below it. */
  #objectCode(type: GraphQLObjectType, nodes: readonly FieldNode[]): Code | undefined {
    const whole = new ObjectCode();
    for (const [key, nodesOfKey] of this.#collect(type, nodes.map(setOf))) {
      const code = this.#fieldCode(type, nodesOfKey);
      if (code === undefined) return undefined;
      whole.add(key, nodesOfKey, code);
    }
    return whole.codeOf(type);
  }

  /** Of a field of the object `v`; undefined where it is a read, or a read stands below it. */
  #fieldCode(parent: GraphQLObjectType, nodes: readonly FieldNode[]): Code | undefined {
    const { value: name } = (nodes[0] as FieldNode).name;
    if (name === '__typename') return leafCode(JSON.stringify(parent.name));
    const { type, resolve, args } = parent.getFields()[name] ?? refuse();
    if (resolve !== undefined) return undefined;
    if (args.length > 0) refuse();
    const nullable = getNullableType(type);
    const item = isListType(nullable) ? nullable.ofType : nullable;
    const named = getNullableType(item);
    const property = `v.${name}`;
    if (isLeafType(named)) return leafCode(property);
    const code = this.#objectCode(isObjectType(named) ? named : refuse(), nodes);
    if (code === undefined) return undefined;
    const isList = isListType(nullable);
    const isWhole = code.value === 'v';
    if (isList && !isNonNullType(item) && !isWhole) refuse();
    const selected = isList ? `${property}.map((v) => (${code.value}))` : `((v) => (${code.value}))(${property})`;
    const sum = isList ? `${property}.reduce((n, v) => n + ${code.length}, 1)` : `((v) => ${code.length})(${property})`;
    return {
      value: isWhole ? property : `${property} && ${selected}`,
      length: `(${property} ? ${sum} : 4)`,
      hasAliases: code.hasAliases,
    };
  }
}

/** Expressions of what is selected from the object `v`. */
interface Code {
  readonly value: string;
  /** The least length of its JSON. */
  readonly length: string;
  readonly hasAliases: boolean;
}

function leafCode(value: string): Code {
  return { value, length: `leaf(${value})`, hasAliases: false };
}

function leastLeafLength(value: unknown): number {
  return typeof value === 'string' ? value.length + 2 : 1;
}

/** The code of an object, field by field. */
class ObjectCode {
  readonly #names: string[] = [];
  readonly #entries: string[] = [];
  #length = '(1';
  #hasAliases = false;
  /** Whether each field is the property of its name, as a whole. */
  #isPlain = true;

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  add(key: string, [node]: readonly FieldNode[], { value, length, hasAliases }: Code): void {
    const name = node?.name.value ?? '';
    this.#names.push(name);
    this.#entries.push(`[${JSON.stringify(key)}]:${value}`);
    this.#length += `+${key.length + '"":,'.length}+${length}`;
    this.#hasAliases ||= key !== name || hasAliases;
    this.#isPlain &&= key === name && value === `v.${name}`;
  }

  get code(): Code {
    return { value: `{${this.#entries.join()}}`, length: `${this.#length})`, hasAliases: this.#hasAliases };
  }

  /** `v` itself where all properties of the type are selected. */
  codeOf(type: GraphQLObjectType): Code {
    const properties = Object.values(type.getFields()).filter(({ resolve }) => resolve === undefined);
    const isWhole = this.#isPlain && this.#names.join() === properties.map(({ name }) => name).join();
    return isWhole ? { ...this.code, value: 'v' } : this.code;
  }
}

function hasReads(selection: Selection): boolean {
  return selection.kind === 'union' ? selection.hasReads : selection.kind === 'object';
}

function setOf({ selectionSet }: FieldNode): SelectionSetNode {
  return selectionSet ?? refuse();
}

interface VariableDefinition {
  readonly name: string;
  readonly type: GraphQLInputType;
  /** Its default, coerced; undefined without one. */
  readonly fallback: unknown;
  /** Whether all places where it stands take null, or nothing. */
  mayBeNull: boolean;
}

function coerceVariables(
  definitions: readonly VariableDefinition[],
  values: Readonly<Record<string, unknown>>,
): Variables | undefined {
  const coerced: unknown[] = [];
  for (const { name, type, fallback, mayBeNull } of definitions) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    const isGiven = value !== undefined && value !== null;
    const result = isGiven ? coerceInputValue(value, type) : value === undefined ? fallback : null;
    if (isGiven ? result === undefined : (result ?? null) === null && !(mayBeNull && !isNonNullType(type)))
      return undefined;
    coerced.push(result);
  }
  return coerced;
}
