import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createDriftReporter, perResponse } from '../../../src/datasources/linq/drift.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

it('counts every drift and warns once for each path and kind, no matter how many unknown names the upstream sends', () => {
  const [counted, warned]: string[][] = [[], []];
  const report = createDriftReporter(
    (_route, path, kind) => counted?.push(`${path} ${kind}`),
    (_route, path, kind) => warned?.push(`${path} ${kind}`),
  );
  for (let name = 0; name < 1_000; name++) report('/{id}', `data.unknown${name}`, 'unknown');
  report('/{id}', 'data.text', 'type');
  report('/{id}', 'data.text', 'type');
  report('/{id}', 'data.text', 'missing');
  expect(counted).toHaveLength(1_003);
  expect(new Set(counted).size).toBe(100 + 1 + 2); // by name, as "other", and the two kinds at data.text
  expect(warned?.slice(100)).toEqual(['data.text type', 'data.text missing']);
});

it('warns again about a drift that still occurs an hour later', () => {
  const warned: string[] = [];
  let counted = 0;
  const report = createDriftReporter(
    () => counted++,
    (_route, path, kind) => warned.push(`${path} ${kind}`),
  );
  const reportAll = () => {
    report('/{id}', 'data.text', 'type');
    report('/{id}', 'data.new', 'unknown');
  };
  reportAll();
  vi.advanceTimersByTime(3_599_999);
  reportAll();
  expect(warned).toEqual(['data.text type', 'data.new unknown']);
  vi.advanceTimersByTime(1);
  reportAll();
  reportAll();
  expect(warned.slice(2)).toEqual(['data.text type', 'data.new unknown']);
  expect(counted).toBe(8);
});

it('reports all drifts of a response together, and those of two responses apart', async () => {
  const reported: [string, readonly string[], string | undefined][] = [];
  const report = perResponse((route, drifts, requestId) => reported.push([route, drifts, requestId]));
  report('/{id}', 'data.text', 'type', 'one');
  report('/{id}', 'data.new', 'unknown', 'two');
  report('/{id}', 'data.sent_at', 'format', 'one');
  await Promise.resolve();
  report('/{id}', 'data.text', 'missing', 'one');
  await Promise.resolve();
  expect(reported).toEqual([
    ['/{id}', ['data.text type', 'data.sent_at format'], 'one'],
    ['/{id}', ['data.new unknown'], 'two'],
    ['/{id}', ['data.text missing'], 'one'],
  ]);
});
