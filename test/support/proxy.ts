import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders, request as send } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { close, listen } from './gateway.ts';

export interface ProxiedRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface ProxiedResponse {
  status: number;
  headers: OutgoingHttpHeaders;
  body: string;
}

/** How a proxy changes the requests and responses that pass through it. */
export interface ProxyRules {
  /** A returned response replaces that of the gateway, which then gets no request; `no response` keeps the client waiting. */
  readonly request?: (request: ProxiedRequest) => ProxiedResponse | 'no response' | undefined;
  readonly response?: (response: ProxiedResponse, request: ProxiedRequest) => void;
}

export interface Proxy extends AsyncDisposable {
  readonly origin: string;
}

/** Starts a proxy to a gateway on a free loopback port, with https if `tls` is given. */
export async function startProxy(to: string, rules: ProxyRules, tls?: { key: string; cert: string }): Promise<Proxy> {
  const server = tls === undefined ? createServer() : createTlsServer(tls);
  server.on('request', async (incoming, outgoing) => {
    const { method = '', url: path = '', headers } = incoming;
    const request = { method, path, headers, body: await textOf(incoming) };
    const replacement = rules.request?.(request);
    if (replacement === 'no response') return;
    const response = replacement ?? (await forward(to, request));
    rules.response?.(response, request);
    delete response.headers['transfer-encoding'];
    delete response.headers['content-length'];
    outgoing.writeHead(response.status, response.headers).end(response.body, 'latin1');
  });
  const origin = await listen(server);
  return {
    origin: tls === undefined ? origin : origin.replace('http:', 'https:'),
    [Symbol.asyncDispose]: () => close(server),
  };
}

async function forward(to: string, { method, path, headers, body }: ProxiedRequest): Promise<ProxiedResponse> {
  const { 'transfer-encoding': _coding, 'content-length': _length, connection: _connection, ...rest } = headers;
  const length = body === '' ? {} : { 'content-length': body.length };
  const outgoing = send(`${to}/`, { method, path, headers: { ...rest, ...length } });
  outgoing.end(body, 'latin1');
  const [response] = await once(outgoing, 'response');
  return { status: response.statusCode, headers: response.headers, body: await textOf(response) };
}

/** As Latin-1, so that compressed bodies pass through unchanged. */
async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}
