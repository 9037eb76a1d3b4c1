import { isLoopback } from '../http/loopback.ts';

/** Where a gateway is. */
export interface GatewayAddress {
  /** Where GraphQL is; probes and metrics are beside it. */
  readonly graphql: URL;
  /** Whether it can be reached from this machine only. */
  readonly onLoopback: boolean;
}

/** Undefined for what is no address, or holds more than one: parameters, or a password. */
export function readAddress(text: string): GatewayAddress | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || /[?#@]/.test(text)) return undefined;
  url.pathname = `${url.pathname.replace(/\/+$/, '').replace(/\/graphql$/, '')}/graphql`;
  return { graphql: url, onLoopback: isLoopback(url.hostname.replace(/^\[(.*)\]$/, '$1')) };
}
