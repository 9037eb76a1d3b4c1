import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliCompress, constants, gunzip, gzip } from 'node:zlib';

/** The files that GraphiQL's page loads. Workers are named by the labels with which its editor, Monaco, requests them. */
export type Piece = 'script' | 'style' | 'favicon' | 'editorWorkerService' | 'graphql' | 'json';

/** The content encodings of each file, the preferred one first. */
export const codings = ['br', 'gzip'] as const;
type Coding = (typeof codings)[number];

export interface GraphiQLFiles {
  /** The name of each file. It changes with the content, so that browsers may cache it forever. */
  readonly names: Readonly<Record<Piece, string>>;
  /** The bytes of the file with one of these names; without an encoding they are decompressed for each call. */
  read(name: string, coding?: Coding): Promise<Buffer>;
}

/** The same folder from `src/graphiql` and from `dist/graphiql`. */
const prepared = new URL('../../dist/graphiql-assets/', import.meta.url);
const manifest = 'manifest.json';

/**
 * The files that `npm ci` prepared. If it ran no scripts, they are created now, which takes a second or two, and kept in
 * memory (4 MB).
 */
export async function openGraphiQLFiles(folder = prepared): Promise<GraphiQLFiles> {
  const names = await readFile(new URL(manifest, folder), 'utf8').catch(() => undefined);
  const made = names === undefined ? await makeFiles() : { names: JSON.parse(names), files: undefined };
  const readEncoded = async (file: string) => made.files?.get(file) ?? readFile(new URL(file, folder));
  return {
    names: made.names,
    read: async (name, coding) =>
      coding === undefined ? promisify(gunzip)(await readEncoded(`${name}.gz`)) : readEncoded(name + suffixes[coding]),
  };
}

/** Rewrites the files; the manifest last, since it marks the others as complete. */
export async function prepareGraphiQLFiles(folder = prepared): Promise<void> {
  const { names, files } = await makeFiles();
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await Promise.all([...files].map(([file, bytes]) => writeFile(new URL(file, folder), bytes)));
  await writeFile(new URL(manifest, folder), JSON.stringify(names));
}

const suffixes: Record<Coding, string> = { br: '.br', gzip: '.gz' };

/** Splits the package, which contains all of GraphiQL as 9 MB of text; imported only here. */
async function makeFiles(): Promise<{ names: Record<Piece, string>; files: Map<string, Buffer> }> {
  const graphiql = await import('@graphql-yoga/render-graphiql/graphiql');
  const pieces: [Piece, extension: string, content: string | Buffer][] = [
    ['script', 'js', graphiql.js],
    ['style', 'css', graphiql.css],
    ['favicon', 'ico', Buffer.from(graphiql.favicon.replace(/^data:[^,]*,/, ''), 'base64')],
    ['editorWorkerService', 'js', graphiql.editorWorkerService],
    ['graphql', 'js', graphiql.graphqlWorker],
    ['json', 'js', graphiql.jsonWorker],
  ];
  const names: Partial<Record<Piece, string>> = {};
  const files = new Map<string, Buffer>();
  await Promise.all(
    pieces.map(async ([piece, extension, content]) => {
      const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
      const name = `${piece}-${hash}.${extension}`;
      names[piece] = name;
      // The best quality, 11, takes twenty times as long and saves another tenth.
      const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
      files.set(`${name}.br`, await promisify(brotliCompress)(content, { params }));
      files.set(`${name}.gz`, await promisify(gzip)(content, { level: 9 }));
    }),
  );
  return { names: names as Record<Piece, string>, files };
}

// npm's script `prepare`. Without a top-level await, so that the package can be required.
if (process.argv[1] === import.meta.filename) void prepareGraphiQLFiles();
