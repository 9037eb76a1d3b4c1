import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { focused, startWeb, type Web } from './support/web.ts';

let web: Web;
beforeAll(async () => {
  web = await startWeb('built');
});
afterAll(() => web?.[Symbol.asyncDispose]());

it('can be used by keyboard alone, and always shows the focus', async () => {
  const { page, troubles, asked } = await web.open('');
  await page.getByText('Hello, how are you?').waitFor();
  const press = async (key: string) => {
    await page.keyboard.press(key);
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle);
    expect(outline, `focus after ${key}`).toBe('solid');
    return focused(page);
  };
  expect(await press('Tab')).toBe('chatId');
  await page.keyboard.type('500');
  expect(await press('Tab')).toBe('id');
  await page.keyboard.type('1');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('Linq cannot be reached').waitFor();
  expect(await press('Tab')).toBe('Show');
  expect(await press('Tab')).toBe('Try again');
  expect(asked()).toBe(2);
  await page.keyboard.press('Enter');
  await expect.poll(() => page.locator('#result').getAttribute('aria-busy')).toBe('false');
  expect(asked()).toBe(3);
  expect(await focused(page)).toBe('Try again');
  expect(await press('Tab')).toBe('Documented example');
  await page.keyboard.press('Enter');
  await page.getByText('Hello, how are you?').waitFor();
  expect(await focused(page)).toBe('Documented example');
  expect(await press('Shift+Tab')).toBe('document.pdf');
  expect(await press('Shift+Tab')).toBe('Show');
  expect(troubles).toEqual([]);
});

it.each(['?chatId=1&id=53077912', '?chatId=1'])('fits a screen of 320 pixels: %s', async (search) => {
  const { page } = await web.open(search, { viewport: { width: 320, height: 640 } });
  await page.getByRole('list', { name: 'Reactions' }).last().waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
});

it.each([
  ['a message', '?chatId=1&id=224', 'article'],
  ['every reaction', '?chatId=1&id=53077912', 'article'],
  ['a missing message', '?chatId=1&id=225', '.missing'],
  ['a rate limit', '?chatId=4290&id=1', '[role=alert]'],
  ['a failure that stays', '?chatId=403&id=1', '[role=alert]'],
  ['loading, then a timeout', '?chatId=504&id=1', '[aria-busy=true]', '[role=alert]'],
  ['a conversation', '?chatId=1', '.messages li'],
  ['a long conversation', '?chatId=2', '.messages li'],
  ['an id that is none', '?chatId=one&id=1', '.fault:not(:empty)'],
])('has no violations that axe-core finds, in light or dark: %s', async (_state, search, ...selectors) => {
  const { page, troubles } = await web.open(search);
  for (const selector of selectors) {
    await page.locator(selector).first().waitFor({ state: 'attached' });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await findings(page), colorScheme).toEqual([]);
    }
  }
  expect(troubles).toEqual([]);
});

async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source); // not a script of the page: its policy would not let it in
  const { violations, passes } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  expect(passes.map(({ id }) => id)).toContain('color-contrast');
  return violations.map(({ impact, id, nodes }) => `${impact}: ${id} at ${nodes.map(({ target }) => target).join()}`);
}
