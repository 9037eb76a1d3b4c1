/** How any of these clients reaches the gateway. */
export interface GatewayOptions {
  /** Such as `http://127.0.0.1:4000/graphql`. */
  readonly url: string;
  /**
   * `authorization` where the gateway is closed, `x-linq-integration-token` where users have Linq tokens of their own.
   * Called for each request, also one that is sent again: a JWT is renewed while the page is open.
   */
  readonly headers?: () => Record<string, string>;
}

export interface DocumentOptions {
  /** Whether documents are sent by their ids alone, for a gateway with TRUSTED_DOCUMENTS. */
  readonly byId?: boolean;
}

/** An error as the gateway answers it. */
export interface GatewayError {
  readonly message: string;
  readonly path?: readonly (string | number)[] | undefined;
  /** `code`, `retryable`, `requestId`, and where known `retryAfterMs` and `upstream.status`. */
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** What takes longer is shown to the user instead of waited for. In milliseconds. */
const longestMs = 10_000;

/**
 * How long to wait before an operation is worth sending again, in milliseconds. Undefined where that would not help, or
 * not soon: the errors are then for the user. The gateway has retried by itself what passes quickly: once more is enough.
 */
export function retryDelay(errors: readonly GatewayError[] = []): number | undefined {
  const waits = errors
    .filter(({ extensions }) => extensions?.['retryable'] === true)
    .map(({ extensions }) => Number(extensions?.['retryAfterMs'] ?? 0));
  if (waits.length === 0) return undefined;
  const ms = Math.max(...waits) + 100 + Math.random() * 200; // not at the same moment as everybody else
  return ms <= longestMs ? ms : undefined;
}

/** The id that graphql-codegen gave a document; throws where it gave none. */
export function idOf(document: object): string {
  const { __meta__: meta } = document as { __meta__?: { hash?: string } };
  if (meta?.hash === undefined)
    throw new Error('The document has no id: graphql-codegen makes one with `persistedDocuments`.');
  return meta.hash;
}
