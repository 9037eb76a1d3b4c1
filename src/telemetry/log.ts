import cluster from 'node:cluster';
import { type DestinationStream, type Logger, pino } from 'pino';

/**
 * The only fields that a log line may have. None can hold what a caller sent or what Linq wrote: no header, no variable, no
 * message, no token, no URL but our own and the origin of Linq.
 */
const allowed: ReadonlySet<string> = new Set([
  'requestId', // the caller's only where it is 1 to 128 of A-Za-z0-9._-
  'fault', // of UpstreamFault
  'status', // HTTP, of Linq
  'reason', // an error code of Node, undici or Redis
  'path', // of a drift: names of fields, without indices
  'kind', // of a drift
  'error', // the name of an error's class
  'frames', // places in our code
  'signal',
  'pid', // of a worker
  'code', // with which a worker ended
  'restartInMs',
  'workers',
  'replicas', // how many share Redis
  'url', // ours
  'linq', // the origin of Linq
]);

/** JSON, one line for each event; whatever is not allowed is left out. Workers say which one they are. */
export function createLog(level: string, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: cluster.isWorker ? { worker: cluster.worker?.id } : null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        log: (fields) => Object.fromEntries(Object.entries(fields).filter(([name]) => allowed.has(name))),
      },
    },
    destination ?? pino.destination(1),
  );
}
