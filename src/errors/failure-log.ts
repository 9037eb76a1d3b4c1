/** The part of a logger that failures are written to. */
export interface FailureLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Identifies, in each log line, the request that caused it. */
export interface RequestIds {
  readonly requestId: string;
  /** From the caller's `traceparent`, or the gateway's own where it traces. */
  readonly traceId?: string | undefined;
}

/** Where an error was thrown, without its message, which may quote private data. */
export function framesOf({ stack = '' }: { readonly stack?: string | undefined }): string[] {
  return stack
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .map((line) => line.trim());
}

/** The error code of the cause, from Node, undici or a proxy, such as ECONNREFUSED, without its message. */
export function reasonOf({ cause }: Error): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
}
