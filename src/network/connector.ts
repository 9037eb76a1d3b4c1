import { request as sendHttp } from 'node:http';
import { request as sendHttps } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { buildConnector, errors } from 'undici';
import { proxyAuthorization } from './proxies.ts';

interface ConnectorOptions {
  /** Of each step: to the proxy, through it to the server, and for TLS with the server. */
  readonly timeoutMs: number;
  /** The URL of an HTTP proxy; undefined connects directly. */
  readonly proxy: string | undefined;
}

/** The proxy itself responded with a failure. The code has its status, such as `PROXY_407`. */
export class ProxyRefusedError extends Error {
  override readonly name = 'ProxyRefusedError';
  readonly code: string;

  constructor(status: number) {
    super(`the proxy responded with ${status}`);
    this.code = `PROXY_${status}`;
  }
}

/**
 * Opens connections for undici's clients, through a tunnel of the proxy if there is one. Unlike undici's `ProxyAgent` it needs no pool and no
 * other handler for a response, so that a client can be used for one call after the other at no cost.
 */
export function createConnector({ timeoutMs, proxy }: ConnectorOptions): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, allowH2: false }); // one cache of TLS sessions for all
  if (proxy === undefined) return connect;
  const openTunnel = createTunnels(new URL(proxy), timeoutMs);
  return (options, callback) => {
    const port = options.port || (options.protocol === 'https:' ? '443' : '80');
    const host = options.hostname.includes(':') ? `[${options.hostname}]` : options.hostname;
    const onOpen = (socket: Socket) => {
      if (options.protocol === 'https:') connect({ ...options, httpSocket: socket }, callback);
      else callback(null, socket);
    };
    openTunnel(`${host}:${port}`, onOpen, (error) => callback(error, null));
  };
}

function createTunnels(proxy: URL, timeoutMs: number) {
  const { protocol, hostname, port } = proxy;
  const send = protocol === 'https:' ? sendHttps : sendHttp;
  const authorization = proxyAuthorization(proxy);
  const host = hostname.replace(/^\[|\]$/g, '');
  const servername = isIP(host) ? '' : host; // by default it would be that of the target
  return (target: string, onOpen: (socket: Socket) => void, onError: (error: Error) => void) => {
    const request = send({
      method: 'CONNECT',
      host,
      port,
      servername,
      path: target,
      headers: { host: target, ...(authorization && { 'proxy-authorization': authorization }) },
      agent: false,
    });
    const timer = setTimeout(() => request.destroy(new errors.ConnectTimeoutError()), timeoutMs);
    request
      .once('close', () => clearTimeout(timer))
      .once('error', onError)
      .once('connect', ({ statusCode = 0 }, socket, head) => {
        clearTimeout(timer);
        if (statusCode >= 200 && statusCode < 300) {
          if (head.length > 0) socket.unshift(head);
          onOpen(socket);
        } else {
          socket.destroy();
          onError(new ProxyRefusedError(statusCode));
        }
      })
      .end();
  };
}
