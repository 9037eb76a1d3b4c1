import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startBrowser, visit } from './support/browser.ts';
import { type Listening, listen } from './support/listen.ts';
import { type Program, startGateway } from './support/programs.ts';

/** What Apollo Client, Sentry, W3C Trace Context and a page of its own add to a request. */
const headers = {
  'content-type': 'application/json',
  'apollographql-client-name': 'web',
  'apollographql-client-version': '1.0',
  baggage: 'sentry-environment=production',
  'sentry-trace': '771a43a4192642f0b136d5159a501700-7051054a05ad6cf0-1',
  traceparent: '00-771a43a4192642f0b136d5159a501700-7051054a05ad6cf0-01',
  tracestate: 'vendor=value',
  'x-of-our-own': 'value',
};

let browser: Browser;
let allowed: Listening;
let other: Listening;
let gateway: Program;

beforeAll(async () => {
  const page = (
    _request: unknown,
    response: { setHeader(name: string, value: string): void; end(html: string): void },
  ) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>A page</title><link rel="icon" href="data:,">');
  };
  allowed = await listen(page);
  other = await listen(page);
  gateway = await startGateway({ CORS_ORIGINS: allowed.origin }, 'sandbox');
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.close();
  for (const one of [gateway, allowed, other]) await one?.[Symbol.asyncDispose]();
});

/** What a page of this origin reads from the gateway, or the error of its `fetch`. */
async function fetchFrom(origin: string): Promise<unknown> {
  // The browser's own headers alone: those of a test would need a preflight too.
  await using visited = await visit(browser, origin, { extraHTTPHeaders: {} });
  return await visited.page.evaluate(
    async ([url, headers]) => {
      const body = JSON.stringify({ query: '{ chatMessage(chatId: 1, id: 224) { id } }' });
      try {
        return await (await fetch(url, { method: 'POST', headers, body })).json();
      } catch (error) {
        return (error as Error).name;
      }
    },
    [gateway.url, headers] as const,
  );
}

it('lets a page of an allowed origin send the headers of Apollo Client, Sentry, W3C and its own', async () => {
  expect(await fetchFrom(allowed.origin)).toEqual({ data: { chatMessage: { id: '224' } } });
});

it('does not let a page of another origin read anything', async () => {
  expect(await fetchFrom(other.origin)).toBe('TypeError');
});
