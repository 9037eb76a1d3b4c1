import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox();
});
afterAll(() => sandbox[Symbol.asyncDispose]());

const read = (chatId: string, id: string, headers: Record<string, string> = { 'X-LINQ-INTEGRATION-TOKEN': 't' }) =>
  fetch(`${sandbox.origin}/api/partner/v2/chats/${chatId}/chat_messages/${id}`, { headers });

it('returns the documented example value for value', async () => {
  const documented = readFileSync(new URL('../fixtures/chat-message.documented.json', import.meta.url), 'utf8');
  expect(await (await read('1', '224')).json()).toEqual(JSON.parse(documented));
});

it('returns ids as JSON numbers, also above 2^53', async () => {
  expect(await (await read('1', '9007199254740993')).text()).toContain('"id":9007199254740993,');
});

it.each(['224', '226', '227', '228', '229', '230', '67890', '53077912', '3000000000', '9007199254740993'])(
  'has message %s in chat 1',
  async (id) => {
    const response = await read('1', id);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  },
);

it('returns a message for every id of chat 2 from 1 to 1,000,000, always the same', async () => {
  for (const id of ['1', '2', '55', '143', '999999', '1000000']) {
    const [first, second] = [await (await read('2', id)).text(), await (await read('2', id)).text()];
    expect(JSON.parse(first).data.id).toBe(Number(id));
    expect(second).toBe(first);
  }
  for (const id of ['0', '1000001', '01']) expect((await read('2', id)).status).toBe(404);
});

it('responds with 401 without a token and with 404 for an unknown chat, in the documented format', async () => {
  for (const chatId of ['1', '77', '500']) expect((await read(chatId, '224', {})).status).toBe(401);
  const missing = await read('77', '224');
  expect(missing.status).toBe(404);
  expect(await missing.json()).toEqual({
    errors: [{ status: 404, code: 'not_found', title: 'Not Found', detail: 'Chat not found' }],
  });
});
