/** Upper bound: some thirty years. */
const longestSeconds = 999_999_999;
/** The obsolete date format of C's `asctime`, which HTTP still allows; it means GMT. */
const isAsctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/;

/**
 * The `Retry-After` header (RFC 9110: whole seconds or an HTTP date) as milliseconds from now, never negative.
 * Undefined when it is absent or malformed.
 */
export function parseRetryAfter(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return Math.min(Number(header), longestSeconds) * 1_000;
  const date = Date.parse(isAsctime.test(header) ? `${header} GMT` : /GMT$/.test(header) ? header : '');
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
