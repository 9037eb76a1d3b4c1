/**
 * Reads the fields of Linq's records, each where it stands: `value` is what the record holds there, `at` its path. What is
 * absent, or is not what its documentation says, is null and is reported by its path; null itself is an answer like any
 * other. (Functions over values, not a reader over names: this is most of what a large message costs.)
 */
import { isLinqId } from '../model.ts';
import type { DriftKind, ReportDrift } from './drift.ts';

export type Raw = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function string(value: unknown, at: string, report: ReportDrift): string | null {
  return typeof value === 'string' || value === null ? value : drift(value, at, 'type', report);
}

export function boolean(value: unknown, at: string, report: ReportDrift): boolean | null {
  return typeof value === 'boolean' || value === null ? value : drift(value, at, 'type', report);
}

/** RFC 3339, exactly as Linq wrote it. */
export function dateTime(value: unknown, at: string, report: ReportDrift): string | null {
  if (typeof value !== 'string') return string(value, at, report);
  return isDateTime(value) ? value : drift(value, at, 'format', report);
}

/** An integer from 0 to 2^31-1, the largest that GraphQL's `Int` can carry. */
export function size(value: unknown, at: string, report: ReportDrift): number | null {
  if (value === null) return null;
  if (!isInteger(value)) return drift(value, at, 'type', report);
  return value >= 0 && value <= 2147483647 ? Number(value) : drift(value, at, 'range', report);
}

/** An id of another record, as its digits. */
export function reference(value: unknown, at: string, report: ReportDrift): string | null {
  if (value === null) return null;
  if (!isInteger(value)) return drift(value, at, 'type', report);
  return value >= 1 && value <= 9223372036854775807n ? String(value) : drift(value, at, 'range', report);
}

/** The record's own id. Digits in a string are reported and still identify it; without an id the record is lost. */
export function ownId(value: unknown, at: string, report: ReportDrift): string | null {
  if (value === null) return drift(value, at, 'missing', report);
  const digits = reference(value, at, report);
  return typeof value === 'string' && isLinqId(value) ? value : digits;
}

/** The record's own id. Any text that is not empty identifies it; a form other than a UUID's is reported. */
export function uuid(value: unknown, at: string, report: ReportDrift): string | null {
  if (typeof value !== 'string') return drift(value, at, value === null ? 'missing' : 'type', report);
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)) return value;
  drift(value, at, 'format', report);
  return value || null;
}

/** No list is an empty list. Elements that are no records, or that `decode` cannot identify, are left out. */
export function list<T>(
  value: unknown,
  at: string,
  report: ReportDrift,
  decode: (raw: Raw, report: ReportDrift) => T | null,
): readonly T[] {
  const items: T[] = [];
  if (value === null) return items;
  if (!Array.isArray(value)) {
    drift(value, at, 'type', report);
    return items;
  }
  for (const element of value) {
    const item = isRecord(element) ? decode(element, report) : drift(element, `${at}[]`, 'type', report);
    if (item !== null) items.push(item);
  }
  return items;
}

/** Reports what the record holds beside the documented fields. A name that might carry data is reported as `?`. */
export function reportUnknown(raw: Raw, at: string, documented: ReadonlySet<string>, report: ReportDrift): void {
  for (const name in raw) {
    if (!documented.has(name)) report(`${at}.${/^[a-z_][a-z0-9_]{0,39}$/i.test(name) ? name : '?'}`, 'unknown');
  }
}

function drift(value: unknown, at: string, kind: DriftKind, report: ReportDrift): null {
  report(at, value === undefined ? 'missing' : kind);
  return null;
}

function isInteger(value: unknown): value is number | bigint {
  return Number.isSafeInteger(value) || typeof value === 'bigint';
}

const rfc3339 =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i;

function isDateTime(text: string): boolean {
  if (!rfc3339.test(text)) return false;
  const day = Number(text.slice(8, 10));
  if (day <= 28) return true;
  // Day 0 of the next month is the last day of this one.
  return day <= new Date(Date.UTC(2000 + (Number(text.slice(0, 4)) % 400), Number(text.slice(5, 7)), 0)).getUTCDate();
}
