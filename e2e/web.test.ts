import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLinq } from './support/linq.ts';
import { freePort, root, startGateway } from './support/programs.ts';
import { focused, startWeb, type Web } from './support/web.ts';

let web: Web;
beforeAll(async () => {
  web = await startWeb('built');
});
afterAll(() => web?.[Symbol.asyncDispose]());

/** Taken anew by every run, always the same on the same Chromium: what changed is looked at before it is committed. */
async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(root, `docs/${name}.png`) });
}

async function answerWith(page: Page, answer: object): Promise<void> {
  await page.route('**/graphql', (route) => route.fulfill({ json: answer }));
}

it('sends no request beyond this machine', async () => {
  const { page } = await web.open('');
  for (const url of ['http://example.com/', 'http://192.0.2.1/']) {
    await expect(page.goto(url)).rejects.toThrow('ERR_NAME_NOT_RESOLVED');
  }
});

describe('shows', () => {
  it('a message with its attachment, reaction and delivery status', async () => {
    const { page, troubles } = await web.open('?chatId=1&id=224');
    const message = page.getByRole('article');
    await message.getByText('Hello, how are you?').waitFor();
    expect(await message.getByRole('heading').innerText()).toBe('+15551234567');
    const link = page.getByRole('list', { name: 'Attachments' }).getByRole('link', { name: 'document.pdf' });
    expect(await link.getAttribute('href')).toBe('https://storage.googleapis.com/linq-files/attachments/abc123.pdf');
    expect(await link.getAttribute('rel')).toBe('noreferrer');
    await message.getByText('application/pdf · 12.3 kB').waitFor();
    const reaction = page.getByRole('list', { name: 'Reactions' }).getByRole('listitem');
    await reaction.getByRole('img', { name: 'love' }).waitFor();
    expect(await reaction.innerText()).toBe('+15551234567');
    expect(await message.getByRole('definition').allInnerTexts()).toEqual([
      'Pending',
      'May 21, 2025, 3:30 PM',
      'Not yet',
      'May 21, 2025, 3:31 PM',
    ]);
    expect(await message.locator('time').first().getAttribute('datetime')).toBe('2025-05-21T15:30:00.123-05:00');
    await picture(page, 'web-message');
    expect(troubles).toEqual([]);
  });

  it('the newest messages of a conversation, and older ones above them when a button is pressed', async () => {
    const { page, troubles, asked } = await web.open('?chatId=2');
    await page.getByText('Message 1000000 of the sandbox', { exact: true }).waitFor();
    const messages = page.locator('.messages ol > li');
    expect(await messages.count()).toBe(25);
    const oldest = page.getByText('Message 999976 of the sandbox', { exact: true });
    const top = () => oldest.evaluate((it) => it.getBoundingClientRect().top);
    await page.getByRole('button', { name: 'Older messages' }).focus();
    const before = await top();
    await page.keyboard.press('Enter');
    await expect.poll(() => messages.count()).toBe(50);
    expect(Math.abs((await top()) - before)).toBeLessThan(2); // what was read has not moved
    expect(await focused(page)).toBe('Older messages');
    const links = await messages.locator('.from a').evaluateAll((all) => all.map((it) => it.getAttribute('href')));
    expect(links).toEqual(Array.from({ length: 50 }, (_, index) => `?chatId=2&id=${999_951 + index}`));
    expect(await page.getByRole('status').innerText()).toBe('Chat 2: 50 messages shown');
    expect(asked()).toBe(3); // the live messages, and two pages
    expect(troubles).toEqual([]);
  });

  it('the participants and the beginning of a conversation, and for each message a link to its details', async () => {
    const { page, troubles } = await web.open('?chatId=1', { viewport: { width: 900, height: 860 } });
    const messages = page.locator('.messages ol > li');
    await messages.last().waitFor();
    expect(await page.getByRole('article').getByRole('heading').innerText()).toBe('Lunch on Thursday');
    expect(await page.getByRole('list', { name: 'Participants' }).getByRole('listitem').allInnerTexts()).toEqual([
      '+19998887777',
      '+15551234567',
      '+15559876543',
      'participant@example.com',
    ]);
    await page.locator('.messages').evaluate((it) => it.scrollTo(0, 0));
    await page.getByText('The conversation begins here.').waitFor();
    expect(await page.getByRole('button', { name: 'Older messages' }).count()).toBe(0);
    await picture(page, 'web-conversation');
    await messages.first().getByRole('link', { name: '3:30 PM' }).click();
    await page.getByRole('definition').first().waitFor();
    expect(page.url()).toBe(`${web.url}?chatId=1&id=224`);
    expect(troubles).toEqual([]);
  });

  it('that a chat does not exist, or may not be read', async () => {
    const { page, troubles } = await web.open('?chatId=77');
    await page.getByText('There is no such chat.').waitFor();
    await page.getByRole('link', { name: 'Forbidden chat' }).click();
    await page.getByRole('alert').getByText('You may not read this').waitFor();
    expect(await page.getByRole('article').count()).toBe(0);
    expect(troubles).toEqual([]);
  });

  it('the chat when its messages cannot be read, and the messages when older ones cannot be, and offers to retry', async () => {
    let fails = true;
    const { page, troubles } = await web.open('?chatId=2', {
      viewport: { width: 900, height: 860 },
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
    await page.locator('.messages').evaluate((it) => it.scrollTo(0, 0));
    await picture(page, 'web-older');
    expect(await page.locator('.messages ol > li').count()).toBe(25);
    fails = false;
    await box.getByRole('button', { name: 'Try again' }).click();
    await expect.poll(() => page.locator('.messages ol > li').count()).toBe(50);
    expect(troubles).toEqual([]);
  });

  it('times in the language and time zone of the reader', async () => {
    const { page } = await web.open('?chatId=1&id=224', { locale: 'de-DE', timezoneId: 'Europe/Berlin' });
    expect(await page.locator('article > time').innerText()).toBe('21.05.2025, 22:30');
  });

  it('unknown values as they are, and omits values that Linq does not return', async () => {
    const { page, troubles } = await web.open('?chatId=602&id=1');
    const message = page.getByRole('article');
    expect((await message.innerText()).split(/\s*\n\s*/)).toEqual([
      'Unknown sender',
      'Unnamed file',
      'application/pdf · cannot be opened',
      'custom',
      'Somebody',
      'Delivery',
      'teleported',
    ]);
    expect(troubles).toEqual([]);
  });

  it('texts of messages as text, and links only to web addresses', async () => {
    const markup = '<img src="https://example.com/x.png" onerror="document.title=1">';
    const attachment = { id: '1', url: 'javascript:alert(1)', filename: markup, mimeType: markup, fileSize: 1 };
    const reaction = { id: '1', reaction: markup, isFromMe: false, fromPhone: markup };
    const chatMessage = {
      text: markup,
      sentFrom: markup,
      sentAt: '2025-05-21T23:59:60Z',
      deliveredAt: null,
      deliveryStatus: markup,
      editedAt: null,
      isRead: true,
      attachments: [attachment],
      reactions: [reaction],
    };
    const { page, troubles } = await web.open('', { prepare: (page) => answerWith(page, { data: { chatMessage } }) });
    expect((await page.getByRole('article').innerText()).split(markup)).toHaveLength(8);
    expect(await page.locator('article :is(img, a)').count()).toBe(0);
    expect(await page.locator('article time').innerText()).toBe('2025-05-21T23:59:60Z');
    expect(troubles).toEqual([]);
  });

  it('that a message does not exist', async () => {
    const { page, troubles } = await web.open('?chatId=1&id=225');
    await page.getByText('There is no such message.').waitFor();
    expect(await page.getByRole('status').innerText()).toBe('Message 225 of chat 1');
    await picture(page, 'web-missing');
    expect(troubles).toEqual([]);
  });

  it('a rate limit, and prevents a retry before it is over', async () => {
    const { page, troubles, asked } = await web.open('?chatId=4290&id=1', {
      prepare: async ({ clock }) => {
        await clock.install({ time: 0 });
        await clock.pauseAt(60_000);
      },
    });
    await page.getByRole('alert').getByText('Too many messages were read').waitFor();
    await page.clock.runFor(2_000);
    const button = page.getByRole('button', { name: 'Try again' });
    expect(await button.innerText()).toBe('Try again in 59:59');
    await picture(page, 'web-rate-limit');
    await button.focus();
    await page.keyboard.press('Enter');
    expect(await button.innerText()).toBe('Try again in 59:59');
    await page.clock.fastForward(3_600_000);
    expect(await button.innerText()).toBe('Try again');
    expect(asked()).toBe(1);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Try again in 1:00:01' }).waitFor();
    expect(asked()).toBe(2);
    expect(troubles).toEqual([]);
  });

  it('after three seconds, not ten, that Linq takes too long', async () => {
    const { page, troubles } = await web.open('?chatId=504&id=1');
    expect(await page.getByRole('status').innerText()).toBe('Message 1 of chat 504: loading …');
    await page.getByRole('alert').getByText('Linq takes too long').waitFor({ timeout: 8_000 });
    await picture(page, 'web-timeout');
    expect(troubles).toEqual([]);
  });

  it('that the gateway cannot be reached, when there is no response', async () => {
    const { page } = await web.open('', { prepare: (page) => page.route('**/graphql', () => {}) });
    await page.getByRole('alert').getByText('The gateway cannot be reached').waitFor({ timeout: 15_000 });
    await page.getByRole('button', { name: 'Try again' }).waitFor();
  });

  it('for every error code of docs/errors.md what happened, and offers to retry where that can help', async () => {
    const [, table = ''] = readFileSync(join(root, 'docs/errors.md'), 'utf8').split('| code |');
    const codes = [...table.matchAll(/^\| \[`([A-Z_]+)`\].*\| (yes|no)/gm)];
    expect(codes.length).toBeGreaterThan(10);
    let answer = {};
    const { page, troubles } = await web.open('?chatId=0', {
      prepare: (page) => page.route('**/graphql', (route) => route.fulfill({ json: answer })),
    });
    await page.getByLabel('Chat id').fill('1');
    await page.getByLabel('Message id').fill('1');
    for (const [, code = '', retryable] of codes) {
      const extensions = { code, retryable: retryable === 'yes', requestId: `id-of-${code}` };
      answer = { data: { chatMessage: null }, errors: [{ message: 'Not for people.', extensions }] };
      await page.getByRole('button', { name: 'Show' }).click();
      await page.getByText(`For support: id-of-${code}`, { exact: true }).waitFor();
      expect(await page.getByRole('alert').innerText(), code).not.toMatch(/could not be read|Not for people/);
      const buttons = await page.getByRole('button').allInnerTexts();
      expect(buttons, code).toEqual(retryable === 'yes' ? ['Show', 'Try again'] : ['Show']);
    }
    expect(troubles).toEqual([]);
  });

  it('beside the field which id is malformed, and sends no request', async () => {
    const { page, troubles, asked } = await web.open('?chatId=1&id=9223372036854775808');
    expect(await page.getByRole('textbox', { name: 'Message id' }).getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Chat id').fill('one');
    await page.getByRole('button', { name: 'Show' }).click();
    expect(await page.locator('.fault').allInnerTexts()).toEqual(
      Array(2).fill('A whole number from 1 to 9223372036854775807, please.'),
    );
    expect(await focused(page)).toBe('chatId');
    expect(asked()).toBe(0);
    await page.getByLabel('Chat id').fill(' 1 ');
    await page.getByLabel('Message id').fill('9007199254740993');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByText('An id beyond 2^53').waitFor();
    expect(page.url()).toBe(`${web.url}?chatId=1&id=9007199254740993`);
    expect(troubles).toEqual([]);
  });

  it('the message that was requested last, and cancels the read of the one before', async () => {
    const { page, troubles } = await web.open('?chatId=504&id=1');
    const ended = page.waitForEvent('requestfailed');
    await page.getByRole('link', { name: 'Documented example' }).click();
    await page.getByText('Hello, how are you?').waitFor();
    expect((await ended).postDataJSON().variables).toEqual({ chatId: '504', id: '1' });
    await page.goBack();
    expect(await page.getByRole('status').innerText()).toContain('chat 504');
    expect(troubles).toEqual([]);
  });
});

describe('on the development server', () => {
  it('has the same content security policy, and continues once the gateway is available', async () => {
    const port = await freePort();
    await using development = await startWeb('development', `http://127.0.0.1:${port}`);
    const { page, troubles } = await development.open('');
    await page.getByText('The gateway cannot be reached').waitFor();
    expect(troubles.splice(0)).toEqual([expect.stringMatching(/^502: .*\/graphql$/), expect.stringContaining('502')]);
    await using _gateway = await startGateway({ PORT: String(port) }, 'sandbox');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('Hello, how are you?').waitFor();
    expect(troubles).toEqual([]);
  });

  it('reads through a gateway with a token, which still refuses requests for names other than loopback', async () => {
    await using linq = await startLinq();
    await using gateway = await startGateway({ LINQ_API_URL: linq.origin, LINQ_INTEGRATION_TOKEN: 'of-the-gateway' });
    await using development = await startWeb('development', gateway.url);
    const { page, troubles } = await development.open('');
    await page.getByText('Message 224', { exact: true }).waitFor();
    expect(troubles).toEqual([]);
    const rebound = request(`${development.url}graphql?query={__typename}`, { headers: { host: '192.0.2.1' } }).end();
    const [response] = await once(rebound, 'response');
    expect(response.resume().statusCode).toBe(421);
  });
});
