import type { Context } from '../context.ts';
import type { Keys, Resources } from '../datasources/model.ts';

type Name = keyof Resources;

/** One read: the name of its loader, and the key for it. */
export type Target<Of extends Name> = {
  readonly [Each in Of]: { readonly loader: Each; readonly key: Keys[Each] };
}[Of];

/**
 * How a field is read: in its extensions, as `read`. Its resolver does nothing else, so that other ways to execute an operation
 * may use this in its place.
 */
export interface FieldRead<Parent, Args, Of extends Name, Picked> {
  /** The read for one parent, or for one entry of a list. Throws `BAD_USER_INPUT` for a key that is malformed. */
  readonly target: (parent: Parent, args: Args, index: number) => Target<Of>;
  /** The number of entries, for a list; undefined for any other field. */
  readonly length?: (args: Args) => number;
  /** The value of the field in the value read; by default all of it. */
  readonly pick?: (value: Resources[Of], parent: Parent) => Picked | null;
}

/** The extensions and the resolver of a field that is one read. Null when there is no such resource. */
export function readOne<Parent, Args, Of extends Name, Picked = Resources[Of]>(
  read: FieldRead<Parent, Args, Of, Picked>,
) {
  return {
    extensions: { read },
    resolve: (parent: Parent, args: Args, { loaders }: Context) => load(read, parent, args, 0, loaders),
  };
}

/** Those of a field that is a list of reads. An entry that fails fails alone: its error takes its place. */
export function readEach<Args, Of extends Name>(
  read: FieldRead<unknown, Args, Of, Resources[Of]> & { readonly length: (args: Args) => number },
) {
  const resolve = async (parent: unknown, args: Args, { loaders }: Context) => {
    const loadOne = async (index: number) => {
      try {
        return await load(read, parent, args, index, loaders);
      } catch (error) {
        return error as never; // Pothos has no type for an error as a value
      }
    };
    const length = read.length(args);
    const entries = Array.from({ length }, (_, index) => loadOne(index));
    const [, values] = await Promise.all([loaders.chargeListEntries(length), Promise.all(entries)]);
    return values;
  };
  return { extensions: { read }, resolve };
}

/** A loader for each resource. */
type Load = { readonly [Each in Name]: (key: Keys[Each]) => Promise<Resources[Each] | null> };

function load<Parent, Args, Of extends Name, Picked>(
  { target, pick }: FieldRead<Parent, Args, Of, Picked>,
  parent: Parent,
  args: Args,
  index: number,
  loaders: Load,
): Promise<Picked | null> {
  const value = loadTarget(target(parent, args, index), loaders);
  if (pick === undefined) return value as Promise<Picked | null>; // all of it, by the default of `Picked`
  return value.then((value) => (value === null ? null : pick(value, parent)));
}

function loadTarget<Of extends Name>({ loader, key }: Target<Of>, loaders: Load) {
  return loaders[loader](key);
}
