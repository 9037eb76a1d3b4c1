/** The example in React; its live messages are in web-live.test.ts. */
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { focused, startWeb, type Web } from './support/web.ts';

let web: Web;
beforeAll(async () => {
  web = await startWeb('built', undefined, 'react');
});
afterAll(() => web?.[Symbol.asyncDispose]());

const messages = (page: Page) => page.locator('.messages ol > li');

it('shows a conversation, and loads older messages above it when a button is pressed', async () => {
  const { page, troubles } = await web.open('?chatId=2');
  await page.getByText('Message 1000000 of the sandbox', { exact: true }).waitFor();
  expect(await messages(page).count()).toBe(25);
  expect(await page.getByRole('status').innerText()).toBe('Chat 2: 25 messages shown');
  const oldest = page.getByText('Message 999976 of the sandbox', { exact: true });
  const top = () => oldest.evaluate((it) => it.getBoundingClientRect().top);
  await page.getByRole('button', { name: 'Older messages' }).focus();
  const before = await top();
  await page.keyboard.press('Enter');
  await expect.poll(() => messages(page).count(), { timeout: 10_000 }).toBe(50);
  expect(Math.abs((await top()) - before)).toBeLessThan(2); // what was read has not moved
  expect(await focused(page)).toBe('Older messages');
  const texts = await messages(page).locator('.bubble > p').allInnerTexts();
  const ids = Array.from({ length: 50 }, (_, index) => 999_951 + index).filter((id) => id % 11 !== 0); // the others have no text
  expect(texts).toEqual(ids.map((id) => `Message ${id} of the sandbox`));
  expect(troubles).toEqual([]);
});

it('shows participants, attachments, reactions and the beginning of the conversation, and switches chats', async () => {
  const { page, troubles } = await web.open('?chatId=1');
  await messages(page).last().waitFor();
  expect(await page.getByRole('list', { name: 'Participants' }).getByRole('listitem').count()).toBe(4);
  await page.getByText('application/pdf · 12.3 kB').first().waitFor();
  expect(await page.getByRole('list', { name: 'Reactions' }).count()).toBeGreaterThan(0);
  await page.getByText('The conversation begins here.').waitFor();
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect(await findings(page), colorScheme).toEqual([]);
  }
  await page.getByRole('link', { name: 'Missing chat' }).click();
  await page.getByText('There is no such chat.').waitFor();
  await page.getByRole('link', { name: 'Forbidden chat' }).click();
  await page.getByRole('alert').getByText('You may not read this').waitFor();
  expect(await page.getByText('For support:').count()).toBe(1);
  expect(await page.getByRole('button', { name: 'Try again' }).count()).toBe(0);
  expect(await page.getByRole('article').count()).toBe(0);
  await page.getByRole('link', { name: 'Rate limit' }).click();
  await page.getByRole('button', { name: /^Try again in 59:5\d|1:00:0\d$/ }).waitFor();
  expect(troubles).toEqual([]);
});

it('keeps the chat when its messages cannot be read, and its messages when older ones cannot, and offers to retry', async () => {
  let fails = true;
  const { page, troubles } = await web.open('?chatId=2', {
    prepare: (page) =>
      page.route('**/graphql', async (route) => {
        if (!fails || route.request().postData()?.includes('subscription')) return route.continue();
        const response = await route.fetch();
        const { data } = await response.json();
        const extensions = { code: 'UPSTREAM_UNAVAILABLE', retryable: true, requestId: 'of-the-page' };
        const errors = [{ message: 'Not for people.', path: ['chat', 'messages'], extensions }];
        await route.fulfill({ response, json: { data: { chat: { ...data.chat, messages: null } }, errors } });
      }),
  });
  const box = page.getByRole('region', { name: 'Messages' });
  await box.getByRole('alert').getByText('Linq cannot be reached').waitFor();
  expect(await page.getByRole('heading', { name: 'One million messages' }).count()).toBe(1);
  fails = false;
  await box.getByRole('button', { name: 'Try again' }).click();
  await box.getByText('Message 1000000 of the sandbox', { exact: true }).waitFor();
  fails = true;
  await box.getByRole('button', { name: 'Older messages' }).click();
  await box.getByRole('alert').getByText('Linq cannot be reached').waitFor();
  expect(await messages(page).count()).toBe(25);
  fails = false;
  await box.getByRole('button', { name: 'Try again' }).click();
  await expect.poll(() => messages(page).count(), { timeout: 10_000 }).toBe(50);
  expect(troubles).toEqual([]);
});

async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source); // not a script of the page: its policy would not let it in
  const { violations } = await page.evaluate(() => (Reflect.get(globalThis, 'axe') as typeof axe).run());
  return violations.map(({ impact, id, nodes }) => `${impact}: ${id} at ${nodes.map(({ target }) => target).join()}`);
}
