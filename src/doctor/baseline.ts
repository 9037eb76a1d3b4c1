import type { GatewayAddress } from './gateway-address.ts';
import { asRecord } from './gateway-response.ts';
import type { HttpClient } from './http-client.ts';

/** How the gateway responds to simple operations. Decides which checks apply. */
export interface Baseline {
  /** The outcome of `{ __typename }`, sent with the credential if one is given. */
  readonly operations: 'executed' | 'trusted documents only' | 'credential required' | 'refused';
  /** The HTTP status of that response. */
  readonly status: number;
  /** Response time of an operation that needs no request to Linq, in milliseconds: the median of five. */
  readonly latencyMs: number;
  /** What a caller without a credential can do. */
  readonly anonymousAccess:
    | 'none'
    | 'read with own token'
    | "read with the gateway's token"
    | 'send trusted documents'
    | 'unclear';
}

/** A message to read, to verify that Linq responds. */
export interface MessageToRead {
  readonly chatId: string;
  readonly id: string;
  /** Undefined: the gateway uses its own token. */
  readonly linqToken: string | undefined;
}

/** The gateway under test: everything that a check receives. */
export interface Target extends GatewayAddress, HttpClient, Baseline {
  readonly message: MessageToRead | undefined;
}

/** There is no gateway at the address; the message says what was found instead. */
export class GatewayNotFoundError extends Error {
  override readonly name = 'GatewayNotFoundError';
}

/** No message has the largest possible id, so reading it costs Linq one 404. */
const largestId = '9223372036854775807';
const missingMessageQuery = `{ chatMessage(chatId: "${largestId}", id: "${largestId}") { id } }`;

/** Throws `GatewayNotFoundError`, or the network error. */
export async function measureBaseline(client: HttpClient): Promise<Baseline> {
  const first = await client.post('{ __typename }');
  const { location } = first.headers;
  if (location !== undefined && first.status >= 300 && first.status < 400) {
    const origin = URL.parse(location)?.origin ?? 'another path';
    throw new GatewayNotFoundError(`it redirects to ${origin}. Use the address that it redirects to.`);
  }
  if (Object.keys(first.data).length === 0 && first.errors.length === 0) {
    throw new GatewayNotFoundError(
      `the response is not GraphQL (${first.status}). Use the address that serves the gateway's /graphql.`,
    );
  }
  const operations =
    first.data['__typename'] === 'Query'
      ? 'executed'
      : first.status === 401
        ? 'credential required'
        : first.status === 400 && first.codes[0] === 'BAD_REQUEST' // the request is otherwise valid
          ? 'trusted documents only'
          : 'refused';
  const responses = [first];
  while (responses.length < 5) responses.push(await client.post('{ __typename }'));
  const [, , latencyMs = 0] = responses.map(({ sentAt, receivedAt }) => receivedAt - sentAt).toSorted((a, b) => a - b);
  return { operations, status: first.status, latencyMs, anonymousAccess: await readAnonymousAccess(client) };
}

async function readAnonymousAccess(client: HttpClient): Promise<Baseline['anonymousAccess']> {
  const { status, codes, errors, data } = await client.post(missingMessageQuery, { anonymous: true });
  if (status === 401) return 'none';
  if (status === 400 && codes[0] === 'BAD_REQUEST') return 'send trusted documents';
  if (!('chatMessage' in data)) return 'unclear';
  const reachedLinq = errors.some(({ extensions }) => asRecord(extensions)['upstream'] !== undefined);
  return codes[0] === 'UNAUTHENTICATED' && !reachedLinq ? 'read with own token' : "read with the gateway's token";
}
