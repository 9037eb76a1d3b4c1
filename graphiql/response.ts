import type { ExecutionResult } from 'graphql';

/** What the line under a response says about it. */
export interface ResponseFacts {
  readonly status: number;
  readonly durationMs: number;
  /** Of the body, decompressed. */
  readonly bytes: number;
  /** The events received so far; undefined unless the response is a stream. */
  readonly events?: number;
  /** Undefined unless the gateway reports them. */
  readonly reads?: readonly Read[];
}

/** One read of Linq, as `extensions.linq.reads` reports it. */
export type Read = Readonly<Record<string, unknown>>;

/** The result without the reads, which only this page requests, and the reads. */
export function separateReads(result: ExecutionResult): {
  readonly result: ExecutionResult;
  readonly reads?: readonly Read[];
} {
  const { extensions: { linq, ...otherExtensions } = {}, ...rest } = result;
  if (!isRecord(linq) || !Array.isArray(linq['reads'])) return { result };
  const hasOthers = Object.keys(otherExtensions).length > 0;
  return {
    result: hasOthers ? { ...rest, extensions: otherExtensions } : rest,
    reads: linq['reads'].filter(isRecord),
  };
}

/** The calls to Linq that the response's own reads made: those that it shares with another request, or found in the cache, made none. */
export function callsOf(reads: readonly Read[]): number {
  return reads
    .filter(({ shared, cached }) => shared !== true && cached !== true)
    .reduce((calls, { attempts }) => calls + (typeof attempts === 'number' ? attempts : 0), 0);
}

/** Such as `200 · 41 ms · 1.2 kB`. */
export function lineOf({ status, durationMs, bytes, events }: ResponseFacts): string {
  const size = bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
  const count = events === undefined ? [] : [counted(events, 'event')];
  return [String(status), ...count, `${Math.round(durationMs)} ms`, size].join(' · ');
}

export const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
