import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { openGraphiQLFiles } from '../src/graphiql/graphiql-files.ts';

it("gives GraphiQL's files the same names and bytes in every build", { timeout: 300_000 }, async () => {
  const folder = pathToFileURL(`${mkdtempSync(`${tmpdir()}/graphiql-`)}/graphiql/`);
  const build = fileURLToPath(new URL('../graphiql/build.ts', import.meta.url));
  await promisify(execFile)(process.execPath, [build, fileURLToPath(folder)]);
  const [built, prepared] = [await openGraphiQLFiles(folder), await openGraphiQLFiles()];
  expect(built?.manifest).toEqual(prepared?.manifest);
  for (const name of built?.manifest.files ?? []) {
    for (const coding of ['br', 'gzip', undefined] as const) {
      const [once, again] = [await built?.read(name, coding), await prepared?.read(name, coding)];
      expect(once?.equals(again ?? Buffer.of())).toBe(true);
    }
  }
  rmSync(new URL('..', folder), { recursive: true });
});
