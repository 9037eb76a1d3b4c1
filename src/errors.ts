import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { UpstreamError, type UpstreamFault } from './datasources/upstream-error.ts';
import { withAdvice } from './errors/client-errors.ts';
import type { FailureLog } from './errors/failure-log.ts';
import type { ServerContext } from './http/request-id.ts';
import type { RequestIds } from './telemetry/request-record.ts';

/** Every `extensions.code` that a client can meet. The set is closed, and part of the API. */
export const errorCodes = {
  BAD_USER_INPUT: { retryable: false },
  UNAUTHENTICATED: { retryable: false },
  FORBIDDEN: { retryable: false },
  UPSTREAM_RATE_LIMITED: { retryable: true },
  UPSTREAM_TIMEOUT: { retryable: true },
  UPSTREAM_UNAVAILABLE: { retryable: true },
  UPSTREAM_BAD_RESPONSE: { retryable: false },
  OVERLOADED: { retryable: true },
  OPERATION_TOO_COSTLY: { retryable: false },
  GRAPHQL_PARSE_FAILED: { retryable: false },
  GRAPHQL_VALIDATION_FAILED: { retryable: false },
  BAD_REQUEST: { retryable: false },
  INTERNAL_SERVER_ERROR: { retryable: false },
} as const;

export type ErrorCode = keyof typeof errorCodes;

interface PublicFault {
  readonly code: ErrorCode;
  readonly message: string;
  /** `warn` is for what an operator must look at; the rest is an answer, not an incident. */
  readonly level: 'warn' | 'debug';
}

const publicFaults: Record<UpstreamFault, PublicFault> = {
  'no-token': {
    code: 'UNAUTHENTICATED',
    message: 'No Linq token to read with: send one in the X-LINQ-INTEGRATION-TOKEN header.',
    level: 'debug',
  },
  unauthorized: {
    code: 'UNAUTHENTICATED',
    message: 'Linq did not accept the token: send another in the X-LINQ-INTEGRATION-TOKEN header.',
    level: 'debug',
  },
  forbidden: {
    code: 'FORBIDDEN',
    message: 'Linq does not let this token read the message: check the chatId, or send another token.',
    level: 'debug',
  },
  'rate-limited': {
    code: 'UPSTREAM_RATE_LIMITED',
    message: 'Linq limits how often this token may read. Wait, retryAfterMs if that is given, then ask again.',
    level: 'debug',
  },
  timeout: { code: 'UPSTREAM_TIMEOUT', message: 'Linq did not answer in time. Ask again.', level: 'warn' },
  unavailable: {
    code: 'UPSTREAM_UNAVAILABLE',
    message: 'Linq cannot be read from at the moment. Ask again later.',
    level: 'warn',
  },
  'bad-response': {
    code: 'UPSTREAM_BAD_RESPONSE',
    message: 'Linq answered with something that is not the message asked for. Report it with the requestId.',
    level: 'warn',
  },
  overloaded: {
    code: 'OVERLOADED',
    message: 'Too many reads are waiting for Linq. Ask again in a moment.',
    level: 'warn',
  },
  cancelled: { code: 'OVERLOADED', message: 'The gateway ended this read early. Ask again.', level: 'debug' },
};

/** What a client sees of an error, in the order in which it is printed. */
export interface PublicError {
  readonly message: string;
  readonly locations?: GraphQLError['locations'];
  readonly path?: GraphQLError['path'];
  readonly extensions: Record<string, unknown>;
}

export const internalError =
  'Internal error. Report it with the requestId: the log of the gateway tells more under it.';

interface PublicErrorOptions {
  /** Whether a mistake is answered with names of the schema that come near it. */
  readonly suggestions: boolean;
}

/** Puts every error of a result through `publicError`, whether it comes from one field or refuses the whole request. */
export function usePublicErrors(log: FailureLog, options: PublicErrorOptions): Plugin<object, ServerContext> {
  return {
    onResultProcess({ result, setResult, serverContext: { record } }) {
      if (Array.isArray(result) || Symbol.asyncIterator in result) return;
      if (!result.errors?.length) return record.note(true, []);
      const toPublic = (error: GraphQLError) => {
        const { message, extensions } = publicError(error, record, log, options);
        const { nodes, source, positions, path } = error;
        return new GraphQLError(message, { nodes, source, positions, path, extensions });
      };
      const refusing = result.errors.find(refusesAll);
      if (refusing !== undefined) {
        const errors = [toPublic(new GraphQLError(refusing.message, { extensions: refusing.extensions }))];
        record.note(false, errors);
        setResult({ errors });
      } else {
        const errors = inOrder(result.errors, result.data).map(toPublic);
        record.note(Boolean(result.data), errors);
        setResult({ ...result, errors });
      }
    },
  };
}

/** Whether what one field failed with refuses the whole operation: none of it was asked of Linq. */
export function refusesAll({ path, extensions }: GraphQLError): boolean {
  const code: unknown = extensions?.['code']; // graphql-jit's errors may have none
  return path !== undefined && code === 'OPERATION_TOO_COSTLY';
}

/** The errors of an answer in the order of its fields, not in that of their failing: the same answer, the same text. */
export function inOrder(errors: readonly GraphQLError[], data: unknown): readonly GraphQLError[] {
  if (errors.length < 2 || typeof data !== 'object' || data === null) return errors;
  const place = new Map(Object.keys(data).map((name, index) => [name, index]));
  return errors.toSorted(({ path: a = [] }, { path: b = [] }) => {
    const byField = (place.get(String(a[0])) ?? 0) - (place.get(String(b[0])) ?? 0);
    return byField || Number(a[1] ?? 0) - Number(b[1] ?? 0);
  });
}

/** The body of a request that is refused before Yoga reads it. */
export function refusal(code: ErrorCode, message: string, requestId: string): string {
  return JSON.stringify({
    errors: [{ message, extensions: { code, retryable: errorCodes[code].retryable, requestId } }],
  });
}

/**
 * The error a client sees: our words, a code of the table, `retryable` and `requestId`; where known `retryAfterMs` and
 * `upstream.status`. Whatever is not meant for a client is logged and becomes INTERNAL_SERVER_ERROR.
 */
export function publicError(
  error: GraphQLError,
  { requestId, traceId }: RequestIds,
  log: FailureLog,
  { suggestions }: PublicErrorOptions,
): PublicError {
  const cause = rootCause(error);
  if (cause instanceof UpstreamError) {
    const { fault, status, retryAfterMs } = cause;
    const { code, message, level } = publicFaults[fault];
    log[level]({ requestId, traceId, fault, status, reason: reasonOf(cause) }, 'a read of Linq failed');
    return describe(error, message, {
      code,
      retryable: errorCodes[code].retryable,
      requestId,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      ...(status !== undefined && { upstream: { status } }),
    });
  }
  if (cause instanceof RangeError && error.path === undefined && cause.message.includes('call stack')) {
    // The stack of the parser, or of a validation rule: the document did it.
    return describe(error, 'The document is nested too deeply to be read: ask for fewer levels.', {
      code: 'GRAPHQL_PARSE_FAILED',
      retryable: false,
      requestId,
      http: { status: 400, spec: true },
    });
  }
  const code = cause instanceof GraphQLError ? codeOf(error) : undefined;
  if (code !== undefined) {
    const http = { status: 400, ...(error.extensions['http'] ?? {}), spec: code !== 'BAD_REQUEST' };
    const words = suggestions ? error.message : error.message.replace(/ Did you mean .*$/s, '');
    return describe(error, withAdvice(words), { code, retryable: errorCodes[code].retryable, requestId, http });
  }
  // Not the message: it may quote what nobody may read.
  log.error({ requestId, traceId, error: cause.name, frames: framesOf(cause) }, 'internal error');
  return describe(error, internalError, {
    code: 'INTERNAL_SERVER_ERROR',
    retryable: false,
    requestId,
    http: { status: 500 },
  });
}

/**
 * `http` is how Yoga is told the status of a request refused as a whole (`spec`: only where the client accepts
 * application/graphql-response+json, 200 otherwise); one field's error must never set it.
 */
function describe(
  { locations, path }: GraphQLError,
  message: string,
  { http, ...extensions }: Record<string, unknown>,
): PublicError {
  return {
    message: message.length > 1_000 ? `${message.slice(0, 1_000)}…` : message,
    ...(locations && { locations }),
    ...(path && { path }),
    extensions: path === undefined && http !== undefined ? { ...extensions, http } : extensions,
  };
}

function rootCause(error: GraphQLError): Error {
  const original = error.originalError;
  if (original instanceof GraphQLError) return rootCause(original);
  return original ?? error;
}

function codeOf({ extensions, path }: GraphQLError): ErrorCode | undefined {
  const code = extensions['code'];
  if (code === undefined) return path === undefined ? 'BAD_USER_INPUT' : undefined; // a variable that does not fit its type
  if (code === 'REQUEST_ENTITY_TOO_LARGE' || code === 'OPERATION_RESOLUTION_FAILURE') return 'BAD_REQUEST'; // Yoga's words
  return typeof code === 'string' && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : undefined;
}

/** The error code of Node or undici, such as ECONNREFUSED: what an operator needs, without the words around it. */
function reasonOf({ cause }: Error): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
}

/** Where an error came from, without its message, which may quote what nobody may read. */
export function framesOf({ stack = '' }: { readonly stack?: string | undefined }): string[] {
  return stack
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .map((line) => line.trim());
}
