import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { close, listen } from './gateway.ts';

export interface Upstream extends AsyncDisposable {
  readonly origin: string;
  /** The requested paths, in order. */
  readonly paths: string[];
}

/** Starts an HTTP server that stands in for Linq, for behavior that the sandbox does not have. */
export async function startUpstream(
  respond: (response: ServerResponse, request: IncomingMessage, id: string) => void,
): Promise<Upstream> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    paths.push(path);
    respond(response, request, path.slice(path.lastIndexOf('/') + 1));
  });
  const origin = await listen(server);
  return { origin, paths, [Symbol.asyncDispose]: () => close(server) };
}

/** Responds to every call with this body. */
export function startUpstreamWith(body: string | ((id: string) => string)): Promise<Upstream> {
  return startUpstream((response, _request, id) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
    response.end(typeof body === 'string' ? body : body(id));
  });
}
