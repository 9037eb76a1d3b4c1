/** How a body left the documented contract at one path. */
export type DriftKind =
  | 'missing' // a documented field is absent
  | 'unknown' // a field that the documentation lacks
  | 'type' // not the documented type
  | 'format' // the right type, but not a date-time or a UUID as documented
  | 'range'; // an integer that does not fit

/** `path` is the field's place without indices, such as `data.attachments[].url`; never a value. */
export type ReportDrift = (path: string, kind: DriftKind) => void;

/** Enough for every documented field and kind; a bound, since unknown field names are the upstream's to choose. */
const mostPaths = 500;

/** Warns once in a process for each path and kind, so that a change upstream is seen and does not flood the log. */
export function createDriftReporter(warn: ReportDrift): ReportDrift {
  const seen = new Set<string>();
  return (path, kind) => {
    const place = `${kind} ${path}`;
    if (seen.has(place) || seen.size >= mostPaths) return;
    seen.add(place);
    warn(path, kind);
  };
}
