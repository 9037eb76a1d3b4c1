import { expect, it } from 'vitest';
import { createDriftReporter } from '../../../src/datasources/linq/drift.ts';

it('counts every drift and warns once of each path and kind, however many unknown names the upstream invents', () => {
  const [counted, warned]: string[][] = [[], []];
  const report = createDriftReporter(
    (path, kind) => counted?.push(`${path} ${kind}`),
    (path, kind) => warned?.push(`${path} ${kind}`),
  );
  for (let name = 0; name < 1_000; name++) report(`data.unknown${name}`, 'unknown');
  report('data.text', 'type');
  report('data.text', 'type');
  report('data.text', 'missing');
  expect(counted).toHaveLength(1_003);
  expect(new Set(counted).size).toBe(100 + 1 + 2); // by name, as "other", and the two kinds at data.text
  expect(warned?.slice(100)).toEqual(['data.text type', 'data.text missing']);
});
