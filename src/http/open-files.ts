/** Descriptors of the process beside its connections: files, the listener, Redis, the event loop. */
const ownFiles = 128;

/**
 * The connections of clients that the limit of open files allows beside this many of the process's own. Undefined where the
 * system has no such limit.
 */
export function maxConnections(ownConnections: number): number | undefined {
  const limit = openFilesLimit();
  if (limit === undefined) return undefined;
  return Math.max(Math.floor(limit / 2), limit - ownConnections - ownFiles);
}

/** As `ulimit -n` prints it. */
function openFilesLimit(): number | undefined {
  const { userLimits } = Object(process.report.getReport());
  const limit: unknown = Object(userLimits?.open_files).soft;
  return typeof limit === 'number' ? limit : undefined;
}
