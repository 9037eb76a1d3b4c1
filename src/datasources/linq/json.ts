/**
 * `JSON.parse`, save that an integer which a JavaScript number cannot hold exactly becomes a `bigint`.
 * The reviver makes parsing several times slower, so it is used only where a long run of digits occurs at all.
 */
export function parseJson(body: string): unknown {
  const text = body.charCodeAt(0) === 0xfeff ? body.slice(1) : body; // a byte order mark
  return /\d{16}/.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
}

// The third argument is in every Node that we run on; TypeScript's library does not know it yet.
function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? '';
  return /^-?\d{16,40}$/.test(source) ? BigInt(source) : value;
}
