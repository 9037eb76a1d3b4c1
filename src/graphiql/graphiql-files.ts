import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

/** What `graphiql/build.ts` made. The name of each file changes with its content, so that browsers may cache it forever. */
export interface GraphiQLManifest {
  readonly script: string;
  readonly style: string;
  readonly favicon: string;
  /** Scripts that the page needs at once beside `script`. */
  readonly preloads: readonly string[];
  /** All files. */
  readonly files: readonly string[];
}

/** The content encodings of each file, the preferred one first. */
export const codings = ['br', 'gzip'] as const;
type Coding = (typeof codings)[number];

export interface GraphiQLFiles {
  readonly manifest: GraphiQLManifest;
  /** The bytes of the file with one of these names; without an encoding they are decompressed for each call. */
  read(name: string, coding?: Coding): Promise<Buffer>;
}

/** The same folder from `src/graphiql` and from `dist/graphiql`. */
const prepared = new URL('../../dist/graphiql-assets/', import.meta.url);
const suffixes: Record<Coding, string> = { br: '.br', gzip: '.gz' };

/** Undefined when `npm run prepare` has not built them. */
export async function openGraphiQLFiles(folder = prepared): Promise<GraphiQLFiles | undefined> {
  const manifest = await readFile(new URL('manifest.json', folder), 'utf8').catch(() => undefined);
  if (manifest === undefined) return undefined;
  return {
    manifest: JSON.parse(manifest),
    read: async (name, coding) => {
      const bytes = await readFile(new URL(name + suffixes[coding ?? 'gzip'], folder));
      return coding === undefined ? promisify(gunzip)(bytes) : bytes;
    },
  };
}
