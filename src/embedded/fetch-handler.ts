import { createServer, type IncomingMessage, type RequestListener, request as send } from 'node:http';
import { duplexPair, pipeline, Readable } from 'node:stream';

export type FetchHandler = (request: Request) => Promise<Response>;

/** What concerns one connection alone. */
const ofTheConnection = new Set(
  'connection expect keep-alive proxy-connection te trailer transfer-encoding upgrade'.split(' '),
);

/**
 * Runs a handler of `node:http` for each `Request`, over a connection in memory between Node's own client and server, so that
 * the handler has a real Node request and response: bodies are streamed with backpressure both ways, and the connection closes
 * when the request is aborted or the body of the response is canceled. Rejects with the reason of the signal when aborted.
 */
export function createFetchHandler(handle: RequestListener): FetchHandler {
  const server = createServer({ requireHostHeader: false }, handle); // never listens

  function connect() {
    const [client, socket] = duplexPair();
    client.once('close', () => socket.destroy());
    socket.once('close', () => client.destroy());
    server.emit('connection', socket); // which Node documents for any duplex stream
    return client;
  }

  return ({ url, method, headers, body, signal }) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const { host, pathname, search } = new URL(url);
      const sent = [...headers].filter(([name]) => !ofTheConnection.has(name) && name !== 'content-length'); // it is sent in chunks
      const outgoing = send({
        createConnection: connect,
        method,
        path: pathname + search,
        headers: { host, ...Object.fromEntries(sent) },
      });
      const abort = () => {
        reject(signal.reason);
        outgoing.destroy();
      };
      signal.addEventListener('abort', abort, { once: true });
      outgoing.once('close', () => signal.removeEventListener('abort', abort));
      outgoing.on('error', reject); // after the response it has no effect: its body fails
      outgoing.once('response', (response) => resolve(toResponse(response, method)));
      if (body === null) outgoing.end();
      else pipeline(Readable.from(body).once('error', reject), outgoing, () => {}); // an error is that of `outgoing` too
    });
}

function toResponse(incoming: IncomingMessage, method: string): Response {
  const { statusCode = 500, headersDistinct } = incoming;
  const entries = Object.entries(headersDistinct).filter(([name]) => !ofTheConnection.has(name));
  const headers = entries.flatMap(([name, values = []]) => values.map((value): [string, string] => [name, value]));
  if (method === 'HEAD' || statusCode === 204 || statusCode === 304) {
    incoming.resume();
    return new Response(null, { status: statusCode, headers });
  }
  return new Response(toWebStream(incoming), { status: statusCode, headers });
}

/** As `Readable.toWeb`, in the type that `Response` takes, and without reading ahead. */
function toWebStream(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = incoming[Symbol.asyncIterator]();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => void incoming.destroy(),
    },
    { highWaterMark: 0 },
  );
}
