import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createFetchHandler } from '../../src/embedded/fetch-handler.ts';

const url = 'https://graph.example.com/graphql?a=%20b';

/** A handler that leaves its response to the test. */
function controlled(): { handle: RequestListener; response: Promise<ServerResponse> } {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  return { handle: (_request, response) => resolve(response), response: promise };
}

describe('the fetch handler', () => {
  it('passes on method, path, host and headers, without those of a connection', async () => {
    const fetch = createFetchHandler(({ method, url, headers }, response) => {
      response.setHeader('set-cookie', ['a=1', 'b=2']);
      response
        .writeHead(418, { 'x-own': 'yes', 'keep-alive': 'timeout=1' })
        .end(JSON.stringify({ method, url, headers }));
    });
    const headers = { 'x-one': '1', connection: 'keep-alive', 'transfer-encoding': 'chunked', expect: '100-continue' };
    const response = await fetch(new Request(url, { method: 'PUT', headers }));
    expect(response.status).toBe(418);
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect([...response.headers.keys()]).toEqual(['date', 'set-cookie', 'set-cookie', 'x-own']);
    const seen = await response.json();
    expect(seen).toMatchObject({ method: 'PUT', url: '/graphql?a=%20b' });
    expect(seen.headers).toMatchObject({ host: 'graph.example.com', 'x-one': '1' });
    expect(seen.headers).not.toHaveProperty('expect');
  });

  it('passes on each part of a response as soon as it is written', async () => {
    const { handle, response } = controlled();
    const answer = createFetchHandler(handle)(new Request(url));
    (await response).write('one');
    const reader = (await answer).body?.getReader();
    const read = async () => String(Buffer.from((await reader?.read())?.value ?? []));
    expect(await read()).toBe('one');
    (await response).write('two');
    expect(await read()).toBe('two');
    (await response).end();
    expect((await reader?.read())?.done).toBe(true);
  });

  it('makes the handler wait while the client does not read', async () => {
    const { handle, response } = controlled();
    const answer = createFetchHandler(handle)(new Request(url));
    const written = await response;
    let parts = 0;
    while (written.write(Buffer.alloc(16_384))) parts += 1;
    expect(parts).toBeLessThan(64);
    written.end();
    expect((await (await answer).arrayBuffer()).byteLength).toBe((parts + 1) * 16_384);
  });

  it('closes the connection when the body of the response is canceled', async () => {
    const { handle, response } = controlled();
    const answer = createFetchHandler(handle)(new Request(url));
    const closed = once(await response, 'close');
    (await response).write('one');
    await (await answer).body?.cancel();
    await closed;
  });

  it('closes the connection and fails the body when the request is aborted after the response began', async () => {
    const { handle, response } = controlled();
    const caller = new AbortController();
    const answer = createFetchHandler(handle)(new Request(url, { signal: caller.signal }));
    const closed = once(await response, 'close');
    (await response).write('one');
    const body = (await answer).text();
    caller.abort();
    await expect(body).rejects.toThrow();
    await closed;
  });

  it('rejects when the handler cuts the connection', async () => {
    const fetch = createFetchHandler((_request, response) => response.destroy());
    await expect(fetch(new Request(url))).rejects.toThrow();
  });
});
