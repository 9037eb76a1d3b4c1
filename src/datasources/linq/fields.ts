/**
 * Reads the fields of Linq's records: `value` is what the record holds at the path `at`. A value that is absent, or differs
 * from its documentation, becomes null and is reported; null itself is a valid value. (Functions over values, not a reader
 * over names, and no regular expressions: this is most of the cost of a large message.)
 */
import { isLinqId, type LinqId } from '../model.ts';
import type { ReportDrift } from '../reads/route.ts';
import type { DriftKind } from '../upstream-metrics.ts';
import { isLarge } from './lossless-json.ts';

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

/** RFC 3339, passed through unchanged. */
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
export function reference(value: unknown, at: string, report: ReportDrift): LinqId | null {
  if (value === null) return null;
  if (!isInteger(value)) return drift(value, at, 'type', report);
  const isInRange = value >= 1 && value <= 9223372036854775807n;
  return isInRange ? (String(value) as LinqId) : drift(value, at, 'range', report);
}

/** The record's own id. Digits in a string are reported but accepted; null makes the caller drop the record. */
export function ownId(value: unknown, at: string, report: ReportDrift): LinqId | null {
  if (value === null) return drift(value, at, 'missing', report);
  const digits = reference(value, at, report);
  return typeof value === 'string' && isLinqId(value) ? value : digits;
}

/** The record's own id. Any text that is not empty is accepted; a text that is not a UUID is reported. */
export function uuid(value: unknown, at: string, report: ReportDrift): string | null {
  if (typeof value !== 'string') return drift(value, at, value === null ? 'missing' : 'type', report);
  if (isUuid(value)) return value;
  drift(value, at, 'format', report);
  return value || null;
}

/** A missing list is an empty list. Elements that are not records, or that `decode` cannot identify, are left out. */
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

/**
 * Reports the fields that are not documented. A name that might carry data is reported as `?`. A record that holds the
 * documented fields in their documented order, as nearly all do, costs one comparison for each.
 */
export function reportUnknown(raw: Raw, at: string, documented: readonly string[], report: ReportDrift): void {
  let index = 0;
  for (const name in raw) {
    if (name === documented[index]) index++;
    else if (!documented.includes(name)) {
      report(`${at}.${/^[a-z_][a-z0-9_]{0,39}$/i.test(name) ? name : '?'}`, 'unknown');
    }
  }
}

function drift(value: unknown, at: string, kind: DriftKind, report: ReportDrift): null {
  report(at, value === undefined ? 'missing' : kind);
  return null;
}

/** Thrown for an integer that may have lost digits when it was parsed. */
export const lostDigits = new Error('an integer may have lost digits');

function isInteger(value: unknown): value is number | bigint {
  if (isLarge(value)) throw lostDigits;
  return Number.isSafeInteger(value) || typeof value === 'bigint';
}

function isUuid(text: string): boolean {
  if (text.length !== 36) return false;
  for (let index = 0; index < 36; index++) {
    const code = text.charCodeAt(index);
    const isHyphen = index === 8 || index === 13 || index === 18 || index === 23;
    if (isHyphen ? code !== 45 : !isDigit(code) && !((code | 32) >= 97 && (code | 32) <= 102)) return false;
  }
  return true;
}

/** RFC 3339, such as `2025-05-21T15:30:00.123-05:00`, with a day that its month has. */
export function isDateTime(text: string): boolean {
  if (text.charCodeAt(4) !== hyphen || text.charCodeAt(7) !== hyphen) return false;
  if ((text.charCodeAt(10) | 32) !== lowerT || text.charCodeAt(13) !== colon || text.charCodeAt(16) !== colon)
    return false;
  const century = twoDigits(text, 0);
  const year = twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const second = twoDigits(text, 17);
  if (century < 0 || year < 0 || month < 1 || month > 12 || day < 1 || day > 31) return false;
  if (!isTime(text, 11) || second < 0 || second > 60) return false;
  let zone = 19;
  if (text.charCodeAt(zone) === dot) {
    do zone++;
    while (isDigit(text.charCodeAt(zone)));
    if (zone === 20) return false;
  }
  const sign = text.charCodeAt(zone);
  if ((sign | 32) === lowerZ) {
    if (text.length !== zone + 1) return false;
  } else {
    if (text.length !== zone + 6 || (sign !== plus && sign !== hyphen)) return false;
    if (text.charCodeAt(zone + 3) !== colon || !isTime(text, zone + 1)) return false;
  }
  // Day 0 of the next month is the last day of this one.
  return day <= 28 || day <= new Date(Date.UTC(2000 + ((century * 100 + year) % 400), month, 0)).getUTCDate();
}

const [hyphen, colon, dot, plus, lowerT, lowerZ] = [45, 58, 46, 43, 116, 122];

function isTime(text: string, index: number): boolean {
  const hour = twoDigits(text, index);
  const minute = twoDigits(text, index + 3);
  return hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59;
}

/** Negative if there are none. */
function twoDigits(text: string, index: number): number {
  const tens = text.charCodeAt(index);
  const ones = text.charCodeAt(index + 1);
  return isDigit(tens) && isDigit(ones) ? (tens - 48) * 10 + ones - 48 : -1;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
