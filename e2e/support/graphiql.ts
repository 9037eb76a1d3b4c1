import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';

/** GraphiQL in a browser that was never here. */
interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What must not happen: foreign requests, failed ones, errors and violations of the policy. */
  readonly troubles: string[];
}

export interface VisitOptions extends BrowserContextOptions {
  /** Runs in the page, before its scripts. */
  readonly prepare?: () => void;
}

export async function visitGraphiQL(browser: Browser, url: string, options: VisitOptions = {}): Promise<Visit> {
  const { prepare = () => {}, ...contextOptions } = options;
  const troubles: string[] = [];
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...contextOptions });
  context.on('request', (request) => {
    if (!/^(data|blob):|^http:\/\/127\.0\.0\.1:/.test(request.url())) troubles.push(`foreign: ${request.url()}`);
  });
  context.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText;
    if (reason !== 'net::ERR_ABORTED') troubles.push(`failed: ${request.url()} ${reason}`); // that was our own reload
  });
  context.on('response', (response) => response.ok() || troubles.push(`${response.status()}: ${response.url()}`));
  context.on(
    'console',
    (message) => /error|warning/.test(message.type()) && troubles.push(`console: ${message.text()}`),
  );
  context.on('weberror', (error) => troubles.push(`thrown: ${error.error().message}`));
  await context.exposeBinding('tell', (_source, trouble: string) => troubles.push(trouble));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
      Reflect.get(globalThis, 'tell')(`policy: ${effectiveDirective} ${blockedURI}`),
    );
  });
  await context.addInitScript(prepare);
  const page = await context.newPage();
  await load(page, () => page.goto(url));
  return { page, context, troubles };
}

/** Until GraphiQL stands, has the schema, and its workers work. */
export async function load(page: Page, navigate: () => Promise<unknown>): Promise<void> {
  const answered = page.waitForResponse((response) => response.request().method() === 'POST');
  await navigate();
  await answered;
  await editor(page, 'Operation Editor').waitFor();
  // Monaco ends workers and starts them anew, so one may be gone while it is asked.
  const working = () => page.workers().map((worker) => worker.evaluate(() => true).catch(() => false));
  await expect.poll(() => Promise.all(working()), { timeout: 20_000 }).toEqual([true, true, true]);
}

export const editor = (page: Page, label: string) => page.locator(`[aria-label="${label}"] .view-lines:visible`);

/** What a pane shows, as text. */
export async function shown(page: Page, label: string): Promise<string> {
  const lines = await editor(page, label).last().innerText();
  return lines.replaceAll('\u00a0', ' ');
}

/** Runs what is in the editor from the keyboard; the answer is what came over the wire. */
export async function run(page: Page) {
  const answered = page.waitForResponse((response) => response.request().method() === 'POST', { timeout: 20_000 });
  await page.keyboard.press('Control+Enter');
  const response = await answered;
  await page.waitForFunction(() => !document.querySelector('.graphiql-spinner'));
  return { headers: await response.request().allHeaders(), ...(await response.json()) };
}

export const titles = (page: Page) => page.locator('.graphiql-tab').allInnerTexts();
export const activeTitle = (page: Page) => page.locator('.graphiql-tab-active').innerText();

/** Everything that a browser keeps for a page, as one text. */
export const kept = (page: Page) =>
  page.evaluate(async () =>
    JSON.stringify({
      local: { ...localStorage },
      session: { ...sessionStorage },
      databases: await indexedDB.databases(),
      caches: await caches.keys(),
      cookies: document.cookie,
      history: [location.href, history.state, window.name],
    }),
  );

/** Until GraphiQL has kept that it did; before, it would run what it had last. */
export async function switchTo(page: Page, title: string): Promise<void> {
  await page.locator('.graphiql-tabs').getByRole('button', { name: title, exact: true }).click();
  const index = (await titles(page)).indexOf(title);
  await page.waitForFunction((wanted) => {
    const key = Object.keys(localStorage).find((name) => name.endsWith('tabState')) ?? '';
    return JSON.parse(localStorage.getItem(key) ?? '{}').activeTabIndex === wanted;
  }, index);
  expect(await activeTitle(page)).toBe(title);
}

/** Puts a value between the quotes of the first header of the pane. */
export async function fillIn(page: Page, value: string, line = 2): Promise<void> {
  await editor(page, 'Headers').last().click();
  await page.keyboard.press('Control+Home');
  for (let below = 1; below < line; below++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('End');
  const text = (await shown(page, 'Headers')).split('\n')[line - 1] ?? '';
  for (let left = text.length - text.lastIndexOf('"'); left > 0; left--) await page.keyboard.press('ArrowLeft');
  await page.keyboard.insertText(value);
}
