import cluster from 'node:cluster';
import { type DestinationStream, type Logger, pino } from 'pino';

/**
 * Allow-list of log fields. None can contain data from callers or Linq: no header, variable, message, token or operation name,
 * and no URL except the gateway's own and the origin of Linq. docs/operations.md lists them.
 */
export const logFields: ReadonlySet<string> = new Set([
  'requestId', // the caller's only if it is 1 to 128 of A-Za-z0-9._-
  'traceId', // the caller's only if it is 32 hexadecimal digits
  'outcome', // of RequestOutcome or StreamOutcome
  'codes', // of the table of errors
  'executor', // compiled or interpreted
  'durationMs',
  'events', // how many a stream sent
  'status', // HTTP: of Linq for a failed read, otherwise of our response
  'fault', // of UpstreamFault
  'reason', // an error code of Node, undici or Redis, or the status of a proxy
  'route', // a template
  'drifts', // paths of fields, without indices, and kinds
  'error', // the name of an error class
  'frames', // locations in our code
  'signal',
  'pid', // of a worker
  'code', // exit code of a worker
  'restartInMs',
  'replicas', // how many share Redis
  'variable', // of the environment: with a former name, or not known
  'newName', // of that variable
  'nearest', // the known one with the most similar name
  'url', // ours
  'linq', // the origin of Linq
  'proxy', // its host and port, without credentials
  'ownToken', // this and the rest: the configuration
  'callers',
  'trustedDocuments',
  'graphiql',
  'introspection',
  'workers',
  'tracing',
]);

/** Of every line of a worker. The allow-list does not see them: nor may they contain such data. docs/operations.md lists them too. */
export const baseFields = ['worker'] as const;

/** Writes one JSON line for each event; fields not on the allow-list are dropped. Workers add their number. */
export function createLog(level: string, destination: DestinationStream = pino.destination(1)): Logger {
  const base: Record<(typeof baseFields)[number], unknown> | null = cluster.isWorker
    ? { worker: cluster.worker?.id }
    : null;
  return pino(
    {
      level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        log: (fields) => Object.fromEntries(Object.entries(fields).filter(([name]) => logFields.has(name))),
      },
    },
    destination,
  );
}

/** Formats the lines for a terminal, in color if it supports it. Loaded only when used. */
export async function readableLines(destination: DestinationStream | number = 1): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  return pretty({ destination, sync: true, singleLine: true, translateTime: 'SYS:HH:MM:ss.l' });
}
