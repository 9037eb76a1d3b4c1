import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { readConfig } from '../../src/config.ts';
import { createGateway } from '../../src/gateway.ts';
import type { TrustedDocuments } from '../../src/graphql/trusted-documents.ts';
import { type SandboxCall, type SandboxOptions, startSandbox } from '../../src/sandbox/sandbox.ts';
import { createLog } from '../../src/telemetry/log.ts';

interface GraphQLResponse {
  // biome-ignore lint/suspicious/noExplicitAny: the shape depends on the query
  readonly data?: any;
  readonly errors?: readonly {
    readonly message: string;
    readonly locations?: readonly object[];
    readonly path?: readonly (string | number)[];
    readonly extensions: Record<string, unknown>;
  }[];
}

interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface TestGateway extends AsyncDisposable {
  readonly url: string;
  /** The origin of Linq. */
  readonly linq: string;
  /** The calls that reached the sandbox, in order. */
  readonly calls: SandboxCall[];
  /** The lines of the log so far. */
  readonly log: Record<string, unknown>[];
  query(query: string, variables?: object, headers?: Record<string, string>): Promise<GraphQLResponse>;
  /** Resolves as soon as this series in /metrics has this value. */
  metric(name: string, value: number): Promise<void>;
  /** Begins a shutdown. */
  drain(): Promise<void>;
  /** Closes the gateway but not its server, like a shutdown after the grace period. */
  close(): Promise<void>;
  /** For requests that `fetch` refuses to send, such as with a `Host` header. */
  send(options: {
    path?: string;
    method?: string;
    headers?: Record<string, string>;
    body?: string;
  }): Promise<HttpResponse>;
}

/** Starts the complete gateway on a free port, in front of its own sandbox unless `LINQ_API_URL` is set. */
export async function startTestGateway(
  env: Record<string, string> = {},
  sandboxOptions: SandboxOptions = {},
  documents?: TrustedDocuments,
): Promise<TestGateway> {
  const calls: SandboxCall[] = [];
  const log: Record<string, unknown>[] = [];
  const sandbox = await startSandbox({ ...sandboxOptions, onCall: (call) => calls.push(call) });
  const config = readConfig({ LINQ_API_URL: sandbox.origin, LINQ_INTEGRATION_TOKEN: 'the-gateways-own', ...env });
  const gateway = createGateway(config, createLog(config.logLevel, linesInto(log)), { documents });
  await gateway.connect();
  const server = createServer({ requireHostHeader: false }, gateway.handle);
  const origin = await listen(server);
  gateway.open();
  const url = `${origin}/graphql`;
  return {
    url,
    linq: config.linq.origin,
    calls,
    log,
    async query(query, variables, headers) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query, variables }),
      });
      return (await response.json()) as GraphQLResponse;
    },
    async metric(name, value) {
      const line = `${name} ${value}\n`;
      for (;;) {
        const { body } = await sendRaw(origin, '/metrics', 'GET', {}, undefined);
        if (body.includes(line)) return;
      }
    },
    drain: () => gateway.drain(false),
    close: () => gateway.close(),
    send: ({ path = '/graphql', method = 'GET', headers = {}, body }) => sendRaw(origin, path, method, headers, body),
    async [Symbol.asyncDispose]() {
      await close(server);
      await gateway.close();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

/** Listens on a free loopback port; returns the origin. */
export async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

function linesInto(lines: Record<string, unknown>[]): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      for (const line of String(chunk).trim().split('\n')) lines.push(JSON.parse(line));
      done();
    },
  });
}

async function sendRaw(
  origin: string,
  path: string,
  method: string,
  headers: Record<string, string>,
  body: string | undefined,
): Promise<HttpResponse> {
  const outgoing = request(`${origin}/`, { path, method, headers });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return { status: response.statusCode, headers: response.headers, body: text };
}
