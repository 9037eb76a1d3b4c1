import type { GraphQLResolveInfo } from 'graphql';
import type { Context } from '../context.ts';
import type { Cost, Keys, Resources, Target } from '../datasources/model.ts';
import { costBelow } from './cost-below.ts';
import type { FieldRead } from './field-read.ts';

type Name = keyof Resources;

const nothing: Cost = { targets: [], listEntries: 0, readPlaces: 0 };

/** The extensions and the resolver of a field that is one read. Null when there is no such resource. */
export function readOne<Parent, Args, Of extends Name, Picked = Resources[Of]>(
  read: FieldRead<Parent, Args, Of, Picked>,
) {
  const resolve = (parent: Parent, args: Args, { loaders }: Context, info?: GraphQLResolveInfo) => {
    const target = read.target(parent, args, 0);
    const value = load(read, target, parent, loaders);
    return isRoot(info) ? declareBelow(info, target, value, loaders) : value;
  };
  return { extensions: { read }, resolve };
}

/** Those of a field that is a list of reads. An entry that fails fails alone: its error takes its place. */
export function readEach<Args, Of extends Name>(
  read: FieldRead<unknown, Args, Of, Resources[Of]> & { readonly length: (args: Args) => number },
) {
  const resolve = async (parent: unknown, args: Args, { loaders }: Context, info?: GraphQLResolveInfo) => {
    const length = read.length(args);
    if (loaders.isTooCostly(0, length)) await loaders.declare({ ...nothing, listEntries: length }); // rejects
    const targets: Target<Of>[] = [];
    const loadOne = async (index: number) => {
      try {
        const target = read.target(parent, args, index);
        targets.push(target);
        return await load(read, target, parent, loaders);
      } catch (error) {
        return error as never; // Pothos has no type for an error as a value
      }
    };
    const values = Promise.all(Array.from({ length }, (_, index) => loadOne(index)));
    const below = isRoot(info) ? costBelow(info, targets, length, loaders) : undefined;
    const { listEntries, ...cost } = below ?? nothing;
    return after(loaders.declare({ ...cost, listEntries: length + listEntries }), values);
  };
  return { extensions: { read }, resolve };
}

/** Declares what is read below a field that reads `target` and stands below no other read. */
export function declareBelow<Of extends Name, Value>(
  info: GraphQLResolveInfo,
  target: Target<Of>,
  value: Promise<Value>,
  loaders: Context['loaders'],
): Promise<Value> {
  const cost = costBelow(info, [target], 0, loaders);
  return cost === undefined ? value : after(loaders.declare(cost), value);
}

/** What is read below a field of the root is declared there. `info` is absent where nothing is. */
function isRoot(info: GraphQLResolveInfo | undefined): info is GraphQLResolveInfo {
  return info !== undefined && info.path.prev === undefined;
}

async function after<Value>(declared: Promise<void>, value: Promise<Value>): Promise<Value> {
  const [result] = await Promise.all([value, declared]);
  return result;
}

/** A loader for each resource. */
type Load = { readonly [Each in Name]: (key: Keys[Each]) => Promise<Resources[Each] | null> };

function load<Parent, Args, Of extends Name, Picked>(
  { pick }: FieldRead<Parent, Args, Of, Picked>,
  target: Target<Of>,
  parent: Parent,
  loaders: Load,
): Promise<Picked | null> {
  const value = loadTarget(target, loaders);
  if (pick === undefined) return value as Promise<Picked | null>; // all of it, by the default of `Picked`
  return value.then((value) => (value === null ? null : pick(value, parent)));
}

function loadTarget<Of extends Name>({ loader, key }: Target<Of>, loaders: Load) {
  return loaders[loader](key);
}
