/** Checks that a server's response to an operation is right, and prepares the check of the responses under load. */
import { isDeepStrictEqual } from 'node:util';
import { firstId, largeIds, type Operation } from './operations.ts';
import type { Server } from './processes.ts';

/** What separates ids of consecutive messages in a text. */
export interface Template {
  readonly pieces: readonly string[];
  /** Of the id that follows each piece but the last, from the request's first id. */
  readonly offsets: readonly number[];
}

/** A server that has returned the right response to an operation: only these can be measured. */
export interface Verified {
  readonly server: Server;
  readonly operation: Operation;
  readonly request: Template;
  readonly response: Template;
}

let block = 0;

export function idsOf({ ids, messages }: Operation): number {
  return ids ?? messages;
}

/** The first of a million ids that no earlier load used; large messages have the same ones each time. */
export function nextIds({ chatId }: Operation): number {
  if (chatId === '4') return firstId;
  return firstId + (block++ % 1_000) * 1_000_000;
}

/** The body or response for the messages from `first` on. */
export function render({ pieces, offsets }: Template, first: number): string {
  return pieces.map((piece, index) => piece + (index < offsets.length ? first + (offsets[index] ?? 0) : '')).join('');
}

/** Throws unless the response is exactly the expected one. Undefined when the server does not support the operation. */
export async function verify(server: Server, operation: Operation): Promise<Verified | undefined> {
  const tailcall = server.name === 'tailcall';
  if (operation.without?.includes(server.name)) return undefined;
  // Linq's body has no chat id, and Tailcall returns nothing else.
  const query = tailcall ? operation.query.replaceAll('chatId id text', 'id text') : operation.query;
  const first = nextIds(operation);
  const ids = Array.from({ length: idsOf(operation) }, (_, index) => `${first + index}`);
  const body = JSON.stringify({ query, variables: operation.variables(ids) });
  const response = await fetch(server.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  const text = await response.text();
  const expected = { data: operation.data(ids) };
  const equal = tailcall
    ? isDeepStrictEqual(forTailcall(parsed(text)), forTailcall(expected))
    : isDeepStrictEqual(parsed(text), expected);
  if (response.status !== 200 || !equal) {
    throw new Error(
      `${server.name} returns ${response.status} with a wrong response to ${operation.name}:\n${text.slice(0, 2_000)}\nexpected:\n${JSON.stringify(expected).slice(0, 2_000)}`,
    );
  }
  return { server, operation, request: template(body, ids), response: template(text, ids) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Without chat ids, and with the ids that Tailcall returns as numbers. */
function forTailcall(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(forTailcall);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'chatId')
      .map(([name, item]) => [name, /^id$|Id$/.test(name) ? `${item}` : forTailcall(item)]),
  );
}

function template(text: string, ids: readonly string[]): Template {
  const parts = text.split(new RegExp(`(${ids.join('|')})`));
  const [first] = ids;
  return {
    pieces: parts.filter((_, index) => index % 2 === 0),
    offsets: parts.filter((_, index) => index % 2 === 1).map((id) => Number(id) - Number(first)),
  };
}

/**
 * Checks a response under load: its length, start and end, and every byte of one response in 16, whose first id must be
 * one of this load's.
 */
export function checker({ operation, response }: Verified, start: number): (body: string) => boolean {
  const length = Buffer.byteLength(render(response, start));
  const head = response.pieces[0] ?? '';
  const tail = response.pieces.at(-1) ?? '';
  let seen = 0;
  return (body) => {
    if (Buffer.byteLength(body) !== length || !body.startsWith(head) || !body.endsWith(tail)) return false;
    if (seen++ % 16 > 0) return true;
    const first = Number(body.slice(head.length, head.length + 10)) - (response.offsets[0] ?? 0);
    const belongs = operation.chatId === '4' ? first < start + largeIds : (first - start) % idsOf(operation) === 0;
    return first >= start && belongs && render(response, first) === body;
  };
}
