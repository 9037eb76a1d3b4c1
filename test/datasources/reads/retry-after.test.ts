import { expect, it } from 'vitest';
import { parseRetryAfter } from '../../../src/datasources/reads/retry-after.ts';

const now = Date.parse('2025-05-21T15:30:00Z');

it.each([
  ['0', 0],
  ['1', 1_000],
  ['3600', 3_600_000],
  ['Wed, 21 May 2025 15:30:10 GMT', 10_000],
  ['Wed, 21 May 2025 15:29:00 GMT', 0],
  [undefined, undefined],
  ['', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['2025-05-21T15:30:10Z', undefined],
  ['Wed May 21 15:30:10 2025', 10_000],
  ['Sun Jun  1 15:30:00 2025', 950_400_000],
  ['Wed May 21 15:30:10 2025 UTC', undefined],
  ['May 21 2025', undefined],
  ['9999999999', 999_999_999_000], // the upper bound
  ['99999999999', 999_999_999_000],
  ['9'.repeat(400), 999_999_999_000],
  ['0000000000000010', 10_000],
])('reads %j as %j milliseconds', (header, expected) => {
  expect(parseRetryAfter(header, now)).toBe(expected);
});
