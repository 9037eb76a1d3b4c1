import { GraphQLError } from 'graphql';
import { UpstreamError, type UpstreamFault } from '../datasources/upstream-error.ts';
import { type ErrorCode, errorCodes, isErrorCode } from './codes.ts';
import { type FailureLog, framesOf, type RequestIds, reasonOf } from './failure-log.ts';
import { locationsOf } from './locations.ts';

/** The code of each fault, and the message for what was to be read, such as "the message". */
const publicFaults: Record<UpstreamFault, readonly [ErrorCode, (subject: string) => string]> = {
  'no-token': ['UNAUTHENTICATED', () => 'A Linq token is required: send one in the X-LINQ-INTEGRATION-TOKEN header.'],
  unauthorized: [
    'UNAUTHENTICATED',
    () => 'Linq rejected the token: send another in the X-LINQ-INTEGRATION-TOKEN header.',
  ],
  forbidden: [
    'FORBIDDEN',
    (subject) => `Linq does not let this token read ${subject}. Check the ids, or send another token.`,
  ],
  'rate-limited': [
    'UPSTREAM_RATE_LIMITED',
    () => "Linq's rate limit for this token is reached. Retry after retryAfterMs if it is given, else later.",
  ],
  timeout: ['UPSTREAM_TIMEOUT', (subject) => `Linq did not return ${subject} in time. Retry.`],
  unavailable: ['UPSTREAM_UNAVAILABLE', () => 'Linq is not available at the moment. Retry later.'],
  'bad-response': [
    'UPSTREAM_BAD_RESPONSE',
    (subject) => `Linq returned a response that is not ${requested(subject)}. Report it with the requestId.`,
  ],
  'caller-limited': [
    'RATE_LIMITED',
    () => 'You have reached your rate limit of this gateway. Retry after retryAfterMs.',
  ],
  overloaded: ['OVERLOADED', () => 'The queue of reads is full. Retry shortly.'],
  cancelled: ['OVERLOADED', () => 'The gateway canceled this read. Retry.'],
};

/** Faults that an operator should look at; the others are part of normal operation. */
const warned: ReadonlySet<UpstreamFault> = new Set(['timeout', 'unavailable', 'bad-response', 'overloaded']);

function requested(subject: string): string {
  return subject.replace(/^the /, 'the requested ');
}

/** An error as a client sees it, in the order in which it is printed. */
export interface PublicError {
  readonly message: string;
  readonly locations?: GraphQLError['locations'];
  readonly path?: GraphQLError['path'];
  readonly extensions: Record<string, unknown>;
}

export const internalError = "Internal error. Report it with the requestId, which finds it in the gateway's log.";

export interface PublicErrorOptions {
  /** Whether validation errors suggest similar names of the schema. */
  readonly suggestions: boolean;
}

/** Whether this error of one field refuses the whole operation: then nothing of it was requested from Linq. */
export function refusesAll({ path, extensions }: GraphQLError): boolean {
  const code: unknown = extensions?.['code']; // graphql-jit's errors may have none
  return path !== undefined && code === 'OPERATION_TOO_COSTLY';
}

/** Sorts errors by their place in the data, not by completion, so that identical responses are byte-identical. */
export function inOrder(errors: readonly GraphQLError[], data: unknown): readonly GraphQLError[] {
  if (errors.length < 2) return errors;
  const fields = new Map<object, ReadonlyMap<string, number>>();
  const positions = new Map(errors.map((error) => [error, positionOf(error, data, fields)]));
  return errors.toSorted((a, b) => {
    const [first, second] = [positions.get(a) ?? [], positions.get(b) ?? []];
    const level = first.findIndex((index, level) => index !== second[level]);
    return level < 0 ? 0 : (first[level] ?? 0) - (second[level] ?? 0);
  });
}

/** At each level of the path, the index of the field in its object, or of the entry in its list. */
function positionOf(
  { path = [] }: GraphQLError,
  data: unknown,
  fields: Map<object, ReadonlyMap<string, number>>,
): number[] {
  let value = data;
  return path.map((step) => {
    if (typeof value !== 'object' || value === null) return 0;
    const index = typeof step === 'number' ? step : (indexesOf(value, fields).get(step) ?? -1);
    value = (value as Readonly<Record<string | number, unknown>>)[step];
    return index;
  });
}

function indexesOf(value: object, known: Map<object, ReadonlyMap<string, number>>): ReadonlyMap<string, number> {
  const indexes = known.get(value) ?? new Map(Object.keys(value).map((name, index) => [name, index]));
  known.set(value, indexes);
  return indexes;
}

/**
 * The errors that a client sees, each with a message of ours, a code of the table, `retryable` and `requestId`; where known
 * `retryAfterMs` and `upstream.status`. Anything not meant for a client is logged and becomes INTERNAL_SERVER_ERROR. A failure
 * is logged once, in however many places it shows.
 */
export function publicErrors(
  errors: readonly GraphQLError[],
  ids: RequestIds,
  log: FailureLog,
  options: PublicErrorOptions,
): PublicError[] {
  const known = new Map<Error, Description>();
  return errors.map((error) => {
    const cause = rootCause(error);
    // The error of a whole request is described by itself: it may set the status.
    const before = error.path === undefined ? undefined : known.get(cause);
    const { message, extensions } = before ?? describe(error, cause, ids, log, options);
    if (error.path !== undefined) known.set(cause, { message, extensions });
    const locations = error.locations ?? locationsOf(error.nodes);
    return { message, ...(locations && { locations }), ...(error.path && { path: error.path }), extensions };
  });
}

/** One of `publicErrors`. */
export function publicError(
  error: GraphQLError,
  ids: RequestIds,
  log: FailureLog,
  options: PublicErrorOptions,
): PublicError {
  return publicErrors([error], ids, log, options)[0] as PublicError;
}

type Description = Pick<PublicError, 'message' | 'extensions'>;

function describe(
  error: GraphQLError,
  cause: Error,
  { requestId, traceId }: RequestIds,
  log: FailureLog,
  { suggestions }: PublicErrorOptions,
): Description {
  const described = (code: ErrorCode, message: string, more: object, http?: object): Description => ({
    message: message.length > 1_000 ? `${message.slice(0, 1_000)}…` : message,
    extensions: {
      code,
      retryable: errorCodes[code].retryable,
      requestId,
      ...more,
      // Sets the status of a request refused as a whole (`spec`: only for clients that accept
      // application/graphql-response+json, else it is 200); the error of one field must never set it.
      ...(http && error.path === undefined && { http }),
    },
  });
  if (cause instanceof UpstreamError) {
    const { fault, status, retryAfterMs, route } = cause;
    const [code, messageFor] = publicFaults[fault];
    const level = warned.has(fault) ? 'warn' : 'debug';
    log[level](
      { requestId, traceId, route: route?.template, fault, status, reason: reasonOf(cause) },
      'a read of Linq failed',
    );
    return described(code, messageFor(route?.subject ?? 'the data'), {
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      ...(status !== undefined && { upstream: { status } }),
    });
  }
  if (cause instanceof RangeError && error.path === undefined && cause.message.includes('call stack')) {
    // The stack of the parser, or of a validation rule, overflowed because of the document.
    const message = 'The document is nested too deeply: request fewer levels.';
    return described('GRAPHQL_PARSE_FAILED', message, {}, { status: 400, spec: true });
  }
  const code = cause instanceof GraphQLError ? codeOf(error) : undefined;
  if (code !== undefined) {
    const message = suggestions ? error.message : error.message.replace(/ Did you mean .*$/s, '');
    const http = { status: 400, ...(error.extensions['http'] ?? {}), spec: code !== 'BAD_REQUEST' };
    return described(code, message, {}, http);
  }
  // Without the message: it may quote private data.
  log.error({ requestId, traceId, error: cause.name, frames: framesOf(cause) }, 'internal error');
  return described('INTERNAL_SERVER_ERROR', internalError, {}, { status: 500 });
}

function rootCause(error: GraphQLError): Error {
  const original = error.originalError;
  if (original instanceof GraphQLError) return rootCause(original);
  return original ?? error;
}

function codeOf({ extensions, path }: GraphQLError): ErrorCode | undefined {
  const code = extensions['code'];
  if (code === undefined) return path === undefined ? 'BAD_USER_INPUT' : undefined; // a variable of the wrong type
  if (code === 'REQUEST_ENTITY_TOO_LARGE' || code === 'OPERATION_RESOLUTION_FAILURE') return 'BAD_REQUEST'; // Yoga's codes
  return isErrorCode(code) ? code : undefined;
}
