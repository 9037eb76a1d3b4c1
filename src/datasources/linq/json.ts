/**
 * `JSON.parse`, save that an integer which a JavaScript number cannot hold exactly becomes a `bigint`.
 * The reviver makes parsing several times slower, so it is used only where a long run of digits occurs at all.
 */
export function parseJson(body: string): unknown {
  const text = body.charCodeAt(0) === 0xfeff ? body.slice(1) : body; // a byte order mark
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  try {
    return JSON.parse(text, keepDigits);
  } catch {
    return JSON.parse(text); // nested too deeply for a reviver; what lost digits is then no safe integer
  }
}

// The third argument is in every Node that we run on; TypeScript's library does not know it yet.
function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source ?? '';
  if (typeof value !== 'number' || source.length < 16) return value;
  if (/^-?\d{1,40}$/.test(source)) return Number.isSafeInteger(value) ? value : BigInt(source);
  return Number.isInteger(value) ? Number.NaN : value; // rounded to an integer that it is not
}
