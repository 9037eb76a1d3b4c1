import type { Loaders } from '../datasources/loaders.ts';

/**
 * The entries of a list field, where one that fails fails alone: its error takes its place. (A rejecting promise there
 * would do, but not where the operation is compiled: graphql-jit 0.8.9 drops the entry.)
 */
export async function eachOnItsOwn<Item, Entry>(
  loaders: Loaders,
  items: readonly Item[],
  read: (item: Item, index: number) => Promise<Entry>,
): Promise<Entry[]> {
  const [, entries] = await Promise.all([
    loaders.expect(items.length),
    Promise.all(
      items.map(async (item, index) => {
        try {
          return await read(item, index);
        } catch (error) {
          return error as never; // Pothos knows no error as a value
        }
      }),
    ),
  ]);
  return entries;
}
