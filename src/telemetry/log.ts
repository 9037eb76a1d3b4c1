import cluster from 'node:cluster';
import { type DestinationStream, type Logger, pino } from 'pino';

/**
 * The only fields that a log line may have. None can contain what a caller sent or what Linq returned: no header, no
 * variable, no message, no token, no name of an operation, no URL but our own and the origin of Linq. docs/operations.md
 * lists them.
 */
export const logFields: ReadonlySet<string> = new Set([
  'requestId', // the caller's only where it is 1 to 128 of A-Za-z0-9._-
  'traceId', // the caller's only where it is 32 hexadecimal digits
  'outcome', // of RequestOutcome
  'codes', // of the table of errors
  'executor', // compiled or interpreted
  'durationMs',
  'status', // HTTP: of Linq where a read failed, else of our response
  'fault', // of UpstreamFault
  'reason', // an error code of Node, undici or Redis
  'route', // a template
  'path', // of a drift: names of fields, without indices
  'kind', // of a drift
  'error', // the name of an error's class
  'frames', // places in our code
  'signal',
  'pid', // of a worker
  'code', // exit code of a worker
  'restartInMs',
  'replicas', // how many share Redis
  'url', // ours
  'linq', // the origin of Linq
  'ownToken', // the rest: the configuration, as words and numbers
  'callers',
  'trustedDocuments',
  'graphiql',
  'introspection',
  'workers',
  'tracing',
]);

/** JSON, one line for each event; fields that are not allowed are dropped. Workers add their number. */
export function createLog(level: string, destination: DestinationStream = pino.destination(1)): Logger {
  return pino(
    {
      level,
      base: cluster.isWorker ? { worker: cluster.worker?.id } : null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        log: (fields) => Object.fromEntries(Object.entries(fields).filter(([name]) => logFields.has(name))),
      },
    },
    destination,
  );
}

/** The same lines for people, in color where the terminal supports it. Loaded only where there is one. */
export async function readableLines(destination: DestinationStream | number = 1): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  return pretty({ destination, sync: true, singleLine: true, translateTime: 'SYS:HH:MM:ss.l' });
}
