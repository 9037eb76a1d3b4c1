import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

/** Who may import whose code, first match first. Types alone may come from anywhere but the sandbox and the doctor. */
const rules: [file: RegExp, mayImport: RegExp][] = [
  [
    /^server\.ts$/,
    /^(config|errors(\.ts$|\/)|gateway|workers|graphql\/trusted-documents|telemetry\/(log|tracing)|sandbox\/)/,
  ],
  [/^workers\.ts$/, /^(http\/readiness|telemetry\/)/],
  [/^gateway\.ts$/, /^(?!server|sandbox\/|doctor|embedded)/],
  [/^embedded\//, /^(embedded\/|config|context|errors|schema\/|datasources\/)/],
  [/^config\.ts$/, /^(http|graphql)\//],
  [/^context\.ts$/, /^(datasources\/|errors\/)/],
  [/^errors\.ts$/, /^(datasources\/|errors\/)/],
  [/^errors\//, /^(errors\/|datasources\/upstream-error)/],
  [/^auth\//, /^(auth\/|errors\/|datasources\/model\.ts$)/],
  [/^schema\//, /^(schema\/|datasources\/model\.ts$|errors\/client-errors)/],
  [/^datasources\//, /^datasources\//],
  [/^graphql\//, /^(graphql\/|http\/|errors\/|datasources\/linq\/lossless-json)/],
  [/^graphiql\//, /^(graphiql|http)\//],
  [/^http\//, /^http\//],
  [/^sandbox\//, /^sandbox\//],
  [/^doctor\//, /^(doctor\/|http\/loopback\.ts$)/], // a second reading, as the sandbox is
  [/^telemetry\//, /^telemetry\//],
];

it('lets each module import only what it may', () => {
  const violations: string[] = [];
  const files = globSync('**/*.ts', { cwd: 'src' });
  for (const file of files) {
    const source = readFileSync(join('src', file), 'utf8');
    const mayImport = rules.find(([pattern]) => pattern.test(file))?.[1] ?? /^$/;
    for (const [line, typeOnly, from = ''] of source.matchAll(/^import (type )?(?:[^;]*? from )?'([^']+)';/gm)) {
      const target = from.startsWith('.') ? join(dirname(file), from) : from;
      const ours = from.startsWith('.');
      if (file.startsWith('datasources/') && /^graphql|^@pothos|^graphql-yoga/.test(target))
        violations.push(`${file}: ${line}`);
      if (ours && !mayImport.test(target) && (!typeOnly || /^(server|sandbox|doctor)/.test(target)))
        violations.push(`${file}: ${line}`);
    }
  }
  expect(files.length).toBeGreaterThan(20);
  expect(violations).toEqual([]);
});

it('reads the environment in one place of each program', () => {
  const readers = globSync('**/*.ts', { cwd: 'src' }).filter((file) =>
    readFileSync(join('src', file), 'utf8').includes('process.env'),
  );
  expect(readers.toSorted()).toEqual(['doctor/doctor.ts', 'server.ts']);
});

it('loads the client of Redis only where Redis is used', () => {
  const loaders = globSync('**/*.ts', { cwd: 'src' }).filter((file) =>
    /^import (?!type ).*'@redis\/client'/m.test(readFileSync(join('src', file), 'utf8')),
  );
  expect(loaders).toEqual([]);
});
