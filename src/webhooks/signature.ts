import { createHmac, timingSafeEqual } from 'node:crypto';

const form = /^sha256=([0-9a-f]{64})$/;

/** Returns a function that checks whether one of the secrets signed a body; undefined if the header has another form. */
export function readSignature(
  header: string | string[] | undefined,
  secrets: readonly string[],
): ((body: Buffer) => boolean) | undefined {
  const [, hex] = typeof header === 'string' ? (form.exec(header) ?? []) : [];
  if (hex === undefined) return undefined;
  const given = Buffer.from(hex, 'hex');
  return (body) => {
    let isValid = false;
    for (const secret of secrets) {
      const expected = createHmac('sha256', secret).update(body).digest();
      if (timingSafeEqual(given, expected)) isValid = true; // no early return, so that all secrets take the same time
    }
    return isValid;
  };
}
