/** Live messages through the clients as they are published, as docs/frontend.md uses them. */
import { readFileSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApolloClient } from '../examples/clients/apollo-client.ts';
import { createRelayEnvironment } from '../examples/clients/relay.ts';
import { createUrqlClient } from '../examples/clients/urql.ts';
import { introspection } from '../examples/gql-tada/graphql-env.ts';
import { Client, fetchExchange } from '../examples/node_modules/@urql/core/dist/urql-core.js';
import { parse } from '../examples/node_modules/graphql/index.js';
import { createClient } from '../examples/node_modules/graphql-sse/lib/index.mjs';
import { requestSubscription } from '../examples/node_modules/relay-runtime/index.js';
import relayLive, { type liveSubscription } from '../examples/relay/__generated__/liveSubscription.graphql.ts';
import { startBrowser } from './support/browser.ts';
import { pause } from './support/callers.ts';
import { type Linq, startLinq } from './support/linq.ts';
import { type Program, startGateway } from './support/programs.ts';
import { startTcpProxy } from './support/tcp-proxy.ts';
import { deliver, openStreams, secret } from './support/webhooks.ts';

const document = 'subscription { chatMessageEvents(chatIds: [3]) { cursor kind message { chatId id text } } }';
const event = { cursor: expect.any(String), kind: expect.stringMatching(/^(MESSAGE|REACTION)_/) };

let sandbox: Program;
beforeAll(async () => {
  sandbox = await startGateway({}, 'sandbox');
});
afterAll(() => sandbox?.[Symbol.asyncDispose]());

interface Result {
  readonly data?: unknown;
  readonly error?: unknown;
}

/** The first two results. The stream goes on until the sandbox stops: urql's own end of it is an unhandled rejection in Node. */
function firstTwo(subscribe: (next: (result: Result) => void) => unknown): Promise<Result[]> {
  return new Promise((resolve) => {
    const results: Result[] = [];
    subscribe((result) => results.push(result) === 2 && resolve(results));
  });
}

it('Apollo Client shows each event as it arrives, in its multipart protocol', async () => {
  const client = createApolloClient({ url: sandbox.url, headers: () => ({}) });
  const results = await firstTwo((next) => client.subscribe({ query: parse(document) }).subscribe({ next }));
  expect(results).toMatchObject([{ data: { chatMessageEvents: event } }, { data: { chatMessageEvents: event } }]);
});

it('urql shows each event of Server-Sent Events', async () => {
  const client = new Client({
    url: sandbox.url,
    exchanges: [fetchExchange],
    fetchSubscriptions: true,
    preferGetMethod: false,
  });
  const results = await firstTwo((next) => client.subscription(document, {}).subscribe(next));
  expect(results).toMatchObject([{ data: { chatMessageEvents: event } }, { data: { chatMessageEvents: event } }]);
});

it('Apollo Client shows why a chat may not be followed', async () => {
  const client = createApolloClient({ url: sandbox.url, headers: () => ({}) });
  const query = parse(document.replace('[3]', '[403]'));
  const result = await new Promise<Result>((resolve) => {
    client.subscribe({ query }).subscribe({ next: resolve, error: (error) => resolve({ error }) });
  });
  expect(JSON.stringify(result.error)).toContain('FORBIDDEN');
});

const page = readFileSync(new URL('../docs/frontend.md', import.meta.url), 'utf8');
const [, live = ''] = /```graphql\n(subscription Live[\s\S]*?)```/.exec(page) ?? [];

/** The program in the page that contains this text. */
function program(text: string): string {
  return page.split(/```js\n|```/).find((block) => block.includes(text)) ?? '';
}

interface LiveEvent {
  readonly cursor: string;
  readonly message?: { readonly id: string } | null | undefined;
}

interface LiveResult {
  readonly data?: { readonly chatMessageEvents: LiveEvent } | null | undefined;
  readonly errors?: readonly unknown[];
}

interface Sink {
  next(result: LiveResult): void;
  /** The client ends the subscription, or reports an error. */
  end(why: unknown): void;
}

interface Variables {
  readonly chatIds: string[];
  readonly after?: string | undefined;
}

/** Returns a function that ends the subscription. */
type Follow = (url: string, variables: Variables, sink: Sink) => () => void;

const followWithApollo: Follow = (url, variables, { next, end }) => {
  const subscription = createApolloClient({ url })
    .subscribe<NonNullable<LiveResult['data']>>({ query: parse(live), variables })
    .subscribe({
      next: ({ data, error }) => (error ? end(error) : next({ data })),
      error: end,
      complete: () => end('complete'),
    });
  return () => subscription.unsubscribe();
};

const followWithUrql: Follow = (url, variables, { next, end }) => {
  const { unsubscribe } = createUrqlClient({ url, schema: introspection })
    .subscription<NonNullable<LiveResult['data']>>(live, variables)
    .subscribe(({ data, error, hasNext }) => {
      if (error) end(error);
      else if (hasNext) next({ data });
      else end('complete'); // with the last event again
    });
  return unsubscribe;
};

const followWithRelay: Follow = (url, variables, { next, end }) => {
  const { dispose } = requestSubscription<liveSubscription>(createRelayEnvironment({ url }), {
    subscription: relayLive,
    variables: variables,
    onNext: (data) => next({ data }),
    onError: end,
    onCompleted: () => end('complete'),
  });
  return dispose;
};

/** In place of the delay before a program connects again. */
const soon = (proceed: () => void) => setImmediate(proceed);

async function readAll(results: AsyncIterable<LiveResult>, { next, end }: Sink): Promise<void> {
  try {
    for await (const result of results) {
      if (result.errors) end(result);
      else next(result);
    }
    end('complete');
  } catch (error) {
    end(error);
  }
}

const followWithFetch: Follow = (url, variables, sink) => {
  const follow = new Function('setTimeout', `${program('function* follow(url')}\nreturn follow;`)(soon);
  const controller = new AbortController();
  void readAll(follow(url, live, variables, undefined, controller.signal), sink);
  return () => controller.abort();
};

const followWithGraphqlSse: Follow = (url, variables, sink) => {
  const text = program("from 'graphql-sse'").replace(/^import .*$/m, '');
  const { client, follow } = new Function(
    'createClient',
    'url',
    'jwt',
    'setTimeout',
    `${text}\nreturn { client, follow };`,
  )(createClient, url, 'jwt', soon);
  void readAll(follow(live, variables), sink);
  return () => client.dispose();
};

describe('a client that follows a chat', () => {
  let linq: Linq;
  let gateway: Program;
  let browser: Browser;
  beforeAll(async () => {
    linq = await startLinq();
    gateway = await startMessages();
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    for (const one of [gateway, linq]) await one?.[Symbol.asyncDispose]();
  });

  const startMessages = () =>
    startGateway({ LINQ_API_URL: linq.origin, LINQ_WEBHOOK_SECRETS: secret, LINQ_INTEGRATION_TOKEN: 'token' });

  const clients: [name: string, continues: boolean, follow: Follow][] = [
    ['Apollo Client', false, followWithApollo],
    ['urql', false, followWithUrql],
    ['Relay', false, followWithRelay],
    ['the program with graphql-sse', true, followWithGraphqlSse],
    ['the program with fetch', true, followWithFetch],
  ];

  it.each(clients)('misses and repeats no event after a lost connection: %s', async (_name, continues, follow) => {
    await using proxy = await startTcpProxy(gateway.url);
    const events: LiveEvent[] = [];
    const ends: unknown[] = [];
    let wake = () => {};
    let stop = () => {};
    const begin = () => {
      const variables = { chatIds: ['2'], after: events.at(-1)?.cursor };
      stop = follow(`${proxy.origin}/graphql`, variables, {
        next({ data }) {
          if (data) events.push(data.chatMessageEvents);
          wake();
        },
        end(why) {
          ends.push(why);
          wake();
        },
      });
    };
    const until = async (condition: () => boolean) => {
      while (!condition())
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    };
    begin();
    await openStreams(gateway.url, 1);
    await deliver(gateway.url, '2', '1');
    await until(() => events.length === 1);
    proxy.cut();
    await openStreams(gateway.url, 0);
    await deliver(gateway.url, '2', '2');
    await deliver(gateway.url, '2', '3');
    proxy.restore();
    if (!continues) {
      await until(() => ends.length > 0);
      begin();
    }
    await until(() => events.length === 3);
    await deliver(gateway.url, '2', '4');
    await until(() => events.length === 4);
    expect(events.map(({ message }) => message?.id)).toEqual(['1', '2', '3', '4']);
    stop();
    await openStreams(gateway.url, 0);
  });

  it.each(clients)(
    'receives why a chat may not be followed, and does not retry: %s',
    async (_name, _continues, follow) => {
      linq.calls.length = 0;
      const ends: unknown[] = [];
      await new Promise<void>((resolve) => {
        follow(
          gateway.url,
          { chatIds: ['403'] },
          {
            next: (result) => ends.push(result),
            end(why) {
              ends.push(why);
              setImmediate(resolve);
            },
          },
        );
      });
      expect(JSON.stringify(ends[0])).toContain('"code":"FORBIDDEN"');
      await openStreams(gateway.url, 0);
      expect(linq.calls).toHaveLength(1);
    },
  );

  it.each(clients.filter(([, continues]) => !continues))(
    'detects the end of the stream when the gateway stops: %s',
    async (_name, _continues, follow) => {
      await using stopping = await startMessages();
      let events = 0;
      await new Promise<void>((resolve) => {
        follow(
          stopping.url,
          { chatIds: ['2'] },
          {
            next() {
              events++;
              void stopping[Symbol.asyncDispose]();
            },
            end: () => resolve(),
          },
        );
        void openStreams(stopping.url, 1).then(() => deliver(stopping.url, '2', '1'));
      });
      expect(events).toBe(1);
    },
  );

  /** Runs the program for EventSource in a page of the gateway. */
  async function openEventSource(origin: string, chatId: string) {
    const page = await browser.newPage();
    await page.goto(`${origin}/graphql`);
    await page.evaluate(`{
      globalThis.shown = [];
      globalThis.sources = [];
      globalThis.EventSource = class extends EventSource {
        constructor(url) {
          super(url);
          sources.push(this);
        }
      };
      ${program('new EventSource')}
      follow(${JSON.stringify(live)}, { chatIds: ['${chatId}'] }, (result) => shown.push(result));
    }`);
    return {
      /** So many results. (`waitForFunction` would need what the policy of the page forbids.) */
      async results(count: number): Promise<LiveResult[]> {
        for (;;) {
          const shown = await page.evaluate<LiveResult[]>('shown');
          if (shown.length >= count) return shown;
          await pause(10);
        }
      },
      /** Resolves when the first source is closed, with the number of all. */
      async closed(): Promise<number> {
        while ((await page.evaluate('sources[0].readyState')) !== 2) await pause(10);
        return page.evaluate('sources.length');
      },
      [Symbol.asyncDispose]: () => page.close(),
    };
  }

  it.each([
    ['a cut', undefined],
    ['a 503', 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'],
  ])('misses and repeats no event after %s: EventSource, in a browser', async (_what, response) => {
    await using proxy = await startTcpProxy(gateway.url);
    await using source = await openEventSource(proxy.origin, '2');
    await openStreams(gateway.url, 1);
    await deliver(gateway.url, '2', '1');
    await source.results(1);
    proxy.cut(response);
    await openStreams(gateway.url, 0);
    await deliver(gateway.url, '2', '2');
    await deliver(gateway.url, '2', '3');
    if (response !== undefined) await source.closed();
    proxy.restore();
    await source.results(3);
    await deliver(gateway.url, '2', '4');
    const results = await source.results(4);
    expect(results.map(({ data }) => data?.chatMessageEvents.message?.id)).toEqual(['1', '2', '3', '4']);
  });

  it('receives why a chat may not be followed, and does not retry: EventSource, in a browser', async () => {
    await using source = await openEventSource(new URL(gateway.url).origin, '403');
    const [result] = await source.results(1);
    expect(result).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
    expect(await source.closed()).toBe(1);
  });
});
