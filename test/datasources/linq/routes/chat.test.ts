import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { chatRoute } from '../../../../src/datasources/linq/routes/chat.ts';
import type { ChatKey } from '../../../../src/datasources/model.ts';

const key = { chatId: '45' } as ChatKey;

function decode(body: string) {
  const drift: string[] = [];
  const chat = chatRoute.decode(body, key, (path, kind) => drift.push(`${path} ${kind}`));
  return { chat, drift };
}

const decodeData = (data: object) => decode(JSON.stringify({ data: { id: 45, ...data } }));

it('reads the example of the documentation without drift', () => {
  const body = readFileSync(new URL('../../../fixtures/chat.documented.json', import.meta.url), 'utf8');
  const joinedAt = '2025-05-21T15:30:00.000-05:00';
  expect(decode(body)).toEqual({
    chat: {
      id: '45',
      displayName: 'John Doe, Jane Smith',
      service: 'iMessage',
      isGroup: false,
      messageCount: 15,
      participants: [
        { id: '123', address: '+15551234567', service: 'iMessage', joinedAt },
        { id: '124', address: '+15559876543', service: 'iMessage', joinedAt },
      ],
    },
    drift: [],
  });
});

it.each(['', 'null', '{}', '{"data":[]}', '{"data":{}}', '{"data":{"id":46}}', '{"data":{"id":null}}', '<html>'])(
  'fails %s as a bad response',
  (body) => {
    expect(() => decode(body)).toThrow(expect.objectContaining({ fault: 'bad-response' }));
  },
);

it('leaves out participants without a usable id, and reports them', () => {
  const { chat, drift } = decodeData({
    chat_handles: [
      { phone_number: '+1' },
      null,
      '+2',
      { id: 0, phone_number: '+3' },
      { id: 9, phone_number: 'a@example.com' },
    ],
  });
  expect(chat.participants).toMatchObject([{ id: '9', address: 'a@example.com' }]);
  expect(drift).toEqual(
    expect.arrayContaining([
      'data.chat_handles[].id missing',
      'data.chat_handles[] type',
      'data.chat_handles[].id range',
    ]),
  );
});

it('replaces what differs from the documentation with null, and reports it', () => {
  const { chat, drift } = decodeData({
    display_name: 7,
    service: null,
    group: 'false',
    message_count: 2 ** 31,
    chat_handles: [{ id: 9, phone_number: '+1', service: 'iMessage', joined_at: 'yesterday' }],
    archived: true,
  });
  expect(chat).toEqual({
    id: '45',
    displayName: null,
    service: null,
    isGroup: null,
    messageCount: null,
    participants: [{ id: '9', address: '+1', service: 'iMessage', joinedAt: null }],
  });
  expect(drift).toEqual([
    'data.display_name type',
    'data.group type',
    'data.message_count range',
    'data.chat_handles[].joined_at format',
    'data.archived unknown',
  ]);
});
