import { type ErrorCode, errorCodes } from './codes.ts';

/** The response to a request that is refused as a whole. */
export interface Rejection {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The body of a request that is refused before Yoga reads it. */
export function rejectionBody({ code, message }: Rejection, requestId: string): string {
  return JSON.stringify({
    errors: [{ message, extensions: { code, retryable: errorCodes[code].retryable, requestId } }],
  });
}
