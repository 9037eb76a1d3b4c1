import cluster from 'node:cluster';
import { type DestinationStream, type Logger, pino } from 'pino';

/**
 * The only fields that a log line may have. None can hold what a caller sent or what Linq wrote: no header, no variable, no
 * message, no token, no name of an operation, no URL but our own and the origin of Linq. docs/operations.md lists them.
 */
export const logFields: ReadonlySet<string> = new Set([
  'requestId', // the caller's only where it is 1 to 128 of A-Za-z0-9._-
  'traceId', // the caller's only where it is 32 hexadecimal digits
  'outcome', // of RequestOutcome
  'codes', // of the table of errors
  'executor', // compiled or interpreted
  'durationMs',
  'status', // HTTP: of Linq where a read of it failed, else of our answer
  'fault', // of UpstreamFault
  'reason', // an error code of Node, undici or Redis
  'route', // a template
  'path', // of a drift: names of fields, without indices
  'kind', // of a drift
  'error', // the name of an error's class
  'frames', // places in our code
  'signal',
  'pid', // of a worker
  'code', // with which a worker ended
  'restartInMs',
  'replicas', // how many share Redis
  'url', // ours
  'linq', // the origin of Linq
  'ownToken', // the rest of the configuration, as words and numbers
  'callers',
  'trustedDocuments',
  'graphiql',
  'introspection',
  'workers',
  'tracing',
]);

/** JSON, one line for each event; whatever is not allowed is left out. Workers say which one they are. */
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

/** The same lines for people, in colours where the terminal has them. Loaded only where there is one. */
export async function readableLines(destination: DestinationStream | number = 1): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  return pretty({ destination, sync: true, singleLine: true, translateTime: 'SYS:HH:MM:ss.l' });
}
