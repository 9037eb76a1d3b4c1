import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpProxy extends AsyncDisposable {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Resets all connections; those to come too, unless there is a response for them. */
  cut(response?: string): void;
  restore(): void;
}

/** Passes bytes to a server on loopback, while it is not cut. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let onConnection: ((client: Socket) => void) | undefined;
  const server = createServer((client) => {
    if (onConnection !== undefined) return onConnection(client);
    const upstream = connect(Number(port), hostname);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (response?: string) => {
    onConnection = (client) => {
      sockets.add(client);
      client.on('error', () => {}).on('close', () => sockets.delete(client));
      if (response === undefined) client.resetAndDestroy();
      else client.once('data', () => client.end(response));
    };
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    restore() {
      onConnection = undefined;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}
