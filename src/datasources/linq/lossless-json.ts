/** Returns the replacement of a number that may have lost digits. `source` is its text in the JSON. */
type Replace = (source: string, value: number) => unknown;

/**
 * `JSON.parse`, except that integers beyond 2^53-1, and decimals that would be parsed as a large integer, are replaced with
 * `replace`. Numbers nested deeper than `depth` are not.
 */
export function parseLossless(text: string, depth: number, replace: (source: string) => unknown): unknown {
  const parsed: unknown = JSON.parse(text);
  if (!holdsLarge(parsed, depth)) return parsed;
  try {
    return reviveLarge(text, (source, value) =>
      Number.isSafeInteger(value) && source === String(value) ? value : replace(source),
    );
  } catch {
    return parsed; // nested too deeply for a reviver; a number that lost digits is not a safe integer
  }
}

/** `JSON.parse` with every large integer replaced. Several times slower; throws when the text is nested too deeply. */
export function reviveLarge(text: string, replace: Replace): unknown {
  // All supported versions of Node pass the third argument; TypeScript's library does not declare it yet.
  return JSON.parse(text, (_key: string, value: unknown, { source = '' }: { source?: string } = {}): unknown =>
    isLarge(value) ? replace(source, value) : value,
  );
}

/** A smaller number that is parsed as an integer was written as one, or with an unrealistic number of decimals. */
const large = 2 ** 48;

/** Whether the value is an integer that may differ from the number in the JSON. */
export function isLarge(value: unknown): value is number {
  return typeof value === 'number' && (value >= large || value <= -large) && Number.isInteger(value);
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
