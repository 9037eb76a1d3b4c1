/** Errors for a client's own mistakes, thrown where the mistake is found. */
import type { GraphQLError } from 'graphql';
import type { ErrorCode } from './codes.ts';
import { lightError } from './light-error.ts';

function clientError(message: string, code: ErrorCode, extensions: object = {}): GraphQLError {
  return lightError({ message, extensions: { code, ...extensions } });
}

/** One field's argument is invalid; its siblings are not affected. */
export function badUserInput(message: string): GraphQLError {
  return clientError(message, 'BAD_USER_INPUT');
}

/** Ends a stream, or refuses it before it begins. */
export function forbidden(message: string): GraphQLError {
  return clientError(message, 'FORBIDDEN');
}

/** Ends a stream whose credential is not valid any more. */
export function unauthenticated(message: string): GraphQLError {
  return clientError(message, 'UNAUTHENTICATED');
}

/** Refuses a stream before it begins, with status 503. */
export function overloaded(message: string): GraphQLError {
  return clientError(message, 'OVERLOADED', { http: { status: 503 } });
}

/** Refuses the whole request, with this HTTP status whatever the client accepts. */
export function badRequest(message: string, status = 400): GraphQLError {
  return clientError(message, 'BAD_REQUEST', { http: { status } });
}

/**
 * Clients branch on the code or on this very message, and then send the query along. 200 whatever the client accepts: Apollo iOS
 * reads no other response.
 */
export function persistedQueryNotFound(): GraphQLError {
  return clientError('PersistedQueryNotFound', 'PERSISTED_QUERY_NOT_FOUND', { http: { status: 200 } });
}

/** Refuses the whole operation. `variable` is the one that sets the limit. */
export function tooCostly(found: number, what: string, limit: number, variable?: string): GraphQLError {
  const setBy = variable === undefined ? '' : ` (${variable})`;
  const message = `The operation has ${found} ${what}; the limit is ${limit}${setBy}. Ask for less at once.`;
  return clientError(message, 'OPERATION_TOO_COSTLY');
}

/** Refuses the whole operation, when everything was read and before its response takes memory. */
export function responseTooLarge(maxBytes: number): { readonly message: string; readonly code: ErrorCode } {
  const message = `The response has more than ${maxBytes} bytes (MAX_RESPONSE_BYTES). Ask for less at once.`;
  return { message, code: 'OPERATION_TOO_COSTLY' };
}
