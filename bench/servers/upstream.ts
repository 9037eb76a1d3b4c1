/** Replaces nginx where it is not installed. */
import { createServer } from 'node:http';
import { documented, documentedChat, largeMessage, listOf, rowsOf } from '../operations.ts';

createServer((request, response) => {
  const body = bodyOf(request.url ?? '');
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}).listen(Number(process.env['PORT']), '127.0.0.1');

function bodyOf(url: string): string {
  const [, chatId = '', list, id, query = ''] = /chats\/(\d+)(\/chat_messages(?:\/(\d+))?)?(\?.*)?$/.exec(url) ?? [];
  if (list === undefined) return documentedChat(chatId);
  if (id === undefined) return listOf(query.includes('before=') ? rowsOf(chatId).slice(0, 1) : rowsOf(chatId));
  return chatId === '4' ? largeMessage(Number(id)) : documented(id);
}
