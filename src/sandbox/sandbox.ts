import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { magicChats, sendError, sendJson } from './magic-chats.ts';
import { findMessage, messageJson } from './messages.ts';

export interface SandboxCall {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Sandbox extends AsyncDisposable {
  /** Scheme, host and port: what LINQ_API_URL is set to. */
  readonly origin: string;
}

/**
 * Starts an emulator of Linq's Partner API V2 on a free loopback port. Chat 1 holds the documented example and its
 * variations, chat 2 answers for every id from 1 to 1,000,000, the magic chats show every failure.
 * Written from Linq's documentation alone: it shares no code with the client, so that a misreading of one is caught by
 * the other. `onCall` sees every call before it is answered.
 */
export async function startSandbox(onCall: (call: SandboxCall) => void = () => {}): Promise<Sandbox> {
  const attempts = new Attempts();
  const server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request;
    onCall({ method, path, headers });
    answer(request, response, attempts);
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

/** 401 before 404 before 200, as is likely for Linq. */
function answer({ method, url = '', headers }: IncomingMessage, response: ServerResponse, attempts: Attempts): void {
  const [, chatId = '', id = ''] = (method === 'GET' && route.exec(url)) || [];
  const behaviour = magicChats.get(chatId);
  const message = findMessage(chatId, id);
  if (!headers['x-linq-integration-token']) {
    sendError(response, 401, 'unauthorized', 'Unauthorized', 'Unauthorized');
  } else if (behaviour !== undefined) {
    behaviour(response, id, attempts.next(`${chatId}/${id}`));
    if (response.statusCode === 200) attempts.forget(`${chatId}/${id}`);
  } else if (message !== null) {
    sendJson(response, 200, messageJson(message));
  } else {
    const detail = chatId === '1' || chatId === '2' ? 'Chat message not found' : 'Chat not found';
    sendError(response, 404, 'not_found', 'Not Found', detail);
  }
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
