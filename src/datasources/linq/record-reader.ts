import { isLinqId } from '../model.ts';
import type { DriftKind, ReportDrift } from './drift.ts';

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads one JSON object, field by field. A field that is absent, or is not what its documentation says, is null and is
 * reported by its path; null itself is an answer like any other.
 */
export class RecordReader {
  readonly #record: Record<string, unknown>;
  readonly #path: string;
  readonly #report: ReportDrift;
  readonly #read: string[] = [];

  constructor(record: Record<string, unknown>, path: string, report: ReportDrift) {
    this.#record = record;
    this.#path = path;
    this.#report = report;
  }

  string(name: string): string | null {
    const value = this.#take(name);
    return value === null || typeof value === 'string' ? value : this.#drift(name, 'type');
  }

  boolean(name: string): boolean | null {
    const value = this.#take(name);
    return value === null || typeof value === 'boolean' ? value : this.#drift(name, 'type');
  }

  /** RFC 3339, exactly as Linq wrote it. */
  dateTime(name: string): string | null {
    const value = this.string(name);
    return value === null || isDateTime(value) ? value : this.#drift(name, 'format');
  }

  /** An integer from 0 to 2^31-1, the largest that GraphQL's `Int` can carry. */
  size(name: string): number | null {
    const value = this.#take(name);
    if (value === null) return null;
    if (!isInteger(value)) return this.#drift(name, 'type');
    return value >= 0 && value <= 2147483647 ? Number(value) : this.#drift(name, 'range');
  }

  /** An id of another record, as its digits. */
  reference(name: string): string | null {
    const value = this.#take(name);
    if (value === null) return null;
    if (!isInteger(value)) return this.#drift(name, 'type');
    return value >= 1 && value <= 9223372036854775807n ? String(value) : this.#drift(name, 'range');
  }

  /** The record's own id. Digits in a string are reported and still identify it; without an id the record is lost. */
  id(name: string): string | null {
    const value = this.#record[name];
    const digits = this.reference(name);
    if (value === null) this.#drift(name, 'missing');
    return typeof value === 'string' && isLinqId(value) ? value : digits;
  }

  /** The record's own id. Any text that is not empty identifies it; a form other than a UUID's is reported. */
  uuid(name: string): string | null {
    const value = this.string(name);
    if (this.#record[name] === null) this.#drift(name, 'missing');
    if (value === null || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)) return value;
    this.#drift(name, 'format');
    return value || null;
  }

  /** No list is an empty list. Elements that `decode` cannot identify are left out, their neighbours stay. */
  list<T>(name: string, decode: (raw: RecordReader) => T | null): readonly T[] {
    const value = this.#take(name);
    const items: T[] = [];
    if (value === null) return items;
    if (!Array.isArray(value)) {
      this.#drift(name, 'type');
      return items;
    }
    for (const element of value) {
      if (!isRecord(element)) {
        this.#drift(`${name}[]`, 'type');
        continue;
      }
      const raw = new RecordReader(element, `${this.#path}.${name}[]`, this.#report);
      const item = decode(raw);
      if (item !== null) items.push(item);
      raw.reportUnknown();
    }
    return items;
  }

  /** To be called when all documented fields were read. A name that might carry data is reported as `?`. */
  reportUnknown(): void {
    for (const name in this.#record) {
      if (!this.#read.includes(name)) this.#drift(/^[a-z_][a-z0-9_]{0,39}$/i.test(name) ? name : '?', 'unknown');
    }
  }

  #take(name: string): unknown {
    this.#read.push(name);
    const value = this.#record[name];
    return value === undefined ? this.#drift(name, 'missing') : value;
  }

  #drift(name: string, kind: DriftKind): null {
    this.#report(`${this.#path}.${name}`, kind);
    return null;
  }
}

function isInteger(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;

function isDateTime(text: string): boolean {
  const [, year, month, day] = rfc3339.exec(text) ?? [];
  if (day === undefined) return false;
  // Day 0 of the next month is the last day of this one.
  const lastDay =
    Number(month) <= 12 ? new Date(Date.UTC(2000 + (Number(year) % 400), Number(month), 0)).getUTCDate() : 0;
  return Number(month) >= 1 && Number(day) >= 1 && Number(day) <= lastDay;
}
