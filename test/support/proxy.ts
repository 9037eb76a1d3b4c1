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

export interface ProxiedAnswer {
  status: number;
  headers: OutgoingHttpHeaders;
  body: string;
}

/** What a proxy does to what passes through it, by changing it. */
export interface Harm {
  /** An answer keeps the request from the gateway; `silence` leaves it without any. */
  readonly request?: (request: ProxiedRequest) => ProxiedAnswer | 'silence' | undefined;
  readonly answer?: (answer: ProxiedAnswer, request: ProxiedRequest) => void;
}

export interface Proxy extends AsyncDisposable {
  readonly origin: string;
}

/** A proxy on a free loopback port, in front of a gateway; with `tls` its origin is an https one. */
export async function startProxy(to: string, harm: Harm, tls?: { key: string; cert: string }): Promise<Proxy> {
  const server = tls === undefined ? createServer() : createTlsServer(tls);
  server.on('request', async (incoming, outgoing) => {
    const { method = '', url: path = '', headers } = incoming;
    const request = { method, path, headers, body: await textOf(incoming) };
    const instead = harm.request?.(request);
    if (instead === 'silence') return;
    const answer = instead ?? (await ask(to, request));
    harm.answer?.(answer, request);
    delete answer.headers['transfer-encoding'];
    delete answer.headers['content-length'];
    outgoing.writeHead(answer.status, answer.headers).end(answer.body);
  });
  const origin = await listen(server);
  return {
    origin: tls === undefined ? origin : origin.replace('http:', 'https:'),
    [Symbol.asyncDispose]: () => close(server),
  };
}

async function ask(to: string, { method, path, headers, body }: ProxiedRequest): Promise<ProxiedAnswer> {
  const { 'transfer-encoding': _coding, 'content-length': _length, connection: _connection, ...rest } = headers;
  const length = body === '' ? {} : { 'content-length': Buffer.byteLength(body) };
  const outgoing = send(`${to}/`, { method, path, headers: { ...rest, ...length } });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  return { status: response.statusCode, headers: response.headers, body: await textOf(response) };
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
