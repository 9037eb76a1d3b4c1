import { record } from './answer.ts';
import type { GatewayAddress } from './gateway-address.ts';
import type { HttpClient } from './http-client.ts';

/** What decides which checks make sense. */
export interface FirstLook {
  /** What became of `{ __typename }`, sent with the credential where there is one. */
  readonly operations: 'answered' | 'trusted documents alone' | 'credential needed' | 'refused';
  /** Its status. */
  readonly status: number;
  /** How long an answer takes that needs nothing of Linq, in milliseconds: the median of five. */
  readonly latencyMs: number;
  /** What somebody without a credential may do. */
  readonly anybody: 'nothing' | 'bring a token' | "use the gateway's token" | 'send trusted documents' | 'unclear';
}

/** A message to read, as a proof that Linq answers. */
export interface MessageToRead {
  readonly chatId: string;
  readonly id: string;
  /** Undefined leaves it to the gateway's own. */
  readonly linqToken: string | undefined;
}

/** All that a check is told. */
export interface Target extends GatewayAddress, HttpClient, FirstLook {
  readonly message: MessageToRead | undefined;
}

/** Where there is no gateway to look at; the message says what is there instead. */
export class NoGateway extends Error {
  override readonly name = 'NoGateway';
}

/** The largest id there is. Nobody has it, so a read of it costs Linq one 404. */
const nobodys = '9223372036854775807';
export const readNobodys = `{ chatMessage(chatId: "${nobodys}", id: "${nobodys}") { id } }`;

/** Throws `NoGateway`, and whatever the network throws. */
export async function lookFirst(client: HttpClient): Promise<FirstLook> {
  const first = await client.post('{ __typename }');
  const { location } = first.headers;
  if (location !== undefined && first.status >= 300 && first.status < 400) {
    const origin = URL.parse(location)?.origin ?? 'another path';
    throw new NoGateway(`it redirects to ${origin}: give the address that it redirects to`);
  }
  if (Object.keys(first.data).length === 0 && first.errors.length === 0) {
    throw new NoGateway(`no GraphQL there (${first.status}): give the address whose /graphql is the gateway's`);
  }
  const operations =
    first.data['__typename'] === 'Query'
      ? 'answered'
      : first.status === 401
        ? 'credential needed'
        : first.status === 400 && first.codes[0] === 'BAD_REQUEST' // nothing else is wrong with it
          ? 'trusted documents alone'
          : 'refused';
  const times = [first];
  while (times.length < 5) times.push(await client.post('{ __typename }'));
  const [, , latencyMs = 0] = times.map(({ between: [from, to] }) => to - from).toSorted((a, b) => a - b);
  return { operations, status: first.status, latencyMs, anybody: await lookAsAnybody(client) };
}

async function lookAsAnybody(client: HttpClient): Promise<FirstLook['anybody']> {
  const { status, codes, errors, data } = await client.post(readNobodys, { anonymous: true });
  if (status === 401) return 'nothing';
  if (status === 400 && codes[0] === 'BAD_REQUEST') return 'send trusted documents';
  if (!('chatMessage' in data)) return 'unclear';
  const askedLinq = errors.some(({ extensions }) => record(extensions)['upstream'] !== undefined);
  return codes[0] === 'UNAUTHENTICATED' && !askedLinq ? 'bring a token' : "use the gateway's token";
}
