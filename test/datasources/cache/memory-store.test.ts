import { expect, it } from 'vitest';
import { createMemoryStore } from '../../../src/datasources/cache/memory-store.ts';
import { Token } from '../../../src/datasources/token.ts';

const token = new Token('a');

it('keeps the most recently used texts within its size limit', () => {
  const store = createMemoryStore(60_000, 1_000_000);
  const text = 'x'.repeat(10_000);
  for (let index = 0; index < 1_000; index++) {
    store.write(token, `${index}`, text);
    store.read(token, '0');
  }
  const kept = Array.from({ length: 1_000 }, (_, index) => store.read(token, `${index}`)).filter(Boolean);
  expect(kept.length).toBeGreaterThan(40); // two bytes for each UTF-16 unit, plus the overhead of an entry
  expect(kept.length).toBeLessThanOrEqual(50);
  expect([store.read(token, '0'), store.read(token, '1'), store.read(token, '999')]).toEqual([text, undefined, text]);
});

it('does not keep a text larger than its size limit', () => {
  const store = createMemoryStore(60_000, 1_000);
  store.write(token, 'large', 'x'.repeat(1_000));
  expect(store.read(token, 'large')).toBeUndefined();
});
