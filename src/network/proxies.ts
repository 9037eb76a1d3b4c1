import { isLoopback } from '../http/loopback.ts';

/** As the variables have them: the URL of the proxy for each scheme, and the hosts that are reached without one. */
export interface Proxies {
  readonly https: string | undefined;
  readonly http: string | undefined;
  readonly none: string;
}

/** The URL of the proxy for this URL; undefined reaches it directly. Loopback is always reached directly. */
export function proxyFor(target: string, { https, http, none }: Proxies): string | undefined {
  const { protocol, hostname, port } = new URL(target);
  const isSecure = protocol === 'https:';
  const host = plainName(hostname);
  if (isLoopback(host) || isExcepted(host, port || (isSecure ? '443' : '80'), none)) return undefined;
  return isSecure ? https : http;
}

/** The header `proxy-authorization`, if the URL of the proxy has credentials. */
export function proxyAuthorization({ username, password }: URL): string | undefined {
  if (username === '') return undefined;
  return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
}

/** As undici and curl read `NO_PROXY`: `*`, or names that also count for all below them, unless they begin with `*.`; all may have a port. */
function isExcepted(host: string, port: string, none: string): boolean {
  return none.split(/[\s,]+/).some((entry) => {
    const [, name = '', forPort = port] = /^(\[.*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [undefined, entry];
    if (entry === '' || forPort !== port) return false;
    if (name === '*') return true;
    const suffix = plainName(name.replace(/^\*?\./, ''));
    return (host === suffix && !name.startsWith('*')) || host.endsWith(`.${suffix}`);
  });
}

/** Without the brackets of an IPv6 address, the dot at the end of a qualified name, and capitals. */
function plainName(host: string): string {
  return host.replace(/^\[(.+)\]$|\.$/g, '$1').toLowerCase();
}
