/** Live messages on the example pages. With SCREENSHOTS=1 their pictures in docs/ are taken anew. */
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Visit, VisitOptions } from './support/browser.ts';
import { type Cuttable, startCuttable } from './support/cuttable.ts';
import { freePort, type Program, root, startGateway } from './support/programs.ts';
import { startWeb, type Web } from './support/web.ts';

const examples = ['web', 'react'] as const;
type Example = (typeof examples)[number];

let port: string;
let sandbox: Program;
const webs = new Map<Example, Web>();
beforeAll(async () => {
  port = String(await freePort());
  sandbox = await startGateway({ PORT: port }, 'sandbox');
  for (const example of examples) webs.set(example, await startWeb('built', sandbox.url, example));
});
afterAll(async () => {
  for (const web of webs.values()) await web[Symbol.asyncDispose]();
  await sandbox?.[Symbol.asyncDispose]();
});

/** A message in chat 3 from somebody else. */
async function receive(text: string): Promise<void> {
  const [url = ''] = /http:\S+\/sandbox\/chats\/3\/messages/.exec(sandbox.output()) ?? [];
  const { status } = await fetch(url, { method: 'POST', body: JSON.stringify({ text }) });
  expect(status).toBe(201);
}

/** The same on all pages at once, since events take their time. */
const onEach = <T>(visits: readonly Visit[], check: (page: Page, example: Example) => Promise<T>) =>
  Promise.all(visits.map(({ page }, index) => check(page, examples[index] ?? 'web')));

/** The live conversation of each example. */
async function openLive(options: VisitOptions = {}, urlOf: (web: Web) => string = ({ url }) => url): Promise<Visit[]> {
  const visits = await Promise.all(Array.from(webs.values(), (web) => web.open(`${urlOf(web)}?chatId=3`, options)));
  await onEach(visits, async (page) => {
    await page.getByText('Live', { exact: true }).waitFor();
    await messages(page).last().waitFor();
  });
  return visits;
}

const messages = (page: Page) => page.locator('.messages ol > li');
const saying = (page: Page, text: string) => messages(page).filter({ hasText: text });

it('shows each new message and reaction once as it arrives, and announces only new messages, at most every ten seconds', async () => {
  const visits = await openLive({ viewport: { width: 390, height: 844 } });
  const reactions = (page: Page) => messages(page).locator('.reactions li').count();
  const before = await onEach(visits, async (page) => {
    await page.evaluate(() => {
      const status = document.querySelector('[role=status]') ?? document.body;
      const told: [text: string | null, ms: number][] = [];
      Reflect.set(globalThis, 'told', told);
      const all = { childList: true, characterData: true, subtree: true };
      new MutationObserver(() => told.push([status.textContent, performance.now()])).observe(status, all);
    });
    return reactions(page);
  });
  const texts = ['I am at the station.', 'Is there a table outside?', 'I take the soup.'];
  for (const text of texts) await receive(text);
  await onEach(visits, async (page, example) => {
    await saying(page, texts.at(-1) ?? '').waitFor();
    await expect
      .poll(() => reactions(page), { timeout: 30_000 })
      .toBeGreaterThan(before[examples.indexOf(example)] ?? 0);
    for (const text of texts) expect(await saying(page, text).count()).toBe(1);
    const announced = () => page.evaluate(() => Reflect.get(globalThis, 'told') as [text: string, ms: number][]);
    // Later than the messages where the sandbox sent one just before.
    await expect.poll(announced, { timeout: 30_000 }).not.toEqual([]);
    const told = await announced();
    expect(told[0]?.[0]).toMatch(/^Chat 3: (1 new message|\d+ new messages)$/); // as many as came at once
    expect(told.filter(([text]) => !/^Chat 3: \d+ new messages?$/.test(text))).toEqual([]);
    const pauses = told.slice(1).map(([, ms], index) => ms - (told[index]?.[1] ?? 0));
    expect(Math.min(...pauses, 10_000)).toBeGreaterThan(9_000);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await findings(page), colorScheme).toEqual([]);
    }
    if (process.env['SCREENSHOTS']) {
      await page.emulateMedia({ colorScheme: 'light' });
      await page.setViewportSize({ width: 900, height: 980 });
      await page.locator('.messages').evaluate((it) => it.scrollTo(0, it.scrollHeight));
      await page.screenshot({ path: `${root}/docs/${example}-live.png` });
    }
  });
  expect(visits.flatMap(({ troubles }) => troubles)).toEqual([]);
});

it('resumes after a lost connection without losing or repeating a message, and without a notice', async () => {
  const ways = new Map<Web, Cuttable>();
  for (const web of webs.values()) ways.set(web, await startCuttable(web.url));
  const visits = await openLive({}, (web) => ways.get(web)?.url ?? '');
  await receive('Before the cut');
  await onEach(visits, (page) => saying(page, 'Before the cut').waitFor());
  for (const way of ways.values()) way.cut();
  await onEach(visits, (page) => page.getByText('Connecting again …').waitFor());
  await receive('During the cut');
  for (const way of ways.values()) way.mend();
  await onEach(visits, async (page) => {
    await saying(page, 'During the cut').waitFor();
    for (const text of ['Before', 'During']) expect(await saying(page, `${text} the cut`).count()).toBe(1);
    expect(await page.getByText('You may have missed something.').count()).toBe(0);
  });
  for (const way of ways.values()) await way[Symbol.asyncDispose]();
});

it('reports after a gap that messages may be missing, and reads again', async () => {
  const visits = await openLive();
  await receive('Before the gap');
  await onEach(visits, (page) => saying(page, 'Before the gap').waitFor());
  await sandbox[Symbol.asyncDispose](); // and with it the log of its events
  sandbox = await startGateway({ PORT: port }, 'sandbox');
  await receive('In the gap');
  await onEach(visits, async (page) => {
    await page.getByRole('alert').getByText('You may have missed something.').waitFor();
    await saying(page, 'In the gap').waitFor();
    expect(await saying(page, 'Before the gap').count()).toBe(0); // this sandbox does not have it
    expect(await findings(page)).toEqual([]);
  });
  await receive('After the gap');
  await onEach(visits, async (page) => {
    await saying(page, 'After the gap').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    expect(await page.getByRole('alert').count()).toBe(0);
  });
});

it('removes a message that Linq no longer has', async () => {
  const text = 'great, thanks!';
  const removal = (cursor: string, messageId: string) => ({
    data: { chatMessageEvents: { cursor, kind: 'MESSAGE_READ', messageId, message: null } },
  });
  const bodyOf = (type: string, result: object) =>
    type === 'text/event-stream'
      ? `event: next\ndata: ${JSON.stringify(result)}\n\n`
      : `--graphql\r\ncontent-type: application/json\r\n\r\n${JSON.stringify({ payload: result })}\r\n--graphql`;
  /** Two streams of one event each, the second one when the page is shown; the sandbox itself deletes nothing. */
  const prepare = async (page: Page) => {
    const results = [removal('one', '999'), removal('two', '227')];
    await page.route('**/graphql', async (route) => {
      const request = route.request();
      if (!request.postData()?.includes('subscription')) return route.continue();
      const result = results.shift();
      if (result === undefined) return; // and gets no response
      if (results.length === 0) await saying(page, text).waitFor();
      const type = request.headers()['accept']?.includes('event-stream') ? 'text/event-stream' : 'multipart/mixed';
      const parameters = type === 'multipart/mixed' ? ';boundary="graphql";subscriptionSpec=1.0' : '';
      await route.fulfill({ headers: { 'content-type': type + parameters }, body: bodyOf(type, result) });
    });
  };
  const visits = await Promise.all(Array.from(webs.values(), (web) => web.open('?chatId=1', { prepare })));
  await onEach(visits, async (page) => {
    await saying(page, text).waitFor();
    await saying(page, text).waitFor({ state: 'detached' });
    expect(await messages(page).count()).toBe(9); // of ten
  });
});

async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source); // not a script of the page: its policy would not let it in
  const { violations } = await page.evaluate(() => (Reflect.get(globalThis, 'axe') as typeof axe).run());
  return violations.map(({ impact, id, nodes }) => `${impact}: ${id} at ${nodes.map(({ target }) => target).join()}`);
}
