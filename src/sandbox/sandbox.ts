import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chatBodies, chatJson, findChat } from './chats.ts';
import { LiveChat } from './live-chat.ts';
import {
  findTimeline,
  type ListQuirks,
  listBodies,
  listJson,
  listMessages,
  listParameters,
  type Timeline,
} from './message-list.ts';
import { findMessage, messageBodies, messageJson } from './messages.ts';
import { failures, scenarios, sendError, sendJson, sendRateLimited } from './scenarios.ts';
import { sendWebhook, type WebhookTarget } from './webhook-sender.ts';

export interface SandboxCall {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Sandbox extends AsyncDisposable {
  /** Scheme, host and port: the value for LINQ_API_URL. */
  readonly origin: string;
  /** From now on something happens in chat 3 every five seconds, for a minute and as long as a stream is open. */
  startLive(target: WebhookTarget, isWatched: () => boolean): void;
}

/** In milliseconds. */
const stepMs = 5_000;
const unwatchedMs = 60_000;
const maxTextBytes = 10_000;

export interface SandboxOptions {
  /** Called for every request, before the response. */
  readonly onCall?: (call: SandboxCall) => void;
  /** Random delay of each response in milliseconds. This and the next two apply only to chats without a scenario. */
  readonly latencyMs?: readonly [min: number, max: number];
  /** Share of requests that fail with a random one of `failures`, from 0 to 1. */
  readonly failureShare?: number;
  /** Rate limit of each token, in requests a second. */
  readonly requestsPerSecond?: number;
  /** Appended to every text of chat 2 and of lists, and to the name of chat 2, so that tests can tell which token fetched it. */
  readonly signature?: (token: string) => string;
  /** The messages of these chats, by id, in place of or beside those of the sandbox. */
  readonly timelines?: Readonly<Record<string, Timeline>>;
  /** How List Chat Messages behaves where Linq does not document it. */
  readonly quirks?: ListQuirks;
}

/**
 * Starts an emulator of Linq's Partner API V2 on a free loopback port. Chat 1 has the documented example and variations of
 * it, chat 2 has a message for every id from 1 to 1,000,000, chat 3 is a conversation of two that goes on when `startLive` is
 * called, and the chats in `scenarios` each show one failure in all routes.
 * It is written from Linq's documentation and shares no code with the client, so that tests detect a misreading in
 * either of them.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { onCall, latencyMs: [min, max] = [0, 0], failureShare = 0, requestsPerSecond, signature } = options;
  const { timelines = {}, quirks } = options;
  const attempts = new Attempts();
  const callsThisSecond = new Map<string, number>(); // by token
  let target: WebhookTarget | undefined;
  let steps: NodeJS.Timeout | undefined;
  const live = new LiveChat((type, data) => target && sendWebhook(target, type, data));
  const server = createServer((request, response) => {
    if (request.url === '/sandbox/chats/3/messages') return void receiveMessage(request, response, live);
    const { method = '', url: path = '', headers } = request;
    const token = String(headers['x-linq-integration-token'] ?? '');
    onCall?.({ method, path, headers });
    const calls = (callsThisSecond.get(token) ?? 0) + 1;
    if (requestsPerSecond !== undefined) {
      if (callsThisSecond.size === 0) setTimeout(() => callsThisSecond.clear(), 1_000).unref();
      callsThisSecond.set(token, calls);
    }
    const respond = () => {
      const [pathname = '', query] = path.split('?');
      const [, chatId = '', messages, id] = (method === 'GET' && route.exec(pathname)) || [];
      const isList = messages !== undefined && id === undefined;
      const bodies = () => (isList ? listBodies() : id === undefined ? chatBodies(chatId) : messageBodies(id));
      const scenario = scenarios.get(chatId);
      if (token === '') {
        sendError(response, 401, 'unauthorized', 'Unauthorized', 'Unauthorized');
      } else if (scenario !== undefined) {
        scenario(response, bodies(), attempts.next(path));
        if (response.statusCode === 200) attempts.forget(path);
      } else if (calls > (requestsPerSecond ?? calls)) {
        sendRateLimited(response, 1);
      } else if (Math.random() < failureShare) {
        failures[Math.floor(Math.random() * failures.length)]?.(response, bodies(), 1);
      } else {
        if (isList)
          sendListOr404(
            response,
            timelines[chatId] ?? (chatId === '3' ? live : findTimeline(chatId)),
            new URLSearchParams(query),
            quirks,
            signature?.(token),
          );
        else if (id === undefined) sendChatOr404(response, chatId, live, signature?.(token));
        else sendMessageOr404(response, chatId, id, live, signature?.(token));
      }
    };
    if (max === 0) respond();
    else setTimeout(respond, min + Math.random() * (max - min));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    startLive(to, isWatched) {
      target = to;
      const until = performance.now() + unwatchedMs;
      clearInterval(steps);
      steps = setInterval(() => {
        if (performance.now() < until || isWatched()) live.step();
      }, stepMs);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(steps);
      server.close();
      server.closeAllConnections(); // some scenarios never end their response
      await once(server, 'close');
    },
  };
}

const route = /^\/api\/partner\/v2\/chats\/(\d+)(\/chat_messages(?:\/(\d+))?)?$/;

function sendChatOr404(response: ServerResponse, chatId: string, live: LiveChat, signature = ''): void {
  const found = findChat(chatId);
  const chat = found && chatId === '3' ? { ...found, message_count: live.length } : found;
  if (chat === undefined) return void sendError(response, 404, 'not_found', 'Not Found', 'Chat not found');
  const isSigned = chatId === '2' && signature !== '';
  sendJson(response, 200, chatJson(isSigned ? { ...chat, display_name: chat.display_name + signature } : chat));
}

function sendListOr404(
  response: ServerResponse,
  timeline: Timeline | undefined,
  query: URLSearchParams,
  quirks: ListQuirks | undefined,
  signature = '',
): void {
  if (timeline === undefined) return void sendError(response, 404, 'not_found', 'Not Found', 'Chat not found');
  const list = listMessages(timeline, listParameters(query), quirks);
  const data = signature ? list.data.map((row) => ({ ...row, text: `${row.text ?? ''}${signature}` })) : list.data;
  sendJson(response, 200, listJson({ ...list, data }));
}

function sendMessageOr404(response: ServerResponse, chatId: string, id: string, live: LiveChat, signature = ''): void {
  const message = chatId === '3' ? live.find(id) : findMessage(chatId, id);
  if (message) {
    const text = chatId === '2' ? `${message.text ?? ''}${signature}` : message.text;
    return void sendJson(response, 200, messageJson(signature ? { ...message, text: text ?? null } : message));
  }
  const detail = findChat(chatId) === undefined ? 'Chat not found' : 'Chat message not found';
  sendError(response, 404, 'not_found', 'Not Found', detail);
}

/** `POST` with `{"text": "…"}` adds a message to chat 3, by hand. Not for web pages: they have an origin. */
async function receiveMessage(request: IncomingMessage, response: ServerResponse, live: LiveChat): Promise<void> {
  const refuse = (status: number, detail: string) => sendError(response, status, 'sandbox', 'Refused', detail);
  if (request.method !== 'POST' || request.headers.origin !== undefined)
    return void refuse(405, 'POST a message, from no page');
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk;
    if (body.length > maxTextBytes) return void refuse(413, 'The text is too long');
  }
  const text = textIn(body);
  if (text === undefined) return void refuse(400, 'The body must be {"text": "…"}');
  sendJson(response, 201, messageJson(live.receive(text)));
}

function textIn(body: string): string | undefined {
  try {
    const { text } = JSON.parse(body);
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Counts the requests for each path since its last success. Bounded: the oldest counts are dropped. */
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
