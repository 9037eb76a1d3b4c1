import {
  type FieldNode,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  getNamedType,
  isAbstractType,
  isObjectType,
  Kind,
  type SelectionNode,
  type ValueNode,
  valueFromASTUntyped,
} from 'graphql';
import type { Context } from '../context.ts';
import type { Cost, Keys, Resources, Target } from '../datasources/model.ts';
import type { FieldRead } from './field-read.ts';

/** A value that is not read yet, as far as its key says what it is. */
interface Outline {
  readonly [field: string]: string | Outline | OutlineList | undefined;
}

/** A list of which all entries are alike. */
class OutlineList {
  readonly entry: Outline;
  readonly length: number;

  constructor(entry: Outline, length: number) {
    this.entry = entry;
    this.length = length;
  }
}

const typeNames: Record<keyof Resources, string> = {
  message: 'ChatMessage',
  chat: 'Chat',
  messages: 'ChatMessageConnection',
};

const outlines: { readonly [Name in keyof Resources]: (key: Keys[Name]) => Outline } = {
  message: ({ chatId, id }) => ({ chatId, id }),
  chat: ({ chatId }) => ({ id: chatId }),
  messages: ({ chatId, size }) => ({
    edges: new OutlineList({ node: { chatId } }, size),
    nodes: new OutlineList({ chatId }, size),
  }),
};

/**
 * The cost of all fields below a field that reads these targets, before any of them is read. The keys of reads below others
 * follow from the keys of those, so that reads of the same are counted once. Undefined if there are none, and if the targets alone are over the cost limit.
 */
export function costBelow<Name extends keyof Resources>(
  info: GraphQLResolveInfo,
  targets: readonly Target<Name>[],
  /** Of the list that holds the targets. */
  listEntries: number,
  loaders: Pick<Context['loaders'], 'isTooCostly'>,
): Cost | undefined {
  const nodes = info.fieldNodes;
  if (!nodes.some((node) => holdsRead(node, info)) || loaders.isTooCostly(0, listEntries)) return undefined;
  const groups = new Map<string, { readonly target: Target<Name>; times: number }>();
  for (const target of targets) {
    const name = JSON.stringify(target);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { target, times: 1 });
    else group.times++;
  }
  // The field fails by itself; what stands below it makes no difference, and would take long to count.
  if (loaders.isTooCostly(groups.size, listEntries)) return undefined;
  return new CostCounter(info).count([...groups.values()], nodes);
}

class CostCounter implements Cost {
  readonly targets: Target[] = [];
  listEntries = 0;
  readPlaces = 0;
  readonly #info: GraphQLResolveInfo;
  readonly #variables: Readonly<Record<string, unknown>>;

  constructor(info: GraphQLResolveInfo) {
    this.#info = info;
    this.#variables = variablesOf(info);
  }

  count<Name extends keyof Resources>(
    groups: readonly { readonly target: Target<Name>; readonly times: number }[],
    nodes: readonly FieldNode[],
  ): this {
    for (const { target, times } of groups) this.#visitTarget(target, nodes, times);
    return this;
  }

  #visitTarget<Name extends keyof Resources>(
    { loader, key }: Target<Name>,
    nodes: readonly FieldNode[],
    times: number,
  ) {
    const type = this.#info.schema.getType(typeNames[loader]);
    if (isObjectType(type)) this.#visit(nodes, type, outlines[loader](key), times);
  }

  /** The fields of one object that appears `times` times in the response. */
  #visit(nodes: readonly FieldNode[], type: GraphQLObjectType, outline: Outline, times: number): void {
    for (const selected of this.#collect(nodes, type).values()) {
      const [node] = selected;
      const field = node && type.getFields()[node.name.value];
      if (node === undefined || field === undefined) continue; // __typename
      const read = readOf(field);
      if (read !== undefined) {
        this.#visitRead(read, selected, outline, times);
        continue;
      }
      const value = outline[field.name];
      const inner = getNamedType(field.type);
      if (value === undefined || typeof value === 'string' || !isObjectType(inner)) continue;
      if (value instanceof OutlineList) {
        this.listEntries += times * value.length;
        this.#visit(selected, inner, value.entry, times * value.length);
      } else {
        this.#visit(selected, inner, value, times);
      }
    }
  }

  #visitRead(read: AnyRead, nodes: readonly FieldNode[], outline: Outline, times: number): void {
    this.readPlaces += times;
    let target: Target;
    try {
      target = read.target(outline, this.#argumentsOf(nodes[0]), 0);
    } catch {
      return; // this field will fail by itself
    }
    this.targets.push(target);
    if (read.pick === undefined) this.#visitTarget(target, nodes, times);
  }

  #argumentsOf(node: FieldNode | undefined): Record<string, unknown> {
    return Object.fromEntries((node?.arguments ?? []).map(({ name, value }) => [name.value, this.#valueOf(value)]));
  }

  #valueOf(node: ValueNode): unknown {
    return valueFromASTUntyped(node, this.#variables);
  }

  /** The selections below these nodes by response key. */
  #collect(nodes: readonly FieldNode[], type: GraphQLObjectType): Map<string, FieldNode[]> {
    const found = new Map<string, FieldNode[]>();
    const spread = new Set<string>();
    const collect = (selections: readonly SelectionNode[]): void => {
      for (const selection of selections) {
        if (!this.#isIncluded(selection)) continue;
        if (selection.kind === Kind.FIELD) {
          const name = (selection.alias ?? selection.name).value;
          found.set(name, [...(found.get(name) ?? []), selection]);
          continue;
        }
        if (selection.kind === Kind.FRAGMENT_SPREAD) {
          if (spread.has(selection.name.value)) continue;
          spread.add(selection.name.value);
        }
        const fragment =
          selection.kind === Kind.INLINE_FRAGMENT ? selection : this.#info.fragments[selection.name.value];
        if (fragment && this.#applies(fragment.typeCondition?.name.value, type))
          collect(fragment.selectionSet.selections);
      }
    };
    for (const { selectionSet } of nodes) collect(selectionSet?.selections ?? []);
    return found;
  }

  #isIncluded({ directives = [] }: SelectionNode): boolean {
    return directives.every(({ name, arguments: given = [] }) => {
      const condition = given.find((argument) => argument.name.value === 'if');
      const value = condition && this.#valueOf(condition.value);
      return name.value === 'skip' ? value !== true : name.value !== 'include' || value !== false;
    });
  }

  #applies(condition: string | undefined, type: GraphQLObjectType): boolean {
    const other = condition === undefined ? type : this.#info.schema.getType(condition);
    return other === type || (isAbstractType(other) && this.#info.schema.isSubType(other, type));
  }
}

type AnyRead = FieldRead<unknown, unknown, keyof Resources, unknown>;

function readOf({ extensions }: { readonly extensions: object }): AnyRead | undefined {
  return 'read' in extensions ? (extensions.read as AnyRead) : undefined;
}

/** The coerced values. @graphql-tools/executor has them by name, graphql-js in a property. */
function variablesOf({ variableValues }: GraphQLResolveInfo): Readonly<Record<string, unknown>> {
  return 'sources' in variableValues && 'coerced' in variableValues ? variableValues.coerced : variableValues;
}

/** By node of a parsed document, which is executed many times. */
const known = new WeakMap<FieldNode, boolean>();

/** Whether there may be a read or a list of reads below it, whatever the types of its fields are. */
function holdsRead(node: FieldNode, info: GraphQLResolveInfo): boolean {
  const before = known.get(node);
  if (before !== undefined) return before;
  const names = readNames(info);
  const spread = new Set<string>();
  const holds = (selections: readonly SelectionNode[]): boolean =>
    selections.some((selection) => {
      if (selection.kind === Kind.FIELD) {
        return names.has(selection.name.value) || holds(selection.selectionSet?.selections ?? []);
      }
      if (selection.kind === Kind.INLINE_FRAGMENT) return holds(selection.selectionSet.selections);
      if (spread.has(selection.name.value)) return false;
      spread.add(selection.name.value);
      return holds(info.fragments[selection.name.value]?.selectionSet.selections ?? []);
    });
  const result = holds(node.selectionSet?.selections ?? []);
  known.set(node, result);
  return result;
}

let namesOfReads: ReadonlySet<string> | undefined;

/** Of all fields that are reads. */
function readNames({ schema }: GraphQLResolveInfo): ReadonlySet<string> {
  namesOfReads ??= new Set(
    Object.values(schema.getTypeMap()).flatMap((type) =>
      isObjectType(type)
        ? Object.values(type.getFields())
            .filter(readOf)
            .map(({ name }) => name)
        : [],
    ),
  );
  return namesOfReads;
}
