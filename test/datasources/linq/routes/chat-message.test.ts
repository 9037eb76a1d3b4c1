import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatMessageRoute } from '../../../../src/datasources/linq/routes/chat-message.ts';
import type { MessageKey } from '../../../../src/datasources/model.ts';
import { UpstreamError } from '../../../../src/datasources/upstream-error.ts';
import { runs } from '../../../support/runs.ts';

const key = { chatId: '1', id: '224' } as MessageKey;

function decode(body: string) {
  const drift: string[] = [];
  const message = chatMessageRoute.decode(body, key, (path, kind) => drift.push(`${path} ${kind}`));
  return { message, drift };
}

const decodeData = (data: object) => decode(JSON.stringify({ data: { id: 224, ...data } }));

it.each([
  '',
  'null',
  '[]',
  '"text"',
  '{',
  '<html>',
  '{}',
  '{"data":null}',
  '{"data":[]}',
  '{"data":7}',
  '{"data":{}}',
  '{"data":{"id":null}}',
  '{"data":{"id":225}}',
  '{"data":{"id":"225"}}',
  '{"data":{"id":224.5}}',
  '{"data":{"id":true}}',
  '{"data":{"id":{"id":224}}}',
  '{"errors":[]}',
  '{"id":224}',
])('fails %s as a bad response', (body) => {
  expect(() => decode(body)).toThrow(expect.objectContaining({ fault: 'bad-response' }));
});

it('keeps the message when its id is digits in a string', () => {
  const { message, drift } = decode('{"data":{"id":"224","text":"kept"}}');
  expect(message).toMatchObject({ id: '224', text: 'kept' });
  expect(drift).toContain('data.id type');
});

it('distinguishes ids that differ only beyond 2^53', () => {
  const far = { chatId: '1', id: '9007199254740993' } as MessageKey;
  const body = (id: string) => `{"data":{"id":${id}, "reactions":[{"id":9223372036854775807}]}}`;
  expect(chatMessageRoute.decode(body('9007199254740993'), far, () => {})).toMatchObject({
    reactions: [{ id: '9223372036854775807' }],
  });
  expect(() => chatMessageRoute.decode(body('9007199254740992'), far, () => {})).toThrow(UpstreamError);
});

it('does not accept a decimal beyond 2^53 as an id, no matter how close it is to an integer', () => {
  const near = { chatId: '1', id: '9007199254740994' } as MessageKey;
  expect(() => chatMessageRoute.decode('{"data":{"id":9007199254740993.9}}', near, () => {})).toThrow(UpstreamError);
});

it('reads a message with an unknown field of any depth', () => {
  const depth = 100_000;
  const { message } = decode(
    `{"data":{"id":224,"n":1234567890123456,"deep":${'['.repeat(depth)}${']'.repeat(depth)}}}`,
  );
  expect(message.id).toBe('224');
});

describe('times', () => {
  it.each([
    '2025-05-21T15:30:00.123-05:00',
    '2025-05-21T15:30:00Z',
    '2025-05-21T15:30:00.123456Z',
    '2024-02-29T23:59:60+14:00',
    '2000-02-29T00:00:00Z',
    '2025-05-21t15:30:00z',
  ])('passes %s through unchanged', (text) => {
    expect(decodeData({ sent_at: text }).message.sentAt).toBe(text);
  });

  it.each([
    '2025-05-21 15:30:00 -0600',
    '2025-05-21',
    '2025-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2025-13-01T00:00:00Z',
    '2025-00-01T00:00:00Z',
    '2025-01-00T00:00:00Z',
    '2025-01-32T00:00:00Z',
    '2025-01-01T24:00:00Z',
    '2025-01-01T00:60:00Z',
    '2025-01-01T00:00:00',
    '2025-01-01T00:00:00+5:00',
    '2025-01-01T00:00:00.Z',
    'yesterday',
    '',
    ' 2025-05-21T15:30:00Z',
    '2025-05-21T15:30:00Z\n',
  ])('makes %j null and reports it', (text) => {
    const { message, drift } = decodeData({ sent_at: text });
    expect(message.sentAt).toBeNull();
    expect(drift).toContain('data.sent_at format');
  });
});

describe('lists', () => {
  it.each([[{}], [{ attachments: null, reactions: null }], [{ attachments: [], reactions: [] }]])(
    '%o are empty lists',
    (data) => {
      expect(decodeData(data).message).toMatchObject({ attachments: [], reactions: [] });
    },
  );

  it.each([
    ['{}', {}],
    ['text', 'x'],
    ['a number', 7],
  ])('treats %s instead of a list as an empty list, and reports it', (_what, value) => {
    const { message, drift } = decodeData({ attachments: value, reactions: value });
    expect(message).toMatchObject({ attachments: [], reactions: [] });
    expect(drift).toEqual(expect.arrayContaining(['data.attachments type', 'data.reactions type']));
  });

  it('omit entries without a valid id and keep the others', () => {
    const { message, drift } = decodeData({
      attachments: [
        null,
        7,
        [],
        {},
        { id: null },
        { id: '' },
        { id: 5 },
        { id: 'a' },
        { id: 'abc12345-1234-5678-9abc-def012345678' },
      ],
      reactions: [
        null,
        {},
        { id: null },
        { id: 'x' },
        { id: 1.5 },
        { id: 0 },
        { id: -1 },
        { id: '9' },
        { id: '9999999999999999999' },
        { id: 10 },
      ],
    });
    expect(message.attachments.map(({ id }) => id)).toEqual(['a', 'abc12345-1234-5678-9abc-def012345678']);
    expect(message.reactions.map(({ id }) => id)).toEqual(['9', '10']);
    expect(drift).toEqual(
      expect.arrayContaining([
        'data.attachments[] type',
        'data.attachments[].id missing',
        'data.attachments[].id format',
        'data.reactions[].id range',
      ]),
    );
    expect(drift).not.toContain('data.attachments[].id unknown');
  });
});

it('returns a file size only if it fits', () => {
  const sizes = [0, 2_147_483_647, 2_147_483_648, -1, 1.5, '12345', null];
  const attachments = sizes.map((size, index) => ({ id: `${index}`, file_size: size }));
  expect(decodeData({ attachments }).message.attachments.map(({ fileSize }) => fileSize)).toEqual([
    0,
    2_147_483_647,
    null,
    null,
    null,
    null,
    null,
  ]);
});

it('reports an unknown field by its name, unless the name may be data', () => {
  const { drift } = decodeData({ service: 'SMS', '+15551234567': 1, 'a@b.example': 1, __proto__x: 1 });
  expect(drift.filter((line) => line.endsWith('unknown'))).toEqual([
    'data.service unknown',
    'data.? unknown',
    'data.? unknown',
    'data.__proto__x unknown',
  ]);
});

it('reports nothing for the documented example', () => {
  const reaction = {
    id: 1,
    chat_message_id: 224,
    reaction: 'love',
    is_from_me: false,
    from_phone: '',
    sent_at: null,
    created_at: null,
    updated_at: null,
  };
  const attachment = { id: 'abc12345-1234-5678-9abc-def012345678', url: '', filename: '', mime_type: '', file_size: 1 };
  const { drift } = decodeData({
    text: null,
    sent_at: null,
    delivered_at: null,
    delivery_status: 'pending',
    edited_at: null,
    is_read: false,
    sent_from: '',
    chat_handle_id: null,
    attachments: [attachment],
    reactions: [reaction],
  });
  expect(drift).toEqual([]);
});

const date = fc
  .date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((at) => at.toISOString());
const int64 = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });
/** Each documented field with valid values; ids as bigint, to be serialized as JSON numbers. */
const right = {
  text: fc.string({ unit: 'grapheme' }),
  sent_at: date,
  delivered_at: date,
  delivery_status: fc.string(),
  edited_at: date,
  is_read: fc.boolean(),
  sent_from: fc.string(),
  chat_handle_id: int64,
};
const names = {
  text: 'text',
  sent_at: 'sentAt',
  delivered_at: 'deliveredAt',
  delivery_status: 'deliveryStatus',
  edited_at: 'editedAt',
  is_read: 'isRead',
  sent_from: 'sentFrom',
  chat_handle_id: 'chatHandleId',
} as const;
const toJson = (value: unknown): string =>
  typeof value === 'bigint'
    ? String(value)
    : Array.isArray(value)
      ? `[${value.map(toJson).join()}]`
      : typeof value === 'object' && value !== null
        ? `{${Object.entries(value)
            .map(([name, item]) => `${JSON.stringify(name)}:${toJson(item)}`)
            .join()}}`
        : JSON.stringify(value);

it('throws only bad-response errors, for any body', () => {
  const junk = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((data) => `{"data":${data}}`),
    fc
      .dictionary(fc.constantFrom(...Object.keys(right), 'attachments', 'reactions', 'other'), fc.jsonValue())
      .map((data) => JSON.stringify({ data: { id: 224, ...data } })),
  );
  fc.assert(
    fc.property(junk, (body) => {
      try {
        decode(body);
      } catch (error) {
        expect(error).toMatchObject({ name: 'UpstreamError', fault: 'bad-response' });
      }
    }),
    { numRuns: runs(500) },
  );
});

it('never loses a valid field, whatever else is invalid', () => {
  const element = fc.record({
    id: int64,
    chat_message_id: int64,
    reaction: fc.string(),
    is_from_me: fc.boolean(),
    sent_at: date,
  });
  fc.assert(
    fc.property(
      fc.record(right),
      fc.array(fc.oneof(element, fc.jsonValue())),
      fc.dictionary(fc.constantFrom(...Object.keys(right), 'service', 'other'), fc.jsonValue()),
      (fields, reactions, wrong) => {
        const { message } = decode(toJson({ data: { ...fields, ...wrong, id: 224n, reactions } }));
        for (const [theirs, ours] of Object.entries(names)) {
          if (theirs in wrong) continue;
          const value = fields[theirs as keyof typeof fields];
          expect(message[ours]).toBe(typeof value === 'bigint' ? String(value) : value);
        }
        const isElement = (value: unknown): value is { id: bigint; reaction: string } =>
          typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'bigint';
        const kept = message.reactions.map(({ id, reaction }) => `${id} ${reaction}`);
        const elements: unknown[] = reactions;
        for (const { id, reaction } of elements.filter(isElement)) expect(kept).toContain(`${id} ${reaction}`);
      },
    ),
    { numRuns: runs(200) },
  );
});
