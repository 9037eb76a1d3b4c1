/**
 * What GraphiQL sends and what it shows, in a real Chromium that reaches nothing but loopback. With SCREENSHOTS=1 the pictures
 * in docs/ are taken again.
 */
import { execFile } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
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
  visitGraphiQL,
} from './support/graphiql.ts';
import { type Listening, listen } from './support/listen.ts';
import { type Program, root, startGateway, startProgram } from './support/programs.ts';

const token = 'a-credential-that-nobody-keeps';
const sizes = [
  { width: 390, height: 844 },
  { width: 768, height: 1024 },
  { width: 1200, height: 700 },
  { width: 1400, height: 900 },
] as const;

let browser: Browser;
let sandbox: Program;
let streaming: Listening & { readonly end: () => void };
let visit: Awaited<ReturnType<typeof visitGraphiQL>> | undefined;

beforeAll(async () => {
  sandbox = await startGateway({}, 'sandbox');
  streaming = await startStreaming(sandbox.url);
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await streaming?.[Symbol.asyncDispose]();
  await sandbox?.[Symbol.asyncDispose]();
});

afterEach(() => visit?.context.close());

async function open(...[url, options]: [url: string, options?: Parameters<typeof visitGraphiQL>[2]]) {
  visit = await visitGraphiQL(browser, url, options);
  return visit;
}

/** Replaces what is in the editor. */
async function type(page: Page, query: string, label = 'Operation Editor'): Promise<void> {
  await editor(page, label).last().click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(query);
}

const responseLine = (page: Page) => page.locator('.linq-response-line').innerText();

/** In front of the sandbox: streams three events to a subscription. */
async function startStreaming(url: string) {
  const { origin } = new URL(url);
  const ended = new EventEmitter();
  const server = await listen(async (request, response) => {
    const body = await text(request);
    if (request.headers.accept === 'text/event-stream') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(':\n\n');
      for (const id of [1, 2]) response.write(`event: next\ndata: {"data":{"event":${id}}}\n\n`);
      await once(ended, 'end');
      response.end('event: next\r\ndata: {"data":\r\ndata: {"event":3}}\r\n\r\nevent: complete\r\ndata:\r\n\r\n');
      return;
    }
    const headers = { accept: request.headers.accept ?? '*/*', 'content-type': request.headers['content-type'] ?? '' };
    const isPost = request.method === 'POST';
    const answer = await fetch(origin + request.url, isPost ? { method: 'POST', headers, body } : { headers });
    response.setHeader('content-type', answer.headers.get('content-type') ?? '');
    response.end(await answer.bytes());
  });
  return Object.assign(server, { end: () => ended.emit('end') });
}

it("shows the gateway's own message and location for a syntax error, an empty document and an unknown field", async () => {
  const { page } = await open(sandbox.url);
  for (const [query, message, place] of [
    ['query {\n1 }', /^Syntax Error/, '1 }'],
    ['', /^Syntax Error: Unexpected <EOF>/, ''],
    ['# typed\nquery { unknown }', /^Cannot query field "unknown"/, 'unknown }'],
  ] as const) {
    await type(page, query);
    if (query === '') await page.keyboard.press('Delete');
    const { errors } = await run(page);
    expect(errors[0].message).toMatch(message);
    const [{ line, column } = { line: 0, column: 0 }] = errors[0].locations ?? [];
    const lines = (await shown(page, 'Operation Editor')).split('\n');
    expect(lines[line - 1]?.slice(column - 1)).toEqual(place);
    const pane = () => shown(page, 'Result Window');
    await expect
      .poll(async () => (await pane()).replaceAll(/\s+/g, ''))
      .toContain(errors[0].message.slice(0, 12).replaceAll(/\s+/g, ''));
    expect(await pane()).not.toMatch(/stack|\.js:/);
    expect(await responseLine(page)).toMatch(/^400 · \d+ ms · \d+ B$/);
  }
});

it('runs the current text of the editor on Ctrl-Enter, and the operation at the cursor', async () => {
  const { page, troubles } = await open(sandbox.url);
  for (const name of ['First', 'Second', 'Third']) {
    const posted = page.waitForRequest((request) => request.method() === 'POST');
    const query = `# as typed\nquery ${name} { __typename }`;
    await editor(page, 'Operation Editor').click();
    await page.keyboard.press('Control+A');
    const pasted = page.keyboard.insertText(query);
    const pressed = page.keyboard.press('Control+Enter'); // at once: not after 100 ms
    await Promise.all([pasted, pressed]);
    expect((await posted).postDataJSON()).toEqual({ query, operationName: name });
    await expect.poll(() => shown(page, 'Result Window')).toContain('"__typename": "Query"');
  }
  await type(page, 'query A { a: __typename }\n\nquery B { b: __typename }\n\nquery C { c: __typename }');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  expect((await run(page)).data).toEqual({ b: 'Query' });
  expect(troubles).toEqual([]);
});

it('sends an id in the variables without losing digits', async () => {
  const { page } = await open(sandbox.url);
  await type(page, 'query Big($id: ID!) { chatMessage(chatId: 1, id: $id) { id } }');
  await page.getByRole('button', { name: 'Variables' }).click();
  await type(page, '{ "id": 9007199254740993 }', 'Variables');
  const posted = page.waitForRequest((request) => request.method() === 'POST');
  await page.keyboard.press('Control+Enter');
  expect((await posted).postData()).toContain('9007199254740993');
});

it('shows status, time and size of each response, and a table of what the operation read from Linq', async () => {
  const query = `query Failing {
  rateLimited: chatMessage(chatId: 429, id: 1) { text }
  retried: chatMessage(chatId: 502, id: 1) { text }
  late: chatMessage(chatId: 504, id: 1) { text }
  shared: chatMessage(chatId: 504, id: 2) { text }
}`;
  const link = `${sandbox.url}?${new URLSearchParams({ query })}`;
  const { page, troubles } = await open(link, { viewport: sizes[3] });
  const shared = fetch(sandbox.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ chatMessage(chatId: 504, id: 2) { id } }' }),
  });
  await run(page);
  await expect.poll(() => responseLine(page)).toMatch(/^200 · \d+ ms · (\d+ B|[\d.]+ kB) · 6 calls to Linq$/);
  expect(await shown(page, 'Result Window')).not.toContain('"linq"'); // it is the page that requested them
  const button = page.getByRole('button', { name: '6 calls to Linq' });
  expect(await button.getAttribute('aria-expanded')).toBe('false');
  await button.focus();
  await page.keyboard.press('Enter');
  const rows = page.getByRole('table', { name: 'Reads of Linq' }).getByRole('row');
  const message = '/chats/{chat_id}/chat_messages/{id}';
  const ms = expect.stringMatching(/^\d+ ms$/);
  expect((await rows.allInnerTexts()).map((row) => row.split('\t'))).toEqual([
    ['Route', 'Chat', 'Id', 'Outcome', 'Status', 'Attempts', 'Waited', 'Took', 'Source'],
    [message, '429', '1', 'found', '200', '2', ms, ms, 'Linq'],
    [message, '502', '1', 'found', '200', '3', ms, ms, 'Linq'],
    [message, '504', '1', 'timeout', '–', '1', ms, ms, 'Linq'],
    [message, '504', '2', 'timeout', '–', '1', ms, ms, 'shared read'],
  ]);
  expect(await seriousFindings(page)).toEqual([]);
  if (process.env['SCREENSHOTS']) await page.screenshot({ path: `${root}/docs/graphiql-reads.png` });
  // Each tab has its own line.
  await page.locator('.graphiql-tabs').getByRole('button', { name: 'ManyMessages', exact: true }).click();
  await expect.poll(() => responseLine(page)).toBe('');
  await page.locator('.graphiql-tabs').getByRole('button', { name: 'Failing', exact: true }).click();
  await expect.poll(() => responseLine(page)).toContain('6 calls to Linq');
  expect(troubles).toEqual([]);
  await (await shared).text();
});

it('shows the events of a subscription as they arrive', async () => {
  const { page, troubles } = await open(`${streaming.origin}/graphql`);
  await type(page, 'subscription Live { event }');
  await page.keyboard.press('Control+Enter');
  await expect.poll(() => responseLine(page)).toMatch(/^200 · 2 events · /);
  await expect.poll(() => shown(page, 'Result Window')).toContain('"event": 2');
  await page.getByRole('button', { name: /Stop query/ }).waitFor();
  streaming.end();
  await expect.poll(() => shown(page, 'Result Window')).toContain('"event": 3');
  await page.getByRole('button', { name: /Execute query/ }).waitFor();
  expect(troubles).toEqual([]);
});

it('opens a link with query, variables and operation name, and copies such a link', async () => {
  const query = 'query One { __typename }\n\nquery Two($id: ID!) { chatMessage(chatId: 1, id: $id) { id } }';
  const search = new URLSearchParams({ query, variables: '{"id":"224"}', operationName: 'Two' });
  const { page, context, troubles } = await open(`${sandbox.url}?${search}`, {
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  expect(await shown(page, 'Variables')).toBe('{"id":"224"}');
  await expect.poll(() => activeTitle(page)).toBe('Two');
  expect((await run(page)).data).toEqual({ chatMessage: { id: '224' } });
  const link = await copied(page, 'Copy link');
  expect([...new URL(link).searchParams]).toEqual([...search]);
  expect(new URL(link).origin + new URL(link).pathname).toBe(sandbox.url);
  expect(troubles).toEqual([]);
  await context.close();
});

/** What an entry of the menu puts into the clipboard. */
async function copied(page: Page, item: string): Promise<string> {
  await page.getByRole('button', { name: 'Share: copy a link or code' }).click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
  await page
    .getByRole('status', { name: 'Copied' })
    .filter({ hasText: `${item}.` })
    .waitFor();
  return page.evaluate(() => navigator.clipboard.readText());
}

it('copies code that runs unchanged, without the values of headers that may be credentials', async () => {
  const { page, troubles } = await open(sandbox.url, { permissions: ['clipboard-read', 'clipboard-write'] });
  await type(page, `query Mine($id: ID!) { chatMessage(chatId: 1, id: $id) { id } } # it's \`\${mine}\` \\ `);
  await page.getByRole('button', { name: 'Variables' }).click();
  await type(page, '{"id": "224"}', 'Variables');
  await page.getByRole('button', { name: 'Headers' }).click();
  await fillIn(page, `0", "X-LINQ-INTEGRATION-TOKEN": "${token}`);
  const codes = await copiedCodes(page);
  for (const code of Object.values(codes)) {
    expect(code).not.toContain(token);
    expect(code).toMatch(/X-LINQ-INTEGRATION-TOKEN'?: '?YOUR-VALUE'/);
    expect(code).toMatch(/x-request-timeout-ms'?: '?30000'/);
    expect(code).toContain(sandbox.url);
    expect(code).toContain('query Mine($id: ID!)');
  }
  const data = { chatMessage: { id: '224' } };
  const curl = await promisify(execFile)('sh', ['-c', `${codes.curl} --silent`]);
  expect(JSON.parse(curl.stdout)).toEqual({ data });
  for (const [outcome, code] of [
    ['{ data, errors }', codes.fetch],
    ['{ data, errors: error }', codes['Apollo Client']],
    ['{ data, errors: error }', codes.urql],
  ] as const) {
    const program = `${code}console.log(JSON.stringify(${outcome}));`;
    const args = ['--input-type=module', '--eval', program];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: clientsFolder });
    const { errors, data } = JSON.parse(stdout);
    expect([errors, data.chatMessage.id]).toEqual([undefined, '224']);
  }
  for (const kind of ['Apollo Client', 'urql'] as const) expect(codes[kind]).toContain(String.raw`\`\${mine}\` \\ `);
  expect(troubles).toEqual([]);
});

/** Has the clients that the copied code imports. */
const clientsFolder = `${root}/examples`;

async function copiedCodes(page: Page) {
  return {
    curl: await copied(page, 'Copy as curl'),
    fetch: await copied(page, 'Copy as fetch'),
    'Apollo Client': await copied(page, 'Copy as Apollo Client'),
    urql: await copied(page, 'Copy as urql'),
  };
}

it('copies code for a subscription that shows each event', async () => {
  const { page, troubles } = await open(sandbox.url, { permissions: ['clipboard-read', 'clipboard-write'] });
  await switchTo(page, 'Live');
  const { curl, ...programs } = await copiedCodes(page);
  const commands = [
    { command: 'sh', args: ['-c', `exec ${curl} --silent`] },
    ...Object.values(programs).map((code) => ({ args: ['--input-type=module', '--eval', code] })),
  ];
  const ready = /kind"?: ?['"]((?:MESSAGE|REACTION)_\w+)/;
  const outputs = commands.map(async (command) => {
    await using program = await startProgram({ ...command, cwd: clientsFolder, ready });
    return program.output();
  });
  for (const output of await Promise.all(outputs)) expect(output).toContain('chatMessageEvents');
  expect(troubles).toEqual([]);
});

it('keeps a history without headers, and does not change the headers when an entry is chosen', async () => {
  const { page, troubles } = await open(sandbox.url);
  await fillIn(page, `0", "authorization": "Bearer ${token}`);
  const headers = await shown(page, 'Headers');
  for (const name of ['Older', 'Newer']) {
    await type(page, `query ${name} { __typename }`);
    await run(page);
  }
  await page.getByRole('button', { name: 'Show History' }).click();
  const entries = page.locator('.graphiql-history-item-label');
  await expect.poll(() => entries.allInnerTexts()).toEqual(['Newer', 'Older']);
  await entries.last().click();
  await expect.poll(() => shown(page, 'Operation Editor')).toBe('query Older { __typename }');
  expect(await shown(page, 'Headers')).toBe(headers);
  expect(await kept(page)).toContain('query Newer');
  expect(await kept(page)).not.toContain(token);
  await load(page, () => page.reload());
  await expect.poll(() => entries.allInnerTexts()).toEqual(['Newer', 'Older']);
  await entries.first().click();
  await expect.poll(() => shown(page, 'Operation Editor')).toBe('query Newer { __typename }');
  expect(await shown(page, 'Headers')).toContain('x-request-timeout-ms');
  expect(await kept(page)).not.toContain(token);
  expect(troubles).toEqual([]);
});

it('begins its documentation with an introduction, and hides fields for larger graphs', async () => {
  const { page, troubles } = await open(sandbox.url);
  // They run all the same.
  await type(page, 'query { _service { sdl } }');
  expect((await run(page)).data._service.sdl).toContain('type ChatMessage');
  await type(page, 'query { chatMessage(chatId: 1, id: 224) { id } }');
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  const docs = page.locator('.graphiql-doc-explorer');
  for (const part of ['Messages of Linq chats.', 'X-LINQ-INTEGRATION-TOKEN', 'docs/errors.md'])
    await docs.getByText(part).waitFor();
  expect(await docs.innerText()).not.toMatch(/_Entity|_Service|_Any/);
  await page.getByRole('button', { name: 'Show GraphiQL Explorer' }).click();
  const explorer = page.locator('.graphiql-explorer-root');
  await explorer.getByText('chatMessagesByKeys').waitFor();
  expect(await explorer.innerText()).not.toMatch(/_entities|_sdl|_service/);
  // From the keyboard.
  const field = explorer.getByText('editedAt', { exact: true });
  await field.locator('..').focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => shown(page, 'Operation Editor')).toContain('editedAt');
  expect(troubles).toEqual([]);
});

it('shows an error when the gateway cannot be reached', async () => {
  const { page, context } = await open(sandbox.url);
  await context.setOffline(true);
  await page.keyboard.press('Control+Enter');
  await expect.poll(() => shown(page, 'Result Window')).toContain('The gateway cannot be reached.');
  expect(await responseLine(page)).toBe('');
  await context.setOffline(false);
  expect((await run(page)).data.chatMessage.text).toBe('Hello, how are you?');
});

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** By axe-core. */
async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((): Promise<AxeResults> => Reflect.get(globalThis, 'axe').run());
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

it.each(['light', 'dark'] as const)(
  'fits the window at each size, and has no serious finding of axe, in %s',
  async (colorScheme) => {
    const { page, troubles } = await open(sandbox.url, { colorScheme, viewport: sizes[0] });
    await run(page);
    for (const size of sizes) {
      await page.setViewportSize(size);
      const areas = [
        '.graphiql-sidebar',
        '.graphiql-session-header',
        '.graphiql-query-editor .monaco-editor',
        '.graphiql-toolbar',
        '.graphiql-editor-tools',
        '.graphiql-response .result-window',
        '.graphiql-footer',
      ];
      const boxes = async () =>
        Promise.all(
          areas.map(async (selector) => ({ selector, ...(await page.locator(selector).first().boundingBox()) })),
        );
      const problems = async () => overlapsOf(await boxes(), size);
      await expect.poll(problems).toEqual([]); // the editors follow the size of their panes
      const widths = await boxes();
      for (const { selector, width = 0 } of widths.filter(({ selector }) => /monaco|result/.test(selector))) {
        expect([selector, width]).toEqual([selector, expect.toSatisfy((value: number) => value > 230)]);
      }
      if (size.width >= 700) expect(await cutTabs(page)).toEqual([]);
      expect([size, await seriousFindings(page)]).toEqual([size, []]);
      const picture = `${size.width} ${colorScheme}`;
      const name = { '390 light': 'phone', '1200 dark': 'dark' }[picture];
      if (process.env['SCREENSHOTS'] && name) await page.screenshot({ path: `${root}/docs/graphiql-${name}.png` });
    }
    expect(await titles(page)).toHaveLength(7);
    expect(troubles).toEqual([]);
  },
);

interface Box {
  readonly selector: string;
  readonly x?: number;
  readonly y?: number;
  readonly width?: number;
  readonly height?: number;
}

/** Areas that overlap, are outside of the window, or have no size. */
function overlapsOf(boxes: readonly Box[], window: { readonly width: number; readonly height: number }): string[] {
  const problems: string[] = [];
  for (const [index, { selector, x = 0, y = 0, width = 0, height = 0 }] of boxes.entries()) {
    if (width < 20 || height < 20) problems.push(`${selector} has no size`);
    if (x < 0 || y < 0 || x + width > window.width + 1 || y + height > window.height + 1)
      problems.push(`${selector} is outside`);
    for (const other of boxes.slice(index + 1)) {
      const { x: otherX = 0, y: otherY = 0, width: otherWidth = 0, height: otherHeight = 0 } = other;
      const isBeside = x + width <= otherX + 1 || otherX + otherWidth <= x + 1;
      const isBelow = y + height <= otherY + 1 || otherY + otherHeight <= y + 1;
      if (!isBeside && !isBelow) problems.push(`${selector} overlaps ${other.selector}`);
    }
  }
  return problems;
}

/** Tabs whose title is not shown as a whole. */
const cutTabs = (page: Page) =>
  page.locator('.graphiql-tab-button').evaluateAll((buttons) =>
    buttons
      .filter((button) => {
        const { left, right } = button.getBoundingClientRect();
        const list = button.closest('.graphiql-tabs')?.getBoundingClientRect();
        return (
          list === undefined ||
          left < list.left - 1 ||
          right > list.right + 1 ||
          button.scrollWidth > button.clientWidth + 1
        );
      })
      .map((button) => button.textContent),
  );
