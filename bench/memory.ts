/** The memory that a client costs while it keeps its connection, or waits for its response. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { documented, firstId, type Operation, operations } from './operations.ts';
import { anonymousBytes, type Server, startServer, stop } from './processes.ts';

const clients = 2_000;
/** Node's flags for a server that collects its garbage on SIGUSR2. */
export const collecting = ['--expose-gc', '--import', new URL('collect.mjs', import.meta.url).href];

interface Client {
  readonly socket: Socket;
  id: string;
  received: string;
}

export interface Memory {
  /** kB for each client above the base, the memory before the first client. */
  readonly all: number;
  readonly half: number;
  /** After all clients have left, relative to the base. */
  readonly left: number;
  /** After as many clients have come and left again, relative to `left`: 1 unless memory leaks. */
  readonly leftAgain: number;
}

export async function memory(what: 'idle' | 'waiting'): Promise<Memory> {
  const held: [string, ServerResponse][] = [];
  let holding = false;
  const respond = (path: string, response: ServerResponse) => response.end(documented(path.split('/').at(-1) ?? ''));
  const upstream = createServer(({ url = '' }, response) => {
    if (holding) held.push([url, response]);
    else respond(url, response);
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const server = await startServer('gateway', `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`, {
    env: { LINQ_MAX_QUEUE: '100000', LINQ_TIMEOUT_MS: '120000' },
    node: collecting,
  });

  const joined: Client[] = [];
  let nextId = firstId;
  const join = async (count: number) => {
    for (let index = 0; index < count; index++) {
      const client = await open(server.url);
      joined.push(client);
      send(client, `${nextId++}`);
      if (!holding) await verifyResponse(client);
    }
    if (!holding) return;
    await sleep(2_000); // until all requests have arrived
    const early = joined.find(({ received }) => received !== '');
    if (early !== undefined) throw new Error(`a waiting client received a response:\n${early.received}`);
  };
  const leave = async () => {
    holding = false;
    for (const [path, response] of held.splice(0)) respond(path, response);
    await Promise.all(joined.map(verifyResponse));
    for (const { socket } of joined.splice(0)) socket.destroy();
  };

  // The code is warm and the heap has its working size before the base is measured.
  await join(clients / 4);
  await leave();
  await sleep(500);
  holding = what === 'waiting';

  const base = await settled(server);
  await join(clients / 2);
  const half = ((await settled(server)) - base) / (clients / 2) / 1024;
  await join(clients / 2);
  const all = ((await settled(server)) - base) / clients / 1024;
  await leave();
  await sleep(1_000);
  const left = await settled(server);
  holding = what === 'waiting';
  await join(clients);
  await leave();
  await sleep(1_000);
  const leftAgain = (await settled(server)) / left;
  await stop(server);
  upstream.closeAllConnections();
  upstream.close();
  return { all, half, left: left / base, leftAgain };
}

/** Anonymous memory after full collections, of a server that was started with `collecting`. */
export async function settled({ pid }: Server): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    process.kill(pid, 'SIGUSR2');
    await sleep(700);
  }
  return anonymousBytes(pid);
}

async function open(url: string): Promise<Client> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).on('error', () => {});
  const client: Client = { socket, id: '', received: '' };
  socket.setEncoding('utf8').on('data', (chunk) => {
    client.received += chunk;
  });
  await once(socket, 'connect');
  return client;
}

const [operation] = operations as [Operation];

function send(client: Client, id: string): void {
  client.id = id;
  const body = JSON.stringify({ query: operation.query, variables: operation.variables([id]) });
  client.socket.write(
    `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** Waits for the whole response. */
async function verifyResponse(client: Client): Promise<void> {
  for (;;) {
    const [head = '', body] = client.received.split('\r\n\r\n');
    if (body !== undefined && Buffer.byteLength(body) >= Number(/content-length: (\d+)/i.exec(head)?.[1])) {
      if (
        head.startsWith('HTTP/1.1 200 ') &&
        isDeepStrictEqual(JSON.parse(body), { data: operation.data([client.id]) })
      ) {
        return;
      }
      throw new Error(`a client received a wrong response:\n${client.received}`);
    }
    if (client.socket.destroyed) throw new Error(`a client lost its connection:\n${client.received}`);
    await Promise.race([once(client.socket, 'data'), once(client.socket, 'close')]);
  }
}
