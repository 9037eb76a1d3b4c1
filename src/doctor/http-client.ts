import { randomBytes, randomUUID } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { Agent, buildConnector, request } from 'undici';
import type { GatewayAddress } from './gateway-address.ts';
import { type GatewayResponse, readGraphQL } from './gateway-response.ts';

export interface GatewayRequest {
  /** Relative to the GraphQL endpoint, such as `livez`. Default: the endpoint itself. */
  readonly path?: string;
  readonly search?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Sends no credential, even if one is given. */
  readonly anonymous?: boolean;
}

export interface HttpClient {
  readonly sendsCredential: boolean;
  /** Invalid, but well-formed, so that the gateway must fetch the keys of the issuer to refuse it. */
  readonly decoyJwt: string;
  /** When the certificate of the gateway expires. Undefined without TLS, and before the first response. */
  certificateEndsAt(): Date | undefined;
  /** Rejects when there is no response in time. Does not follow redirects. */
  send(request?: GatewayRequest): Promise<GatewayResponse>;
  /** Sends a GraphQL operation by POST. */
  post(query: string, options?: GatewayRequest, variables?: object): Promise<GatewayResponse>;
  close(): Promise<void>;
}

interface HttpClientOptions {
  readonly address: GatewayAddress;
  /** The `authorization` header. */
  readonly credential: string | undefined;
  /** Time limit for one response, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** Aborts all requests. */
  readonly signal: AbortSignal;
}

/** The metrics are the largest response. The rest of a longer one is not read. */
const maxBytes = 16 * 1024 * 1024;

/** Uses HTTP/1.1, so that every header can be set, including `Host`. Connects with the first request. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { address, credential, requestTimeoutMs, signal } = options;
  let certificateEndsAt: Date | undefined;
  const connect = buildConnector({ allowH2: false, timeout: requestTimeoutMs });
  const agent = new Agent({
    allowH2: false,
    connections: 4,
    connect(options, done) {
      connect(options, (...outcome) => {
        const [, socket] = outcome;
        if (socket instanceof TLSSocket) certificateEndsAt ??= socket.getPeerX509Certificate()?.validToDate;
        done(...outcome);
      });
    },
  });

  async function send(gatewayRequest: GatewayRequest = {}): Promise<GatewayResponse> {
    const { path, search = '', method = 'GET', headers = {}, body, anonymous } = gatewayRequest;
    const url = path === undefined ? new URL(address.graphql) : new URL(path, address.graphql);
    url.search = search;
    const sentAt = Date.now();
    const received = await request(url, {
      dispatcher: agent,
      method: method as 'GET',
      headers: { ...(credential !== undefined && !anonymous && { authorization: credential }), ...headers },
      ...(body !== undefined && { body }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of received.body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxBytes) break;
    }
    const text = textOf(Buffer.concat(chunks), received.headers['content-encoding']);
    return {
      status: received.statusCode,
      headers: Object.fromEntries(Object.entries(received.headers).map(([name, value]) => [name, String(value)])),
      text,
      ...readGraphQL(text),
      sentAt,
      receivedAt: Date.now(),
    };
  }

  return {
    sendsCredential: credential !== undefined,
    decoyJwt: createDecoyJwt(),
    certificateEndsAt: () => certificateEndsAt,
    send,
    post: (query, { headers, ...options } = {}, variables) =>
      send({
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query, variables }),
        ...options,
      }),
    close: () => agent.destroy(),
  };
}

/** Empty when it cannot be decompressed. */
function textOf(body: Buffer, encoding: unknown): string {
  if (encoding !== 'gzip') return body.toString();
  try {
    return gunzipSync(body, { maxOutputLength: maxBytes }).toString();
  } catch {
    return '';
  }
}

function createDecoyJwt(): string {
  const part = (claims: object) => Buffer.from(JSON.stringify(claims)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + 60;
  return [
    part({ alg: 'RS256', kid: randomUUID() }),
    part({ sub: 'doctor', exp }),
    randomBytes(256).toString('base64url'),
  ].join('.');
}
