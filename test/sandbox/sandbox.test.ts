import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox();
});
afterAll(() => sandbox[Symbol.asyncDispose]());

const ask = (chatId: string, id: string, headers: Record<string, string> = { 'X-LINQ-INTEGRATION-TOKEN': 't' }) =>
  fetch(`${sandbox.origin}/api/partner/v2/chats/${chatId}/chat_messages/${id}`, { headers });

it('gives the documented example value for value', async () => {
  const documented = readFileSync(new URL('../fixtures/chat-message.documented.json', import.meta.url), 'utf8');
  expect(await (await ask('1', '224')).json()).toEqual(JSON.parse(documented));
});

it('gives ids as JSON numbers, beyond 2^53 too', async () => {
  expect(await (await ask('1', '9007199254740993')).text()).toContain('"id":9007199254740993,');
});

it.each(['224', '226', '227', '228', '229', '230', '67890', '53077912', '3000000000', '9007199254740993'])(
  'knows message %s of chat 1',
  async (id) => {
    const response = await ask('1', id);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  },
);

it('answers for every id of chat 2 from 1 to 1,000,000, always the same', async () => {
  for (const id of ['1', '2', '55', '143', '999999', '1000000']) {
    const [first, second] = [await (await ask('2', id)).text(), await (await ask('2', id)).text()];
    expect(JSON.parse(first).data.id).toBe(Number(id));
    expect(second).toBe(first);
  }
  for (const id of ['0', '1000001', '01']) expect((await ask('2', id)).status).toBe(404);
});

it('answers 401 before 404 before 200, in the documented shape', async () => {
  for (const chatId of ['1', '77', '500']) expect((await ask(chatId, '224', {})).status).toBe(401);
  const missing = await ask('77', '224');
  expect(missing.status).toBe(404);
  expect(await missing.json()).toEqual({
    errors: [{ status: 404, code: 'not_found', title: 'Not Found', detail: 'Chat not found' }],
  });
});
