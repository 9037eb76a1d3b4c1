/**
 * GraphiQL as people meet it, in a real Chromium that reaches nothing but loopback. With SCREENSHOTS=1 the picture in
 * docs/ is taken again.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startBrowser } from './support/browser.ts';
import {
  activeTitle,
  editor,
  fillIn,
  kept,
  load,
  run,
  shown,
  switchTo,
  titles,
  type VisitOptions,
  visitGraphiQL,
} from './support/graphiql.ts';
import { type Program, root, startGateway } from './support/programs.ts';

const token = 'a-credential-that-nobody-keeps';

/** Stands before the gateway and counts what goes to the browser: CDP does not tell of what workers load. */
async function startMeter(url: string) {
  const meter = { bytes: 0, url: '', close: () => {} };
  const server = createTcpServer((socket) => {
    const upstream = connect(Number(new URL(url).port), '127.0.0.1');
    upstream.on('data', (chunk) => {
      meter.bytes += chunk.length;
    });
    socket.pipe(upstream).pipe(socket);
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  meter.url = url.replace(/:\d+/, `:${(server.address() as AddressInfo).port}`);
  meter.close = () => server.close();
  return meter;
}

let browser: Browser;
let context: BrowserContext;
let sandbox: Program;
/** What must not happen: foreign requests, failed ones, errors and violations of the policy. */
let troubles: string[];

beforeAll(async () => {
  sandbox = await startGateway({}, 'sandbox');
  browser = await startBrowser(); // not page.route, which switches the browser's cache off
});

afterAll(async () => {
  await browser?.close();
  await sandbox?.[Symbol.asyncDispose]();
});

afterEach(() => context?.close());

/** A browser that was never here. */
async function open(url: string, options: VisitOptions = {}): Promise<Page> {
  const visit = await visitGraphiQL(browser, url, options);
  ({ context, troubles } = visit);
  return visit.page;
}

it('sends no request beyond this machine', async () => {
  context = await browser.newContext();
  const page = await context.newPage();
  for (const url of ['http://example.com/', 'http://192.0.2.1/']) {
    await expect(page.goto(url)).rejects.toThrow('ERR_NAME_NOT_RESOLVED');
  }
});

it('loads less than 1.6 MB at first, and less than 50 kB from then on', async () => {
  const meter = await startMeter(sandbox.url);
  const page = await open(meter.url);
  const first = meter.bytes;
  meter.bytes = 0;
  await load(page, () => page.reload());
  process.stdout.write(`GraphiQL: first load ${first} bytes on the wire, reload ${meter.bytes}\n`);
  expect(first).toBeLessThan(1_600_000);
  expect(first).toBeGreaterThan(1_000_000); // it was counted
  expect(meter.bytes).toBeLessThan(50_000);
  expect(meter.bytes).toBeGreaterThan(1_000);
  expect(troubles).toEqual([]);
  meter.close();
});

describe('in front of the sandbox', () => {
  it('reads the documented message by keyboard alone', async () => {
    const page = await open(sandbox.url);
    expect(await activeTitle(page)).toBe('DocumentedMessage');
    const { data } = await run(page);
    expect(data.chatMessage.text).toBe('Hello, how are you?');
    await expect.poll(() => shown(page, 'Result Window')).toContain('"text": "Hello, how are you?"');
    if (process.env['SCREENSHOTS']) await page.screenshot({ path: `${root}/docs/graphiql.png` });
    expect(troubles).toEqual([]);
  });

  it('runs the query from the editor, which the keyboard reaches', async () => {
    const page = await open(sandbox.url);
    const inEditor = () => page.evaluate(() => document.activeElement?.closest('.graphiql-query-editor') !== null);
    for (let presses = 0; presses < 40 && !(await inEditor()); presses++) await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Control+End');
    const { data } = await run(page);
    expect(data.chatMessage.text).toBe('Hello, how are you?');
    expect(troubles).toEqual([]);
  });

  it('shows a live message within seconds in the tab Live', async () => {
    const page = await open(sandbox.url);
    await switchTo(page, 'Live');
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => shown(page, 'Result Window'), { timeout: 10_000 }).toMatch(/"kind": "(MESSAGE|REACTION)_/);
    if (process.env['SCREENSHOTS']) await page.screenshot({ path: `${root}/docs/graphiql-live.png` });
    expect(troubles).toEqual([]);
  });

  it('shows in each tab the result that its comment describes', async () => {
    const page = await open(sandbox.url);
    const answers: Record<string, Awaited<ReturnType<typeof run>>> = {};
    const all = await titles(page);
    expect(all.at(-1)).toBe('Live'); // a stream, which has no single response
    for (const title of all.slice(0, -1)) {
      await switchTo(page, title);
      const [comment] = (await shown(page, 'Operation Editor')).split('\n');
      expect(comment).toMatch(/^# .{10,42}$/);
      answers[title] = await run(page);
    }
    const { DocumentedMessage, ManyMessages, FailingAndMissing, RateLimit, Timeout, PageBack, ...others } = answers;
    expect(others).toEqual({});
    expect(DocumentedMessage?.data.chatMessage.text).toBe('Hello, how are you?');
    expect(ManyMessages?.data.chatMessagesByKeys.map(({ id }: { id: string }) => id)).toEqual([
      '3',
      '2',
      '1',
      '224',
      '226',
      '3',
    ]);
    expect(FailingAndMissing).toMatchObject({
      data: { failing: null, missing: null, found: { text: 'Hello, how are you?' } },
      errors: [{ path: ['failing'], extensions: { code: 'FORBIDDEN' } }],
    });
    expect(RateLimit).toMatchObject({
      data: { short: { text: 'Hello, how are you?' }, long: null },
      errors: [{ path: ['long'], extensions: { code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: expect.any(Number) } }],
    });
    expect(PageBack?.data.chat.messages).toMatchObject({
      nodes: Array(5).fill({ text: expect.any(String), sender: { address: expect.stringMatching(/^\+1555/) } }),
      pageInfo: { hasPreviousPage: true, startCursor: expect.any(String) },
    });
    expect(Timeout).toMatchObject({
      headers: { 'x-request-timeout-ms': '3000' },
      data: { silent: null, found: { text: 'Hello, how are you?' } },
      errors: [{ path: ['silent'], extensions: { code: 'UPSTREAM_TIMEOUT', retryable: true } }],
    });
    expect(troubles).toEqual([]);
  });

  it('shows the variables of the tab PageBack and its cursor without scrolling, and the headers in tabs without variables', async () => {
    const page = await open(sandbox.url);
    await editor(page, 'Headers').waitFor();
    await switchTo(page, 'PageBack');
    await expect
      .poll(async () => (await shown(page, 'Variables')).split(/\s+/))
      .toEqual(['{', '"before":', 'null', '}']);
    await run(page);
    await expect.poll(() => shown(page, 'Result Window')).toContain('"startCursor"');
    await switchTo(page, 'Timeout');
    await expect.poll(() => editor(page, 'Headers').isVisible()).toBe(true);
    // Collapsed panes remain collapsed.
    await page.getByRole('button', { name: 'Hide editor tools' }).click();
    await switchTo(page, 'PageBack');
    await page.getByRole('button', { name: 'Show editor tools' }).waitFor();
    expect(troubles).toEqual([]);
  });

  it('explains the schema in the documentation pane', async () => {
    const page = await open(sandbox.url);
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    const pane = page.locator('.graphiql-doc-explorer');
    await pane.getByText('Query', { exact: true }).click();
    await pane.getByText('One message of a chat').waitFor();
    await pane.getByText('ChatMessage', { exact: true }).first().click();
    await pane.getByText('Null when the message has only attachments').waitFor();
    expect(troubles).toEqual([]);
  });

  it('underlines fields that the schema does not have, but not those for larger graphs', async () => {
    const page = await open(sandbox.url);
    await editor(page, 'Operation Editor').click();
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText('query Mine { _service { sdl } _sdl unknown }');
    const markers = () =>
      page.evaluate(() =>
        Reflect.get(globalThis, '__MONACO')
          .editor.getModelMarkers({})
          .map(({ message }: Error) => message),
      );
    await expect.poll(markers, { timeout: 10_000 }).toEqual(['Cannot query field "unknown" on type "Query".']);
    await page.locator('.graphiql-query-editor .squiggly-error').waitFor();
    expect(troubles).toEqual([]);
  });

  it('completes typed text, and explains each suggestion', async () => {
    const page = await open(sandbox.url);
    await editor(page, 'Operation Editor').click();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('{ chatMessage(chatId: 1, id: 224) { delivered');
    // The list opens with all fields, and then shows only those that begin as the text.
    await page.locator('.suggest-widget .monaco-list-row.focused', { hasText: 'deliveredAt' }).waitFor();
    await page.keyboard.press('Tab');
    await expect.poll(() => shown(page, 'Operation Editor')).toContain('{ deliveredAt');
    expect(troubles).toEqual([]);
  });
});

it('stores no credential in the browser, wherever it was typed, but stores the rest', async () => {
  const page = await open(sandbox.url);
  await switchTo(page, 'Timeout');
  await fillIn(page, `0", "X-LINQ-INTEGRATION-TOKEN": "${token}`);
  const { headers } = await run(page);
  expect(headers).toMatchObject({ 'x-linq-integration-token': token });
  await page.getByRole('button', { name: 'New tab' }).click();
  await fillIn(page, `0", "authorization": "Bearer ${token}`);
  await editor(page, 'Operation Editor').click();
  await page.keyboard.insertText('query Mine { chatMessage(chatId: 1, id: 226) { id } }');
  expect((await run(page)).headers).toMatchObject({ authorization: `Bearer ${token}` });
  // What GraphiQL keeps, it keeps half a second after the last change.
  await expect.poll(() => kept(page), { timeout: 5_000 }).toContain('query Mine');
  for (const title of [...(await titles(page)), 'Mine']) {
    await switchTo(page, title);
    expect(await kept(page)).not.toContain(token);
  }
  await load(page, () => page.reload());
  expect(await kept(page)).not.toContain(token);
  expect(await page.content()).not.toContain(token);
  expect(await titles(page)).toEqual([
    'DocumentedMessage',
    'ManyMessages',
    'FailingAndMissing',
    'RateLimit',
    'Timeout',
    'PageBack',
    'Live',
    'Mine',
  ]);
  expect(await activeTitle(page)).toBe('Mine');
  expect((await run(page)).data).toEqual({ chatMessage: { id: '226' } });
  expect(troubles).toEqual([]);
});

it('restores its tabs after a reload, also if they were not edited', async () => {
  const page = await open(sandbox.url);
  const before = await titles(page);
  for (let visit = 0; visit < 2; visit++) {
    await load(page, () => page.reload());
    expect([await titles(page), await activeTitle(page)]).toEqual([before, 'DocumentedMessage']);
  }
  expect(new URL(page.url()).search).toBe('');
});

it('opens a linked query in a new tab without running it', async () => {
  const page = await open(`${sandbox.url}?query=${encodeURIComponent('query Linked { __typename }')}`);
  expect(await activeTitle(page)).toBe('Linked');
  expect(await shown(page, 'Operation Editor')).toBe('query Linked { __typename }');
  expect(await titles(page)).toContain('DocumentedMessage');
  const asked: string[] = [];
  context.on('request', (request) => request.method() === 'POST' && asked.push(request.postData() ?? ''));
  expect((await run(page)).data).toEqual({ __typename: 'Query' });
  expect(asked.filter((body) => body.includes('Linked'))).toHaveLength(1);
  await editor(page, 'Operation Editor').click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText('query Edited { __typename }');
  const keptTabs = () => page.evaluate(() => localStorage.getItem('Linq sandbox:graphiql:tabState'));
  await expect.poll(keptTabs, { timeout: 5_000 }).toContain('query Edited');
  const before = await titles(page);
  await load(page, () => page.reload());
  expect([await titles(page), await activeTitle(page)]).toEqual([before, 'Edited']);
  expect(await shown(page, 'Operation Editor')).toBe('query Edited { __typename }');
  expect(troubles).toEqual([]);
});

it('starts with the prepared tabs again once its data is cleared', async () => {
  const page = await open(sandbox.url);
  const before = await titles(page);
  await switchTo(page, 'Timeout');
  await page.getByRole('button', { name: 'New tab' }).click();
  await expect.poll(() => kept(page), { timeout: 5_000 }).toContain('untitled');
  await page.getByRole('button', { name: 'Open settings dialog' }).click();
  await page.getByRole('button', { name: 'Clear data' }).click();
  await load(page, () => page.reload());
  expect([await titles(page), await activeTitle(page)]).toEqual([before, 'DocumentedMessage']);
  expect(troubles).toEqual([]);
});

it.each([
  [
    'denies its storage',
    () =>
      Object.defineProperty(globalThis, 'localStorage', {
        get: () => {
          throw new DOMException('denied', 'SecurityError');
        },
      }),
  ],
  [
    'has no room left',
    () => {
      Storage.prototype.setItem = () => {
        throw new DOMException('full', 'QuotaExceededError');
      };
    },
  ],
])('works where the browser %s', async (_what, deny) => {
  const page = await open(sandbox.url, { prepare: deny });
  expect(await activeTitle(page)).toBe('DocumentedMessage');
  expect((await run(page)).data.chatMessage.text).toBe('Hello, how are you?');
  expect(troubles).toEqual([]);
});

describe('in front of Linq', () => {
  /** In the place of Linq: answers with the token that it was asked with. */
  const linq = createServer(({ headers }, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ data: { id: 224, text: headers['x-linq-integration-token'] } }));
  });
  let origin: string;
  beforeAll(async () => {
    linq.listen(0, '127.0.0.1');
    await once(linq, 'listening');
    origin = `http://127.0.0.1:${(linq.address() as AddressInfo).port}`;
  });
  afterAll(() => void linq.close());

  it('has one tab, and the header for the token without a value', async () => {
    await using gateway = await startGateway({ LINQ_API_URL: origin });
    const page = await open(gateway.url);
    expect(await titles(page)).toEqual(['Message']);
    expect(await shown(page, 'Headers')).toBe('{\n  "X-LINQ-INTEGRATION-TOKEN": ""\n}');
    const without = await run(page);
    expect(without.errors[0].message).toContain('X-LINQ-INTEGRATION-TOKEN');
    await fillIn(page, token);
    expect((await run(page)).data.chatMessage.text).toBe(token);
    await page.getByRole('button', { name: 'New tab' }).click();
    expect(await shown(page, 'Headers')).toBe('{\n  "X-LINQ-INTEGRATION-TOKEN": ""\n}');
    await expect.poll(() => kept(page), { timeout: 5_000 }).toContain('untitled');
    expect(await kept(page)).not.toContain(token);
    await load(page, () => page.reload());
    expect(await kept(page)).not.toContain(token);
    expect(await shown(page, 'Headers')).toBe('{\n  "X-LINQ-INTEGRATION-TOKEN": ""\n}');
    expect(troubles).toEqual([]);
  });

  it('reports which credential is missing, and shows the schema once it is set', async () => {
    await using gateway = await startGateway({
      LINQ_API_URL: origin,
      LINQ_INTEGRATION_TOKEN: 'own',
      GATEWAY_API_KEYS: token,
    });
    const page = await open(gateway.url);
    expect(await shown(page, 'Headers')).toBe('{\n  "authorization": "Bearer ",\n  "X-LINQ-INTEGRATION-TOKEN": ""\n}');
    expect((await run(page)).errors[0].message).toContain('authorization: Bearer');
    await expect.poll(() => shown(page, 'Result Window')).toContain('authorization: Bearer');
    expect(troubles.length).toBeGreaterThan(0);
    expect(troubles.filter((trouble) => !/401/.test(trouble))).toEqual([]);
    troubles = [];
    await fillIn(page, token);
    expect((await run(page)).data.chatMessage.text).toBe('own');
    await page.getByRole('button', { name: /Re-fetch GraphQL schema/ }).click();
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    await page.locator('.graphiql-doc-explorer').getByText('Query', { exact: true }).click();
    expect(await kept(page)).not.toContain(token);
    expect(troubles).toEqual([]);
  });
});
