/** What a client costs that holds its connection, or an answer that is long in coming. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { documented, operations } from './operations.ts';
import { anonymousBytes, type Server, startServer, stop } from './processes.ts';

const clients = 2_000;

/** In kB for each client, above the memory before there was any. */
export async function memory(what: 'idle' | 'waiting'): Promise<{ all: number; half: number; after: number }> {
  const held: [string, ServerResponse][] = [];
  let holding = false;
  const answer = (path: string, response: ServerResponse) => response.end(documented(path.split('/').at(-1) ?? '1'));
  const upstream = createServer(({ url = '' }, response) => {
    if (holding) held.push([url, response]);
    else answer(url, response);
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const server = await startServer('gateway', `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`, {
    env: { LINQ_MAX_QUEUE: '100000', LINQ_TIMEOUT_MS: '120000' },
    node: ['--expose-gc', '--import', new URL('collect.mjs', import.meta.url).href],
  });

  const sockets: Socket[] = [];
  const join = async (count: number) => {
    for (let index = 0; index < count; index++) sockets.push(await open(server.url));
    if (what === 'waiting') {
      for (const [index, socket] of sockets.slice(-count).entries()) ask(socket, sockets.length * 10 + index);
      await sleep(2_000); // for all to have arrived; nothing to wait for
    } else {
      await Promise.all(sockets.slice(-count).map((socket, index) => answered(socket, () => ask(socket, index + 1))));
    }
  };
  // The code is warm and the heap has its working size before the base is taken.
  await join(clients / 4);
  for (const socket of sockets.splice(0)) socket.destroy();
  release();
  await sleep(500);
  holding = what === 'waiting';

  const base = await settled(server);
  await join(clients / 2);
  const half = ((await settled(server)) - base) / (clients / 2) / 1024;
  await join(clients / 2);
  const all = ((await settled(server)) - base) / clients / 1024;
  for (const socket of sockets) socket.destroy();
  release();
  await sleep(1_000);
  const after = ((await settled(server)) - base) / clients / 1024;
  await stop(server);
  upstream.closeAllConnections();
  upstream.close();
  return { all, half, after };

  function release(): void {
    holding = false;
    for (const [path, response] of held.splice(0)) answer(path, response);
  }
}

async function settled({ pid }: Server): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    process.kill(pid, 'SIGUSR2');
    await sleep(700);
  }
  return anonymousBytes(pid);
}

async function open(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

function ask(socket: Socket, id: number): void {
  const [{ query }] = operations as [(typeof operations)[number]];
  const body = JSON.stringify({ query, variables: { chatId: '1', id: `${id}` } });
  socket.write(
    `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

async function answered(socket: Socket, send: () => void): Promise<void> {
  const data = once(socket, 'data');
  send();
  await data;
}
