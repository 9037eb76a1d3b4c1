import type { IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Listening, listen } from './listen.ts';

export interface Recorder extends Listening {
  /** Where the programs under test reach the server behind it. */
  readonly url: string;
  /** The requests that went through, in order. */
  readonly requests: {
    readonly headers: IncomingHttpHeaders;
    readonly body: string;
    /** By `performance.now()`. */
    readonly at: number;
  }[];
}

const forwarded = [
  'content-type',
  'accept',
  'authorization',
  'x-linq-integration-token',
  'x-request-id',
  'x-request-timeout-ms',
];

/** Stands in front of a GraphQL server, on this port or a free one, and writes down what it is asked. */
export async function startRecorder(target: string, port = 0): Promise<Recorder> {
  const requests: Recorder['requests'] = [];
  const server = await listen(async (request, response) => {
    const body = await text(request);
    requests.push({ headers: request.headers, body, at: performance.now() });
    const headers = new Headers();
    for (const name of forwarded) {
      const value = request.headers[name];
      if (typeof value === 'string') headers.set(name, value);
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      const answer = await fetch(target, { method: 'POST', headers, body, signal: gone.signal });
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
      for await (const chunk of answer.body ?? []) response.write(chunk);
      response.end();
    } catch {
      response.destroy(); // one of the two is gone
    }
  }, port);
  return { ...server, url: `${server.origin}/graphql`, requests };
}
