export interface GatewayResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The `data` of a GraphQL response, otherwise empty. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The `errors` of a GraphQL response, otherwise empty. */
  readonly errors: readonly Readonly<Record<string, unknown>>[];
  /** The `extensions.code` of each error. */
  readonly codes: readonly unknown[];
  /** When the request was sent, in milliseconds since 1970. */
  readonly sentAt: number;
  /** When the response had arrived completely, in milliseconds since 1970. */
  readonly receivedAt: number;
}

/** Reads the GraphQL parts of a response body. All are empty when it has none. */
export function readGraphQL(text: string): Pick<GatewayResponse, 'data' | 'errors' | 'codes'> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // Not JSON, so not GraphQL.
  }
  const { data, errors } = asRecord(body);
  const all = Array.isArray(errors) ? errors.map(asRecord) : [];
  return { data: asRecord(data), errors: all, codes: all.map(({ extensions }) => asRecord(extensions)['code']) };
}

/** Returns a value from the gateway for the report, but only when it is a plain word: other text may contain a secret. */
export function reportable(value: unknown): string {
  return typeof value === 'string' && /^\w{1,40}$/.test(value) ? value : '(omitted)';
}

/** Returns the value as an object with readable properties; empty when it is not an object. */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
