import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { findMessage, messageJson } from './messages.ts';
import { magicChats, sendError, sendJson, sendRateLimited, troubles } from './scenarios.ts';

export interface SandboxCall {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Sandbox extends AsyncDisposable {
  /** Scheme, host and port: what LINQ_API_URL is set to. */
  readonly origin: string;
}

export interface SandboxOptions {
  /** Sees every call before it is answered. */
  readonly onCall?: (call: SandboxCall) => void;
  /** Weather, for the chats that are not magic: a delay in milliseconds, drawn evenly from these two, */
  readonly latencyMs?: readonly [least: number, most: number];
  /** the share of calls that meet one of `troubles`, from 0 to 1, */
  readonly troubleShare?: number;
  /** and the calls a second beyond which a token is rate limited. */
  readonly requestsPerSecond?: number;
  /** Put at the end of every text of chat 2, so that it can be told whose token fetched it. */
  readonly signature?: (token: string) => string;
}

/**
 * Starts an emulator of Linq's Partner API V2 on a free loopback port. Chat 1 holds the documented example and its
 * variations, chat 2 answers for every id from 1 to 1,000,000, the magic chats show every failure.
 * Written from Linq's documentation alone: it shares no code with the client, so that a misreading of one is caught by
 * the other.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { onCall, latencyMs: [least, most] = [0, 0], troubleShare = 0, requestsPerSecond, signature } = options;
  const attempts = new Attempts();
  const second = new Map<string, number>(); // calls in the current second, by token
  const server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request;
    const token = String(headers['x-linq-integration-token'] ?? '');
    onCall?.({ method, path, headers });
    const calls = (second.get(token) ?? 0) + 1;
    if (requestsPerSecond !== undefined) {
      if (second.size === 0) setTimeout(() => second.clear(), 1_000).unref();
      second.set(token, calls);
    }
    const respond = () => {
      const [, chatId = '', id = ''] = (method === 'GET' && route.exec(path)) || [];
      const magic = magicChats.get(chatId);
      if (token === '') {
        sendError(response, 401, 'unauthorized', 'Unauthorized', 'Unauthorized');
      } else if (magic !== undefined) {
        magic(response, id, attempts.next(`${chatId}/${id}`));
        if (response.statusCode === 200) attempts.forget(`${chatId}/${id}`);
      } else if (calls > (requestsPerSecond ?? calls)) {
        sendRateLimited(response, 1);
      } else if (Math.random() < troubleShare) {
        troubles[Math.floor(Math.random() * troubles.length)]?.(response, id, 1);
      } else {
        sendKnown(response, chatId, id, signature?.(token));
      }
    };
    if (most === 0) respond();
    else setTimeout(respond, least + Math.random() * (most - least));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections(); // some behaviours never end by themselves
      await once(server, 'close');
    },
  };
}

const route = /^\/api\/partner\/v2\/chats\/(\d+)\/chat_messages\/(\d+)$/;

function sendKnown(response: ServerResponse, chatId: string, id: string, signature = ''): void {
  const message = findMessage(chatId, id);
  if (message !== null) {
    const text = chatId === '2' ? `${message.text ?? ''}${signature}` : message.text;
    return void sendJson(response, 200, messageJson(signature ? { ...message, text: text ?? null } : message));
  }
  const detail = chatId === '1' || chatId === '2' ? 'Chat message not found' : 'Chat not found';
  sendError(response, 404, 'not_found', 'Not Found', detail);
}

/** How often a message was asked for since it was last answered. Bounded: the oldest are forgotten. */
class Attempts {
  readonly #counts = new Map<string, number>();

  next(key: string): number {
    const attempt = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.delete(key);
    this.#counts.set(key, attempt);
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > 10_000 && oldest !== undefined) this.#counts.delete(oldest);
    return attempt;
  }

  forget(key: string): void {
    this.#counts.delete(key);
  }
}
