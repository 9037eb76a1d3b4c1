import type { DriftKind } from '../upstream-metrics.ts';

/** `requestId` is that of the request that started the read, if known. */
export type ReportRouteDrift = (route: string, path: string, kind: DriftKind, requestId?: string) => void;

/** All drifts of one response, each a path and a kind. */
type ReportResponseDrift = (route: string, drifts: readonly string[], requestId?: string) => void;

/** Limit on unknown fields, whose names the upstream chooses. */
const maxUnknown = 100;
const warnAgainAfterMs = 3_600_000;

/**
 * Counts every drift, and warns once an hour for each route, path and kind. Unknown fields beyond the limit are counted
 * together as `other`.
 */
export function createDriftReporter(count: ReportRouteDrift, warn: ReportRouteDrift): ReportRouteDrift {
  const warnedAt = new Map<string, number>();
  let unknown = 0;
  return (route, path, kind, requestId) => {
    const drift = `${kind} ${route} ${path}`;
    const before = warnedAt.get(drift);
    if (before === undefined && kind === 'unknown' && ++unknown > maxUnknown) return count(route, 'other', kind);
    count(route, path, kind);
    const now = performance.now();
    if (before !== undefined && now - before < warnAgainAfterMs) return;
    warnedAt.set(drift, now);
    warn(route, path, kind, requestId);
  };
}

/** Reports the drifts of one response together: they are found in the same turn of the event loop. */
export function perResponse(report: ReportResponseDrift): ReportRouteDrift {
  const drifts = new Map<string, string[]>();
  return (route, path, kind, requestId) => {
    const key = `${route} ${requestId}`;
    const found = drifts.get(key);
    if (found !== undefined) return void found.push(`${path} ${kind}`);
    const all = [`${path} ${kind}`];
    drifts.set(key, all);
    queueMicrotask(() => {
      drifts.delete(key);
      report(route, all, requestId);
    });
  };
}
