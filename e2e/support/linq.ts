import { readFileSync } from 'node:fs';
import { type Listening, listen } from './listen.ts';

export interface Linq extends Listening {
  /** Chat and message, such as `2/7`, or a chat such as `2`, and the token of each call, in order. */
  readonly calls: { readonly key: string; readonly token: string | undefined }[];
  /** What messages say instead of `Message <id>`, by chat and message, such as `2/7`. */
  readonly texts: Map<string, string>;
  /** Whether every message says the token that it was read with. */
  tellsTokens: boolean;
}

const documented = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../test/fixtures/${name}.documented.json`, import.meta.url), 'utf8')).data;
const message = documented('chat-message');
const chat = documented('chat');

/**
 * In the place of Linq: its documented message and chat under any id; that status in the chats 403, 404 and 500, and 500 for
 * message 5000000 of any; no answer in chat 504; in chat 429 the first call for a message is told to come back in a second, in chat 4290 each call in an hour. Lists
 * of messages are forbidden.
 */
export async function startLinq(): Promise<Linq> {
  const calls: Linq['calls'] = [];
  const texts: Linq['texts'] = new Map();
  const state = { calls, texts, tellsTokens: false };
  const server = await listen((request, response) => {
    const [, chatId = '', list, id] =
      /^\/api\/partner\/v2\/chats\/(\d+)(\/chat_messages(?:\/(\d+))?)?(?:\?.*)?$/.exec(request.url ?? '') ?? [];
    const key = list === undefined ? chatId : `${chatId}/${id ?? ''}`;
    const again = calls.some((call) => call.key === key);
    const token = request.headers['x-linq-integration-token']?.toString();
    calls.push({ key, token });
    if (chatId === '500' || id === '5000000') return void response.writeHead(500).end('<h1>Oops</h1>');
    if (chatId === '403' || chatId === '404') return void response.writeHead(Number(chatId)).end('{}');
    if (chatId === '504') return;
    if (chatId === '429' && !again) return void response.writeHead(429, { 'retry-after': '1' }).end('{}');
    if (chatId === '4290') return void response.writeHead(429, { 'retry-after': '3600' }).end('{}');
    if (list !== undefined && id === undefined) return void response.writeHead(403).end('{}');
    response.writeHead(200, { 'content-type': 'application/json' });
    const text = state.tellsTokens ? token : (texts.get(key) ?? `Message ${id}`);
    const data =
      id === undefined
        ? { ...chat, id: Number(chatId), display_name: `Chat ${chatId}` }
        : { ...message, id: Number(id), text };
    response.end(JSON.stringify({ data }));
  });
  return Object.assign(state, server);
}
