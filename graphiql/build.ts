import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { GraphiQLManifest } from '../src/graphiql/graphiql-files.ts';

/** Builds GraphiQL's page into this folder, each file compressed; the manifest last, since it marks the others as complete. */
async function buildGraphiQL(folder: URL): Promise<void> {
  const { manifest, files } = await bundle();
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await Promise.all(
    [...files].map(async ([name, content]) => {
      // Everyone who installs the project waits for this. Quality 9 takes four times as long and saves 1 %.
      const params = { [constants.BROTLI_PARAM_QUALITY]: 7, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
      await writeFile(new URL(`${name}.br`, folder), await promisify(brotliCompress)(content, { params }));
      await writeFile(new URL(`${name}.gz`, folder), await promisify(gzip)(content, { level: 9 }));
    }),
  );
  await writeFile(new URL('manifest.json', folder), JSON.stringify(manifest));
}

async function bundle(): Promise<{ manifest: GraphiQLManifest; files: Map<string, string | Uint8Array> }> {
  process.env['NODE_ENV'] = 'production'; // whatever it is where this runs: otherwise React would be the slow build for tests
  const { build } = await import('vite');
  const flat = { chunkFileNames: '[name]-[hash].js', assetFileNames: '[name]-[hash][extname]' };
  const built = await build({
    root: import.meta.dirname,
    configFile: false,
    logLevel: 'error',
    base: './',
    build: {
      write: false,
      modulePreload: false, // the page names what is loaded first
      cssCodeSplit: false,
      assetsInlineLimit: Number.MAX_SAFE_INTEGER, // the policy of the page allows fonts and images of the style sheet alone
      chunkSizeWarningLimit: Number.MAX_SAFE_INTEGER,
      rolldownOptions: {
        input: fileURLToPath(new URL('main.tsx', import.meta.url)),
        output: { ...flat, entryFileNames: flat.chunkFileNames },
      },
    },
    worker: { format: 'es', rolldownOptions: { output: { ...flat, entryFileNames: flat.chunkFileNames } } },
  });
  const outputs = [built].flat().flatMap((each) => ('output' in each ? each.output : []));
  const chunks = outputs.filter((each) => each.type === 'chunk');
  const files = new Map(outputs.map((each) => [each.fileName, each.type === 'chunk' ? each.code : each.source]));

  const favicon = await readFile(new URL('favicon.svg', import.meta.url));
  const faviconName = `favicon-${createHash('sha256').update(favicon).digest('hex').slice(0, 8)}.svg`;
  files.set(faviconName, favicon);

  const withImports = (names: readonly string[]): string[] =>
    names.flatMap((name) => [name, ...withImports(chunks.find(({ fileName }) => fileName === name)?.imports ?? [])]);
  const script = chunks.find(({ isEntry }) => isEntry)?.fileName ?? '';
  const style = outputs.find(({ fileName }) => fileName.endsWith('.css'))?.fileName ?? '';
  // The editor, which the script imports when it runs.
  const editor = chunks.filter(({ facadeModuleId }) =>
    /\/monaco-graphql\/esm\/(monaco-editor|lite)\.js$/.test(facadeModuleId ?? ''),
  );
  return {
    manifest: {
      script,
      style,
      favicon: faviconName,
      preloads: [...new Set(withImports(editor.map(({ fileName }) => fileName)))].filter((name) => name !== script),
      files: [...files.keys()],
    },
    files,
  };
}

const [, , folder] = process.argv;
// Without the development dependencies, as with `npm ci --omit=dev`, there is nothing to build it with.
if (existsSync(new URL('../node_modules/vite', import.meta.url))) {
  await buildGraphiQL(
    folder === undefined ? new URL('../dist/graphiql-assets/', import.meta.url) : pathToFileURL(`${folder}/`),
  );
} else {
  process.stderr.write('GraphiQL is not built: that needs the development dependencies.\n');
}
