import type { Resources, Target } from '../datasources/model.ts';

/**
 * How a field is read: in its extensions, as `read`. Its resolver does nothing else, so that other ways to execute an operation
 * may use this in its place.
 */
export interface FieldRead<Parent, Args, Of extends keyof Resources, Picked> {
  /** The read for one parent, or for one entry of a list. Throws `BAD_USER_INPUT` for a key that is malformed. */
  readonly target: (parent: Parent, args: Args, index: number) => Target<Of>;
  /** The number of entries, for a list; undefined for any other field. */
  readonly length?: (args: Args) => number;
  /** The value of the field in the value read; by default all of it. */
  readonly pick?: (value: Resources[Of], parent: Parent) => Picked | null;
}
