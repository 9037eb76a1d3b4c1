import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** Whether a name or address, without port or brackets, always means this machine. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return host.startsWith('127.');
  if (isIPv6(host)) return new SocketAddress({ address: host, family: 'ipv6' }).address === '::1';
  return /^([a-z0-9-]+\.)*localhost\.?$/i.test(host);
}
