import { hash } from 'node:crypto';
import { expect, it } from 'vitest';
import { createEncryptedStore } from '../../../src/datasources/redis/encrypted-store.ts';
import { Token } from '../../../src/datasources/token.ts';

const text = JSON.stringify({ chatId: '4711', id: '815', text: 'a private text' });
const [a, b] = [new Token('token a'), new Token('token b')];

function createBackend() {
  const values = new Map<string, Buffer>();
  return {
    values,
    read: async (name: string) => values.get(name),
    write: (name: string, value: Buffer) => void values.set(name, value),
  };
}

it('returns a text only to the token that stored it', async () => {
  const backend = createBackend();
  createEncryptedStore(backend, 1_000).write(a, 'message/4711/815', text);
  const another = createEncryptedStore(backend, 1_000); // of another process
  expect(await another.read(a, 'message/4711/815')).toBe(text);
  expect(await another.read(b, 'message/4711/815')).toBeUndefined();
  expect(await another.read(a, 'message/4711/816')).toBeUndefined();
});

it('reveals neither the text, nor its name, nor the token', () => {
  const backend = createBackend();
  createEncryptedStore(backend, 1_000).write(a, 'message/4711/815', text);
  const [[name, value] = ['', Buffer.of()]] = backend.values;
  const seen = [name, value.toString('latin1'), value.toString('utf8')].join();
  for (const secret of ['4711', '815', 'private', 'token', a.digest, hash('sha256', 'token a')]) {
    expect(seen).not.toContain(secret);
  }
});

it('never encrypts the same text to the same bytes', () => {
  const backend = createBackend();
  const store = createEncryptedStore(backend, 1_000);
  const encrypted = Array.from({ length: 100 }, () => {
    store.write(a, 'name', text);
    return [...backend.values.values()][0]?.toString('hex');
  });
  expect(new Set(encrypted).size).toBe(100);
});

it('treats entries that were changed, truncated, moved or forged as absent', async () => {
  const backend = createBackend();
  const store = createEncryptedStore(backend, 1_000);
  store.write(a, 'one', text);
  const [[name, good] = ['', Buffer.of()]] = backend.values;
  store.write(a, 'two', text);
  store.write(b, 'one', text);
  const others = [...backend.values.values()].slice(1);
  const changed = Array.from(good, (byte, index) => {
    const copy = Buffer.from(good);
    copy[index] = byte ^ 1;
    return copy;
  });
  const cut = Array.from(good, (_byte, length) => good.subarray(0, length));
  for (const value of [...changed, ...cut, ...others, Buffer.from(text), Buffer.alloc(100)]) {
    backend.values.set(name, value);
    expect(await store.read(a, 'one')).toBeUndefined();
  }
  backend.values.set(name, good);
  expect(await store.read(a, 'one')).toBe(text);
});
