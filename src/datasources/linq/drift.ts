/** How a body left the documented contract at one path. */
export type DriftKind =
  | 'missing' // a documented field is absent
  | 'unknown' // a field that the documentation lacks
  | 'type' // not the documented type
  | 'format' // the right type, but not a date-time or a UUID as documented
  | 'range'; // an integer that does not fit

/**
 * `path` is the field's place without indices, such as `data.attachments[].url`; never a value. `requestId` is of the request
 * that made the call, where it is known.
 */
export type ReportDrift = (path: string, kind: DriftKind, requestId?: string) => void;

/** A bound on unknown fields, whose names are the upstream's to choose. The documented ones are bounded by themselves. */
const mostUnknown = 100;
const warnAgainAfterMs = 3_600_000;

/**
 * Counts every drift, and warns of each path and kind once an hour, so that a change upstream is seen and does not flood
 * the log. Unknown fields beyond the bound are counted together as `other`.
 */
export function createDriftReporter(count: ReportDrift, warn: ReportDrift): ReportDrift {
  const warnedAt = new Map<string, number>();
  let unknown = 0;
  return (path, kind, requestId) => {
    const place = `${kind} ${path}`;
    const before = warnedAt.get(place);
    if (before === undefined && kind === 'unknown' && ++unknown > mostUnknown) return count('other', kind);
    count(path, kind);
    const now = performance.now();
    if (before !== undefined && now - before < warnAgainAfterMs) return;
    warnedAt.set(place, now);
    warn(path, kind, requestId);
  };
}
