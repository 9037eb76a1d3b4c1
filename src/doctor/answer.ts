export interface Answer {
  /** What was asked, for a report: method and path, without parameters. */
  readonly to: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The `data` of a GraphQL answer; empty where it has none. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The `errors` of a GraphQL answer; empty where it has none. */
  readonly errors: readonly Readonly<Record<string, unknown>>[];
  /** Their `extensions.code`. */
  readonly codes: readonly unknown[];
  /** When the question left and when the answer was there, in milliseconds since 1970. */
  readonly between: readonly [number, number];
}

/** What an answer holds of GraphQL, whatever else it holds. */
export function graphqlIn(text: string): Pick<Answer, 'data' | 'errors' | 'codes'> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // No JSON, so nothing of GraphQL.
  }
  const { data, errors } = record(body);
  const all = Array.isArray(errors) ? errors.map(record) : [];
  return { data: record(data), errors: all, codes: all.map(({ extensions }) => record(extensions)['code']) };
}

/** What a gateway made up, where it is a word that may be told; anything else might be more than that. */
export function word(value: unknown): string {
  return typeof value === 'string' && /^\w{1,40}$/.test(value) ? value : '(no word)';
}

/** Whatever it is, as an object whose properties can be looked at. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
