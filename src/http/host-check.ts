import type { IncomingMessage } from 'node:http';

/** Whether a name or address, without port, can mean this machine only. */
export function isLoopback(host: string): boolean {
  return /^(([a-z0-9-]+\.)*localhost\.?|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}

interface HostFault {
  readonly status: number;
  readonly message: string;
}

/**
 * Refuses a request whose `Host` and path make no URL (Yoga would answer with a stack trace) and, with `loopbackOnly`,
 * one whose `Host` does not name this machine: a web page that rebinds its own name to 127.0.0.1 would otherwise reach a
 * gateway that trusts whoever sits here. It comes before all else, so it works on the Node request.
 */
export function createHostCheck(loopbackOnly: boolean): (request: IncomingMessage) => HostFault | undefined {
  return ({ headers: { host }, url = '' }) => {
    if (!URL.canParse(`http://${host ?? 'localhost'}${url}`)) {
      return { status: 400, message: 'The Host header and the path make no URL.' };
    }
    if (loopbackOnly && !(host !== undefined && isLoopback(host.replace(/:\d*$/, '')))) {
      return { status: 421, message: 'This gateway answers on loopback only: address it as localhost or 127.0.0.1.' };
    }
    return undefined;
  };
}
