import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'vite';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    readonly program: string;
  }
}

const root = resolve(import.meta.dirname, '../..');

/**
 * Bundles the program once for all tests that start it: its thousand modules take Node twice as long to load as a few files do.
 * Each file is as deep below the folder as in the repository, so that the program finds what it reads.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'linq-graphql-gateway-'));
  for (const name of ['package.json', 'dist', 'node_modules']) await symlink(join(root, name), join(folder, name));
  const bundle = () =>
    build({
      root,
      configFile: false,
      logLevel: 'error',
      ssr: { noExternal: true, external: ['pino-pretty'], resolve: { conditions: ['node'] } }, // as Node resolves
      build: {
        ssr: 'src/cli.ts',
        outDir: join(folder, 'src'),
        target: 'esnext',
        rolldownOptions: { output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' } },
      },
    });
  await bundle();
  await symlink(join(root, 'src/schema'), join(folder, 'src/schema'));
  project.provide('program', join(folder, 'src/cli.js'));
  project.onTestsRerun(async () => void (await bundle()));
  return () => rm(folder, { recursive: true });
}
