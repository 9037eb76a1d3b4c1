import { isLoopback } from '../http/loopback.ts';

export interface GatewayAddress {
  /** The GraphQL endpoint. Probes and metrics are next to it. */
  readonly graphql: URL;
  /** Whether it can be reached from this machine only. */
  readonly onLoopback: boolean;
}

/** Undefined when the text is not an http or https URL, or has parameters, a fragment or a password. */
export function readAddress(text: string): GatewayAddress | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || /[?#@]/.test(text)) return undefined;
  url.pathname = `${url.pathname.replace(/\/+$/, '').replace(/\/graphql$/, '')}/graphql`;
  return { graphql: url, onLoopback: isLoopback(url.hostname.replace(/^\[(.*)\]$/, '$1')) };
}
