/**
 * The `Retry-After` header (RFC 9110: whole seconds or an HTTP date) as milliseconds from now, never negative.
 * Undefined when it is absent or says nothing that can be read.
 */
export function parseRetryAfter(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000;
  const date = /GMT$/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
