import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

/** Who may import whose code, first match first. Types alone may come from anywhere but the sandbox and the doctor. */
const rules: [file: RegExp, mayImport: RegExp][] = [
  [/^server\.ts$/, /^(config|errors|gateway|workers|http\/trusted-documents|telemetry\/(log|tracing)|sandbox\/)/],
  [/^workers\.ts$/, /^(http\/readiness|telemetry\/)/],
  [/^gateway\.ts$/, /^(?!server|sandbox\/|doctor)/],
  [/^in-process(-options)?\.ts$/, /^(in-process-options|config|context|errors|schema\/|datasources\/)/],
  [/^config\.ts$/, /^http\//],
  [/^(context|errors)\.ts$/, /^(datasources\/|refusals)/],
  [/^schema\//, /^(schema\/|datasources\/model\.ts$|refusals)/],
  [/^datasources\//, /^(datasources\/|exact-json)/],
  [/^http\//, /^(http\/|datasources\/model\.ts$|exact-json|refusals)/],
  [/^sandbox\//, /^sandbox\//],
  [/^doctor(\.ts$|\/)/, /^(doctor\/|http\/loopback\.ts$)/], // a second reading, as the sandbox is
  [/^telemetry\//, /^telemetry\//],
];

it('keeps each room of the house to what it may use', () => {
  const trespassers: string[] = [];
  const files = globSync('**/*.ts', { cwd: 'src' });
  for (const file of files) {
    const source = readFileSync(join('src', file), 'utf8');
    const mayImport = rules.find(([pattern]) => pattern.test(file))?.[1] ?? /^$/;
    for (const [line, typeOnly, from = ''] of source.matchAll(/^import (type )?(?:[^;]*? from )?'([^']+)';/gm)) {
      const target = from.startsWith('.') ? join(dirname(file), from) : from;
      const ours = from.startsWith('.');
      if (file.startsWith('datasources/') && /^graphql|^@pothos|^graphql-yoga/.test(target))
        trespassers.push(`${file}: ${line}`);
      if (ours && !mayImport.test(target) && (!typeOnly || /^(server|sandbox|doctor)/.test(target)))
        trespassers.push(`${file}: ${line}`);
    }
  }
  expect(files.length).toBeGreaterThan(20);
  expect(trespassers).toEqual([]);
});

it('reads the environment in one place of each program', () => {
  const readers = globSync('**/*.ts', { cwd: 'src' }).filter((file) =>
    readFileSync(join('src', file), 'utf8').includes('process.env'),
  );
  expect(readers.toSorted()).toEqual(['doctor.ts', 'server.ts']);
});

it('loads the client of Redis only where Redis is used', () => {
  const loaders = globSync('**/*.ts', { cwd: 'src' }).filter((file) =>
    /^import (?!type ).*'@redis\/client'/m.test(readFileSync(join('src', file), 'utf8')),
  );
  expect(loaders).toEqual([]);
});
