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

const get = async (path: string) => {
  const response = await fetch(`${sandbox.origin}/api/partner/v2/chats/${path}`, {
    headers: { 'X-LINQ-INTEGRATION-TOKEN': 't' },
  });
  return { status: response.status, body: await response.json() };
};

it('has chats 1 to 3 with the participants that their messages name', async () => {
  for (const id of [1, 2, 3]) {
    const { body: chat } = await get(`${id}`);
    const { body: list } = await get(`${id}/chat_messages?per_page=100`);
    expect(chat.data.id).toBe(id);
    expect(chat.data.message_count).toBe(list.meta.total_count);
    const handles = chat.data.chat_handles.map((handle: { id: number }) => handle.id);
    for (const message of list.data) expect(handles).toContain(message.chat_handle_id);
  }
  const { body } = await get('1');
  expect(body.data.chat_handles.map((handle: { id: number }) => handle.id)).toEqual([122, 123, 124, 125]);
  expect((await get('77')).status).toBe(404);
  expect((await get('77/chat_messages')).status).toBe(404);
});

it('has no message id in two chats, save the documented one of chat 1 and those of chat 2', async () => {
  const ids = async (id: number) =>
    (await get(`${id}/chat_messages?per_page=100`)).body.data.map((message: { id: number }) => message.id);
  const [one, three] = [await ids(1), await ids(3)];
  expect(new Set([...one, ...three]).size).toBe(one.length + three.length);
  expect(three.every((id: number) => id > 1_000_000)).toBe(true);
});

it('lists messages in both orders, by pages and between times', async () => {
  const ids = async (query: string) =>
    (await get(`2/chat_messages?${query}`)).body.data.map((message: { id: number }) => message.id);
  expect((await get('2/chat_messages')).body.meta).toEqual({
    page: 1,
    total_pages: 40_000,
    total_count: 1_000_000,
    per_page: 25,
  });
  expect(await ids('per_page=3')).toEqual([1, 2, 3]);
  expect(await ids('per_page=3&page=2&sort=desc')).toEqual([999_997, 999_996, 999_995]);
  expect(await ids('page=1000001')).toEqual([]);
  const { body } = await get('2/chat_messages?per_page=100');
  const [, second, , fourth] = body.data;
  const between = `after=${encodeURIComponent(second.sent_at)}&before=${encodeURIComponent(fourth.sent_at)}`;
  expect(await ids(between)).toEqual([3]);
  expect(body.data[96].sent_at).toBe(body.data[95].sent_at);
});
