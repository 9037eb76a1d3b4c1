import type { DriftKind } from '../upstream-metrics.ts';

/** `requestId` is of the request that made the call, if it is known. */
export type ReportRouteDrift = (route: string, path: string, kind: DriftKind, requestId?: string) => void;

/** A bound on unknown fields, whose names the upstream chooses. The documented ones are bounded by themselves. */
const maxUnknown = 100;
const warnAgainAfterMs = 3_600_000;

/**
 * Counts every drift, and warns once an hour for each route, path and kind, so that a change upstream is seen and does not
 * fill the log. Unknown fields beyond the bound are counted together as `other`.
 */
export function createDriftReporter(count: ReportRouteDrift, warn: ReportRouteDrift): ReportRouteDrift {
  const warnedAt = new Map<string, number>();
  let unknown = 0;
  return (route, path, kind, requestId) => {
    const place = `${kind} ${route} ${path}`;
    const before = warnedAt.get(place);
    if (before === undefined && kind === 'unknown' && ++unknown > maxUnknown) return count(route, 'other', kind);
    count(route, path, kind);
    const now = performance.now();
    if (before !== undefined && now - before < warnAgainAfterMs) return;
    warnedAt.set(place, now);
    warn(route, path, kind, requestId);
  };
}
