import { readFileSync } from 'node:fs';
import { type Listening, listen } from './listen.ts';

export interface Linq extends Listening {
  /** Chat, message and token of each call, in order. */
  readonly calls: { readonly key: string; readonly token: string | undefined }[];
}

const documented = JSON.parse(
  readFileSync(new URL('../../test/fixtures/chat-message.documented.json', import.meta.url), 'utf8'),
);

/** In the place of Linq: its documented example under any id; nothing in chat 404, and an error page in chat 500. */
export async function startLinq(): Promise<Linq> {
  const calls: Linq['calls'] = [];
  const server = await listen((request, response) => {
    const [, chatId = '', id = ''] =
      /^\/api\/partner\/v2\/chats\/(\d+)\/chat_messages\/(\d+)$/.exec(request.url ?? '') ?? [];
    calls.push({ key: `${chatId}/${id}`, token: request.headers['x-linq-integration-token']?.toString() });
    if (chatId === '500') return void response.writeHead(500).end('<h1>Oops</h1>');
    if (chatId === '404') return void response.writeHead(404).end('{}');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ data: { ...documented.data, id: Number(id), text: `Message ${id}` } }));
  });
  return { ...server, calls };
}
