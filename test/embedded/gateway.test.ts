import { once } from 'node:events';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { graphql } from 'graphql';
import { describe, expect, it } from 'vitest';
import {
  createContextFactory,
  createGateway,
  type EmbeddedGateway,
  type GatewayOptions,
  schema,
} from '../../src/embedded/index.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { startForwardProxy } from '../support/forward-proxy.ts';
import { close, listen } from '../support/gateway.ts';
import { startUpstream } from '../support/upstream.ts';
import { secret, signatureOf, webhook } from '../support/webhooks.ts';

const query = '{ chatMessage(chatId: 1, id: 224) { text } }';
const hello = { data: { chatMessage: { text: 'Hello, how are you?' } } };

interface Embedded extends AsyncDisposable {
  readonly gateway: EmbeddedGateway;
  /** The tokens of the calls to the sandbox. */
  readonly tokens: unknown[];
}

async function startEmbedded(options: GatewayOptions = {}): Promise<Embedded> {
  const tokens: unknown[] = [];
  const sandbox = await startSandbox({ onCall: ({ headers }) => tokens.push(headers['x-linq-integration-token']) });
  const gateway = createGateway({ origin: sandbox.origin, token: 'the-process', allowAnonymous: true, ...options });
  return {
    gateway,
    tokens,
    async [Symbol.asyncDispose]() {
      await gateway.close();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

const post = (body: object | string, init: RequestInit = {}) =>
  new Request('https://graph.example.com/graphql', {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  });

/** The types of `fetch` lack `duplex`, which a body that is a stream requires. */
const streamed = (body: unknown): object => ({ body, duplex: 'half' });

type Ask = (request: Request) => Promise<Response>;

/** The same tests for both handlers: the Node handler behind a server, at the path and with the headers of the request. */
const hosts: [name: string, use: (gateway: EmbeddedGateway, run: (ask: Ask) => Promise<void>) => Promise<void>][] = [
  ['fetch', (gateway, run) => run(gateway.fetch)],
  [
    'handle',
    async (gateway, run) => {
      const server = createServer(gateway.handle);
      const origin = await listen(server);
      const ask: Ask = ({ url, method, headers, body, signal }) => {
        const { pathname, search } = new URL(url);
        return fetch(new Request(origin + pathname + search, { method, headers, signal, ...streamed(body) }));
      };
      await run(ask).finally(() => close(server));
    },
  ],
];

describe.each(hosts)('the %s handler', (_name, use) => {
  it('executes an operation with the token of the process, and with that of a caller', async () => {
    await using embedded = await startEmbedded();
    await use(embedded.gateway, async (ask) => {
      const response = await ask(post({ query }, { headers: { 'x-request-id': 'r-1' } }));
      expect(response.status).toBe(200);
      expect(response.headers.get('x-request-id')).toBe('r-1');
      expect(response.headers.has('transfer-encoding')).toBe(false);
      expect(await response.json()).toEqual(hello);
      await (await ask(post({ query }, { headers: { 'x-linq-integration-token': 'mine' } }))).json();
      const get = await ask(
        new Request(`https://graph.example.com/graphql?query=${encodeURIComponent('{ __typename }')}`),
      );
      expect(await get.json()).toEqual({ data: { __typename: 'Query' } });
      expect(embedded.tokens).toEqual(['the-process', 'mine']);
    });
  });

  it('serves GraphiQL to a browser, unless it is switched off', async () => {
    for (const graphiql of [true, false]) {
      await using embedded = await startEmbedded({ graphiql });
      await use(embedded.gateway, async (ask) => {
        const response = await ask(
          new Request('https://graph.example.com/graphql', { headers: { accept: 'text/html' } }),
        );
        expect((await response.text()).includes('<html')).toBe(graphiql);
      });
    }
  });

  it('refuses a caller without its credential', async () => {
    await using embedded = await startEmbedded({ apiKeys: ['key-1', 'key-2'], allowAnonymous: false });
    await use(embedded.gateway, async (ask) => {
      const refused = await ask(post({ query }));
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toBe('Bearer');
      expect(await refused.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
      expect(embedded.tokens).toEqual([]);
      const accepted = await ask(post({ query }, { headers: { authorization: 'Bearer key-2' } }));
      expect(await accepted.json()).toEqual(hello);
    });
  });

  it('keeps the limits of an operation and of a body', async () => {
    await using embedded = await startEmbedded({ maxMessages: 1, maxAliases: 2, maxBodyBytes: 200 });
    await use(embedded.gateway, async (ask) => {
      const message = (id: number) => `m${id}: chatMessage(chatId: 2, id: ${id}) { id }`;
      for (const ids of [
        [1, 2],
        [1, 1, 1],
      ]) {
        const response = await ask(post({ query: `{ ${ids.map(message).join(' ')} }` }));
        expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'OPERATION_TOO_COSTLY' } }] });
      }
      const large = await ask(post({ query: `{ chatMessage(chatId: 1, id: "${'1'.repeat(200)}") { id } }` }));
      expect(large.status).toBe(413);
      expect(await large.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
      expect(embedded.tokens).toEqual([]);
    });
  });

  it('refuses a response that is larger than maxResultBytes', async () => {
    await using embedded = await startEmbedded({ maxResultBytes: 200 });
    await use(embedded.gateway, async (ask) => {
      const sent = (aliases: number) =>
        ask(
          post({
            query: `{ chatMessage(chatId: 1, id: 224) { ${Array.from({ length: aliases }, (_, i) => `a${i}: text`).join(' ')} } }`,
          }),
        );
      expect(await (await sent(1)).json()).toMatchObject({ data: { chatMessage: { a0: expect.any(String) } } });
      const refused = await (await sent(20)).json();
      expect(refused).toMatchObject({ errors: [{ extensions: { code: 'OPERATION_TOO_COSTLY' } }] });
    });
  });

  it('ends the call to Linq when the request is aborted', async () => {
    const called = Promise.withResolvers<{ closed: Promise<unknown> }>();
    await using upstream = await startUpstream((response) => called.resolve({ closed: once(response, 'close') }));
    await using embedded = await startEmbedded({ origin: upstream.origin });
    await use(embedded.gateway, async (ask) => {
      const caller = new AbortController();
      const response = ask(post({ query }, { signal: caller.signal }));
      const { closed } = await called.promise;
      caller.abort();
      await expect(response).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
      await closed;
    });
  });

  it('masks an internal error of Linq, and logs it', async () => {
    const lines: string[] = [];
    const log = { debug() {}, warn: (_fields: object, line: string) => lines.push(line), error() {} };
    await using embedded = await startEmbedded({ log });
    await use(embedded.gateway, async (ask) => {
      const response = await ask(post({ query: '{ chatMessage(chatId: 602, id: 7) { id } }' }));
      expect(await response.json()).toEqual({ data: { chatMessage: { id: '7' } } });
      expect(lines).toContain('Linq response does not match its documentation');
    });
  });

  it('accepts webhooks and streams their events where webhooks are configured', async () => {
    const document = 'subscription { chatMessageEvents(chatIds: [1]) { kind messageId message { text } } }';
    const open = post({ query: document }, { headers: { accept: 'text/event-stream' } });
    const deliver = () => {
      const body = JSON.stringify(webhook({}, { id: '224' }));
      const headers = { 'content-type': 'application/json', 'x-webhook-signature': signatureOf(body) };
      return new Request('https://graph.example.com/webhooks/linq', { method: 'POST', headers, body });
    };
    await using embedded = await startEmbedded({ webhooks: { secrets: ['older', secret], maxStreamsPerCaller: 1 } });
    await use(embedded.gateway, async (ask) => {
      const stream = await ask(open.clone());
      const text = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
      expect((await text?.read())?.value).toMatch(/^retry: /);
      expect((await ask(open.clone())).status).toBe(503);
      expect((await ask(deliver())).status).toBe(200);
      expect((await text?.read())?.value).toContain(
        '"kind":"MESSAGE_RECEIVED","messageId":"224","message":{"text":"Hello, how are you?"}',
      );
      await text?.cancel();
    });
    await using without = await startEmbedded();
    await use(without.gateway, async (ask) => {
      expect((await ask(deliver())).status).toBe(404);
      const refused = await (await ask(open.clone())).text();
      expect(refused).toContain('"code":"BAD_REQUEST"');
      expect(refused).toContain('the option webhooks of createGateway');
    });
  });

  it('fails every request with OVERLOADED once it is closed', async () => {
    await using embedded = await startEmbedded();
    await use(embedded.gateway, async (ask) => {
      expect(await (await ask(post({ query }))).json()).toEqual(hello);
      await embedded.gateway.close();
      const response = await ask(post({ query }));
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'OVERLOADED' } }] });
    });
  });
});

describe('the fetch handler', () => {
  it('streams the body of a request, and counts it while it arrives', async () => {
    await using embedded = await startEmbedded({ maxBodyBytes: 1_000 });
    const inParts = (parts: string[]) =>
      post('', streamed(Readable.toWeb(Readable.from(parts.map((part) => Buffer.from(part))))));
    const body = JSON.stringify({ query });
    const response = await embedded.gateway.fetch(inParts([body.slice(0, 9), body.slice(9)]));
    expect(await response.json()).toEqual(hello);
    expect((await embedded.gateway.fetch(inParts(Array(20).fill(' '.repeat(100))))).status).toBe(413);
  });

  it('rejects a request that was aborted before, and one whose body fails or was read', async () => {
    await using embedded = await startEmbedded();
    await expect(embedded.gateway.fetch(post({ query }, { signal: AbortSignal.abort('left') }))).rejects.toBe('left');
    const failing = new ReadableStream({ pull: (controller) => controller.error(new Error('cut off')) });
    await expect(embedded.gateway.fetch(post('', streamed(failing)))).rejects.toThrow('cut off');
    const read = post({ query });
    await read.text();
    await expect(embedded.gateway.fetch(read)).rejects.toThrow(TypeError);
    expect(embedded.tokens).toEqual([]);
  });

  it('responds without a body to HEAD and with statuses that have none', async () => {
    await using embedded = await startEmbedded({ corsOrigins: ['https://app.example.com'] });
    const preflight = new Request('https://graph.example.com/graphql', {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example.com', 'access-control-request-method': 'POST' },
    });
    const allowed = await embedded.gateway.fetch(preflight);
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([
      204,
      'https://app.example.com',
    ]);
    const live = await embedded.gateway.fetch(new Request('https://graph.example.com/livez', { method: 'HEAD' }));
    expect([live.status, await live.text()]).toEqual([200, '']);
  });

  it('serves many requests at once, each with its own response', async () => {
    await using embedded = await startEmbedded();
    const ids = Array.from({ length: 50 }, (_, index) => String(index + 1));
    const answers = await Promise.all(
      ids.map(async (id) => {
        const response = await embedded.gateway.fetch(post({ query: `{ chatMessage(chatId: 2, id: ${id}) { id } }` }));
        return response.json();
      }),
    );
    expect(answers).toEqual(ids.map((id) => ({ data: { chatMessage: { id } } })));
  });
});

it('reports that the body was read before the Node handler was called', async () => {
  await using embedded = await startEmbedded();
  const failed = Promise.withResolvers<unknown>();
  const server = createServer(async (request, response) => {
    await text(request);
    try {
      embedded.gateway.handle(request, response);
    } catch (error) {
      failed.resolve(error);
      response.end();
    }
  });
  const origin = await listen(server);
  await fetch(origin, { method: 'POST', body: '{}' });
  expect(await failed.promise).toMatchObject({ message: expect.stringContaining('before body parsers') });
  await close(server);
});

it('reaches Linq through the given proxy, unless Linq is on loopback', async () => {
  await using upstream = await startUpstream((response, _request, id) => {
    response.end(`{"data":{"id":${id},"text":"Hello, how are you?"}}`);
  });
  await using proxy = await startForwardProxy(upstream.origin, { credentials: 'user:hunter2' });
  const options = { token: 'mine', allowAnonymous: true, proxy: proxy.url };
  for (const origin of ['http://linq.test', upstream.origin]) {
    const gateway = createGateway({ ...options, origin });
    expect(await (await gateway.fetch(post({ query }))).json()).toEqual(hello);
    await gateway.close();
  }
  const linq = createContextFactory({ token: 'mine', origin: 'http://linq.test', proxy: proxy.url });
  expect(await graphql({ schema, source: query, contextValue: linq.createContext() })).toEqual(hello);
  await linq.close();
  const proxied = expect.stringMatching(/^GET http:\/\/linq\.test\//);
  expect(proxy.requests).toEqual([proxied, proxied]);
  expect(upstream.paths).toHaveLength(3);
});

describe('the options of a gateway', () => {
  it.each([
    [{ token: 'mine' }, /^token must be used with apiKeys or jwt, or with allowAnonymous: true/],
    [
      { apiKeys: 'a,b' },
      /^apiKeys must be an array of keys of visible ASCII characters, without commas, got something else$/,
    ],
    [{ apiKeys: ['a,b'] }, /^apiKeys must be .*, got something else$/],
    [{ apiKeys: [' a'] }, /^apiKeys must be /],
    [{ apiKeys: [''] }, /^apiKeys must be /],
    [{ corsOrigins: ['*'] }, /^corsOrigins must be an array of origins/],
    [{ graphiql: 'false' }, /^graphiql must be true or false, got "false"$/],
    [{ maxDepth: 0, maxBodyBytes: 1.5 }, /^maxBodyBytes must be .*\nmaxDepth must be /],
    [{ jwt: { jwksUrl: 'https://a.example/', issuer: 'a' } }, /^jwt must be an object with jwksUrl/],
    [{ jwt: { jwksUrl: 'http://a.example/', issuer: 'a', audience: 'b' } }, /^jwt must be an object with jwksUrl/],
    [{ jwt: null }, /^jwt must be .*, got null$/],
    [{ redisUrl: 'http://localhost' }, /^redisUrl must be /],
    [
      { proxy: 'socks5://user:hunter2@proxy' },
      /^proxy must be the URL of an HTTP proxy, such as .*, got something else$/,
    ],
    [{ connectionMaxAgeMs: 0 }, /^connectionMaxAgeMs must be a whole number from 1 to /],
    [{ webhooks: {} }, /^webhooks must be an object with secrets, .*, got something else$/],
    [{ webhooks: { secrets: [] } }, /^webhooks must be /],
    [{ webhooks: { secrets: ['a,b'] } }, /^webhooks must be /],
    [{ webhooks: { secrets: ['a'], maxStreams: -1 } }, /^webhooks must be /],
    [{ webhooks: { secrets: ['a'], secret: 'a' } }, /^webhooks must be /],
    [{ port: 4000 }, /^port is not an option; the options are origin, token, /],
    [null, /^options must be an object, got null$/],
  ])('rejects %o', (options, message) => {
    expect(() => createGateway(options as GatewayOptions)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(message) }),
    );
  });

  it.each([
    {},
    { apiKeys: [], corsOrigins: [] },
    { token: 'mine', apiKeys: ['a'] },
    { token: '' },
    { webhooks: { secrets: ['a'], maxStreams: 0 } },
  ])('accepts %o', async (options) => {
    await createGateway(options).close();
  });

  it('include the only documents that are executed', async () => {
    expect(() => createGateway({ trustedDocuments: 'missing.json' })).toThrow('ENOENT');
  });
});
