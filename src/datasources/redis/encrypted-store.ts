import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Store } from '../cache/read-cache.ts';
import type { Token } from '../token.ts';

/** A store that others may read. */
interface Backend {
  read(name: string): Promise<Buffer | undefined>;
  write(name: string, value: Buffer, ms: number): void;
}

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Keeps texts so that only a holder of the token can find, read or create one: both the name of an entry and its encryption
 * key are derived from the token. An entry that cannot be decrypted counts as absent.
 */
export function createEncryptedStore(backend: Backend, ttlMs: number): Store {
  return {
    async read(token, name) {
      const { storageKey, key } = derive(token, name);
      const sealed = await backend.read(storageKey);
      return sealed === undefined ? undefined : open(sealed, key);
    },
    write(token, name, text) {
      const { storageKey, key } = derive(token, name);
      backend.write(storageKey, seal(text, key), ttlMs);
    },
    remove(token, name) {
      backend.write(derive(token, name).storageKey, Buffer.alloc(0), 1); // so the Redis user needs no permission for DEL
    },
  };
}

/** Each entry has its own key, so none is used often enough for two random nonces to collide. */
function derive(token: Token, name: string) {
  const secret = token.derive(`linq-gateway cache ${name}`);
  return { storageKey: `cache:${secret.toString('base64url', 0, 32)}`, key: secret.subarray(32) };
}

function seal(text: string, key: Buffer): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce);
  const encrypted = cipher.update(text, 'utf8');
  cipher.final();
  return Buffer.concat([nonce, cipher.getAuthTag(), encrypted]);
}

function open(sealed: Buffer, key: Buffer): string | undefined {
  try {
    const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
    decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
    const text = decipher.update(sealed.subarray(nonceBytes + tagBytes), undefined, 'utf8');
    return text + decipher.final('utf8');
  } catch {
    return undefined;
  }
}
