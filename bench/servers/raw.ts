/** The limit: no GraphQL. Recognizes the operations of the bench by name and runs each with the least code. */
import { createServer, type ServerResponse } from 'node:http';
import { Pool } from 'undici';
import { type Key, listPathOf, pathOf, port, token, toMessage, upstream } from './schema.ts';

const pool = new Pool(upstream, { connections: 64, pipelining: 1 });
const headers = { 'X-LINQ-INTEGRATION-TOKEN': token };

function read(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    pool.dispatch(
      { method: 'GET', path, headers },
      {
        onRequestStart() {},
        onResponseStart() {},
        onResponseData: (_controller, chunk) => void chunks.push(chunk),
        onResponseEnd: () => resolve((chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString()),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}

const message = async (key: Key) => withTextIds(key.chatId, JSON.parse(await read(pathOf(key))).data);

/** Oldest first. */
const page = async (chatId: string) => {
  const { data } = JSON.parse(await read(listPathOf(chatId, 100)));
  return { messages: { nodes: data.map((row: object) => withTextIds(chatId, row)).reverse() } };
};

const withTextIds = (chatId: string, data: object) => {
  const { id, chatHandleId, reactions, ...rest } = toMessage(chatId, data);
  return {
    ...rest,
    id: `${id}`,
    chatHandleId: `${chatHandleId}`,
    // biome-ignore lint/suspicious/noExplicitAny: a bench
    reactions: reactions.map((it: any) => ({ ...it, id: `${it.id}`, chatMessageId: `${it.chatMessageId}` })),
  };
};

async function execute({ query, variables }: { query: string; variables: Record<string, string> }): Promise<object> {
  const chatId = String(variables['chatId']);
  if (query.startsWith('query TwoFields')) {
    const { id, text } = JSON.parse(await read(pathOf({ chatId, id: String(variables['id']) }))).data;
    return { chatMessage: { id: `${id}`, text } };
  }
  if (query.startsWith('query OneMessage'))
    return { chatMessage: await message({ chatId, id: String(variables['id']) }) };
  if (query.startsWith('query Page')) return { chat: await page(chatId) };
  // ManyAliases and GrowthAliases: m0 … mN over the ids in the variables, each read once.
  const ids = Object.entries(variables).filter(([name]) => name !== 'chatId');
  const found = Object.fromEntries(
    await Promise.all(ids.map(async ([name, id]) => [name, await message({ chatId, id })])),
  );
  const aliases = [...query.matchAll(/(m\d+): chatMessage\(chatId: \$chatId, id: \$(\w+)\)/g)];
  return Object.fromEntries(aliases.map(([, alias, variable]) => [alias, found[variable as string]]));
}

createServer((request, response: ServerResponse) => {
  if (request.method === 'GET') return void response.end(); // the bench waits until the server responds
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const operation = JSON.parse(Buffer.concat(chunks).toString());
    const keys: readonly Key[] | undefined = operation.variables.keys;
    const data =
      keys === undefined ? await execute(operation) : { chatMessagesByKeys: await Promise.all(keys.map(message)) };
    const body = Buffer.from(JSON.stringify({ data }));
    response
      .writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length })
      .end(body);
  });
}).listen(port, '127.0.0.1');
