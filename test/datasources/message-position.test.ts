import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  comparePositions,
  cursorOf,
  dateTimeOf,
  instantOf,
  positionOf,
} from '../../src/datasources/message-position.ts';
import type { LinqId } from '../../src/datasources/model.ts';

const anyId = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map((id) => String(id) as LinqId);
const anyMs = fc.integer({ min: Date.parse('0000-01-01T00:00:00Z'), max: Date.parse('9999-12-31T23:59:59.999Z') });

it('reads back each cursor that it writes, in its own chat alone', () => {
  fc.assert(
    fc.property(anyId, anyId, anyMs, anyId, (chat, other, ms, id) => {
      const cursor = cursorOf(chat, { ms, id });
      expect(positionOf(cursor, chat)).toEqual({ ms, id });
      if (other !== chat) expect(positionOf(cursor, other)).toBeUndefined();
    }),
  );
});

it('accepts no other text as a cursor', () => {
  const chat = '1' as LinqId;
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.base64String(),
        fc.string().map((text) => btoa(encodeURI(`1:1:${text}`))),
      ),
      (text) => {
        const position = positionOf(text, chat);
        if (position !== undefined) expect(cursorOf(chat, position)).toBe(text);
      },
    ),
  );
});

it('orders by time, then by the id as a number', () => {
  const sorted = [
    { ms: 1, id: '99' },
    { ms: 2, id: '0' },
    { ms: 2, id: '9' },
    { ms: 2, id: '10' },
    { ms: 2, id: '9007199254740992' },
    { ms: 2, id: '9007199254740993' },
  ];
  expect(sorted.toReversed().toSorted(comparePositions)).toEqual(sorted);
});

it.each([
  ['2025-05-21T15:30:00.123-05:00', 123],
  ['2025-05-21t20:30:00.123z', 123],
  ['2025-05-21T20:30:00Z', 0],
  ['2025-05-21T20:30:00.1Z', 100],
  ['2025-05-21T20:30:00.1239Z', 123],
  ['2025-05-21T20:29:60Z', 0],
  ['2025-05-21T20:29:60.5Z', 500],
])('reads the instant of %s', (text, ms) => {
  expect(instantOf(text)).toBe(Date.UTC(2025, 4, 21, 20, 30) + ms);
});

it('rounds up when requested', () => {
  const start = Date.UTC(2025, 4, 21, 20, 30);
  expect(instantOf('2025-05-21T20:30:00.1230001Z', 'up')).toBe(start + 124);
  expect(instantOf('2025-05-21T20:30:00.123000Z', 'up')).toBe(start + 123);
  expect(instantOf('2025-05-21T20:30:00.1Z', 'up')).toBe(start + 100);
});

it.each(['', 'yesterday', '2025-05-21', '2025-02-30T00:00:00Z', '2025-05-21 15:30:00 -0600'])(
  'does not accept %j as a date-time',
  (text) => expect(instantOf(text)).toBeUndefined(),
);

it('writes times with milliseconds and a numeric offset, within four digits of years', () => {
  expect(dateTimeOf(Date.UTC(2025, 4, 21, 20, 30))).toBe('2025-05-21T20:30:00.000+00:00');
  expect(dateTimeOf(Number.MAX_SAFE_INTEGER)).toBe('9999-12-31T23:59:59.999+00:00');
});
