import type { Context } from '../context.ts';

/** The entries of a list field. An entry that fails fails alone: its error takes its place. */
export async function perItem<Item, Entry>(
  loaders: Context['loaders'],
  items: readonly Item[],
  load: (item: Item, index: number) => Promise<Entry>,
): Promise<Entry[]> {
  const loadOne = async (item: Item, index: number): Promise<Entry> => {
    try {
      return await load(item, index);
    } catch (error) {
      return error as never; // Pothos has no type for an error as a value
    }
  };
  const [, entries] = await Promise.all([loaders.chargeListEntries(items.length), Promise.all(items.map(loadOne))]);
  return entries;
}
