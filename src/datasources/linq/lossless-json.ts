/** What becomes of a number that JSON wrote with more digits than a JavaScript number holds. `source` is what was written. */
type Rounded = (source: string) => unknown;

/**
 * `JSON.parse`, save that integers beyond 2^53-1, and decimals that would read as a large integer, are replaced by `rounded`.
 * Only values down to `depth` are looked for. A reviver makes parsing several times slower, so it is used only where there is one.
 */
export function parseExactly(text: string, depth: number, rounded: Rounded): unknown {
  const parsed: unknown = JSON.parse(text);
  if (!holdsLarge(parsed, depth)) return parsed;
  // The third argument is in every Node that we run on; TypeScript's library does not know it yet.
  const revive = (_key: string, value: unknown, { source = '' }: { source?: string } = {}): unknown => {
    const exact = !isLarge(value) || (Number.isSafeInteger(value) && source === String(value));
    return exact ? value : rounded(source);
  };
  try {
    return JSON.parse(text, revive);
  } catch {
    return parsed; // nested too deeply for a reviver; what lost digits is no safe integer
  }
}

/** Below this, a number that reads as an integer was written as one, or with more decimals than anybody writes. */
const large = 2 ** 48;

function isLarge(value: unknown): boolean {
  return typeof value === 'number' && Math.abs(value) >= large && Number.isInteger(value);
}

function holdsLarge(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return isLarge(value);
  if (depth === 0) return false;
  if (Array.isArray(value)) return value.some((item) => holdsLarge(item, depth - 1));
  for (const name in value) {
    if (holdsLarge((value as Record<string, unknown>)[name], depth - 1)) return true;
  }
  return false;
}
