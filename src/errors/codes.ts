/** Every `extensions.code` that a client can receive. The set is closed, and part of the API. */
export const errorCodes = {
  BAD_USER_INPUT: { retryable: false },
  UNAUTHENTICATED: { retryable: false },
  FORBIDDEN: { retryable: false },
  UPSTREAM_RATE_LIMITED: { retryable: true },
  UPSTREAM_TIMEOUT: { retryable: true },
  UPSTREAM_UNAVAILABLE: { retryable: true },
  UPSTREAM_BAD_RESPONSE: { retryable: false },
  OVERLOADED: { retryable: true },
  RATE_LIMITED: { retryable: true },
  PERSISTED_QUERY_NOT_FOUND: { retryable: false },
  OPERATION_TOO_COSTLY: { retryable: false },
  GRAPHQL_PARSE_FAILED: { retryable: false },
  GRAPHQL_VALIDATION_FAILED: { retryable: false },
  BAD_REQUEST: { retryable: false },
  INTERNAL_SERVER_ERROR: { retryable: false },
} as const;

export type ErrorCode = keyof typeof errorCodes;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code);
}
