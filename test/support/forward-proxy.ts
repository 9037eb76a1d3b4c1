import { createServer, request as forward, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { close, listen } from './gateway.ts';

export interface ForwardProxy extends AsyncDisposable {
  readonly url: string;
  /** `CONNECT linq.test:443`, or the method and URL of a forwarded request, in order. */
  readonly requests: string[];
  readonly headers: IncomingMessage['headers'][];
}

interface ForwardProxyOptions {
  /** `user:password`. Without these credentials the status is 407. */
  readonly credentials?: string;
  /** Refuses everything with this status. */
  readonly refuse?: () => number | undefined;
  readonly tls?: { key: string; cert: string };
}

/** Starts an HTTP proxy on loopback, for which every host is the server at `origin`. */
export async function startForwardProxy(origin: string, options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const { port } = new URL(origin);
  const requests: string[] = [];
  const headers: ForwardProxy['headers'] = [];
  const sockets = new Set<Socket>();
  const refusalOf = (request: IncomingMessage): number | undefined => {
    requests.push(`${request.method} ${request.url}`);
    headers.push(request.headers);
    const { credentials, refuse } = options;
    const wanted = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`;
    return request.headers['proxy-authorization'] === wanted ? refuse?.() : 407;
  };
  const onRequest: RequestListener = (request, response) => {
    const refusal = refusalOf(request);
    if (refusal !== undefined) return void response.writeHead(refusal).end('refused');
    const { pathname, search } = new URL(request.url ?? '');
    const { 'proxy-authorization': _own, ...rest } = request.headers;
    forward({ port, path: pathname + search, headers: rest, host: '127.0.0.1' }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    }).end();
  };
  const { tls } = options;
  const server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    sockets.add(socket.on('error', () => {}));
    const refusal = refusalOf(request);
    if (refusal !== undefined) return void socket.end(`HTTP/1.1 ${refusal} No\r\ncontent-length: 7\r\n\r\nrefused`);
    const upstream = connect(Number(port), '127.0.0.1', () =>
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n'),
    );
    sockets.add(upstream.on('error', () => socket.destroy()));
    upstream.pipe(socket).pipe(upstream);
  });
  const { host } = new URL(await listen(server));
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${options.credentials ? `${options.credentials}@` : ''}${host}`,
    requests,
    headers,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await close(server);
    },
  };
}
