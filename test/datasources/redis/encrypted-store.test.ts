import { hash } from 'node:crypto';
import { expect, it } from 'vitest';
import { createEncryptedStore } from '../../../src/datasources/redis/encrypted-store.ts';
import { Token } from '../../../src/datasources/token.ts';

const text = JSON.stringify({ chatId: '4711', id: '815', text: 'a private text' });
const [a, b] = [new Token('token a'), new Token('token b')];

function createPlace() {
  const values = new Map<string, Buffer>();
  return {
    values,
    read: async (name: string) => values.get(name),
    write: (name: string, value: Buffer) => void values.set(name, value),
  };
}

it('gives a text back to the token that it was kept for, and to no other', async () => {
  const place = createPlace();
  createEncryptedStore(place, 1_000).write(a, 'message/4711/815', text);
  const another = createEncryptedStore(place, 1_000); // of another process
  expect(await another.read(a, 'message/4711/815')).toBe(text);
  expect(await another.read(b, 'message/4711/815')).toBeUndefined();
  expect(await another.read(a, 'message/4711/816')).toBeUndefined();
});

it('shows whoever looks at it neither text, nor name, nor token', () => {
  const place = createPlace();
  createEncryptedStore(place, 1_000).write(a, 'message/4711/815', text);
  const [[name, value] = ['', Buffer.of()]] = place.values;
  const seen = [name, value.toString('latin1'), value.toString('utf8')].join();
  for (const secret of ['4711', '815', 'private', 'token', a.digest, hash('sha256', 'token a')]) {
    expect(seen).not.toContain(secret);
  }
});

it('never seals the same text to the same bytes', () => {
  const place = createPlace();
  const store = createEncryptedStore(place, 1_000);
  const seals = Array.from({ length: 100 }, () => {
    store.write(a, 'name', text);
    return [...place.values.values()][0]?.toString('hex');
  });
  expect(new Set(seals).size).toBe(100);
});

it('takes whatever was changed, cut, moved or made up for nothing', async () => {
  const place = createPlace();
  const store = createEncryptedStore(place, 1_000);
  store.write(a, 'one', text);
  const [[name, good] = ['', Buffer.of()]] = place.values;
  store.write(a, 'two', text);
  store.write(b, 'one', text);
  const others = [...place.values.values()].slice(1);
  const changed = Array.from(good, (byte, index) => {
    const copy = Buffer.from(good);
    copy[index] = byte ^ 1;
    return copy;
  });
  const cut = Array.from(good, (_byte, length) => good.subarray(0, length));
  for (const value of [...changed, ...cut, ...others, Buffer.from(text), Buffer.alloc(100)]) {
    place.values.set(name, value);
    expect(await store.read(a, 'one')).toBeUndefined();
  }
  place.values.set(name, good);
  expect(await store.read(a, 'one')).toBe(text);
});
