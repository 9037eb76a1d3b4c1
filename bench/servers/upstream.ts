/** Replaces nginx where it is not installed. */
import { createServer } from 'node:http';
import { documented, largeMessage } from '../operations.ts';

createServer((request, response) => {
  const [, chatId, id = '1'] = /chats\/(\d+)\/chat_messages\/(\d+)$/.exec(request.url ?? '') ?? [];
  const body = chatId === '4' ? largeMessage(Number(id)) : documented(id);
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}).listen(Number(process.env['PORT']), '127.0.0.1');
