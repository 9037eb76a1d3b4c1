import { isObjectType } from 'graphql';
import { expect, it } from 'vitest';
import { readMessagePage } from '../../../src/datasources/linq/message-page.ts';
import { chatRoute } from '../../../src/datasources/linq/routes/chat.ts';
import { chatMessageRoute } from '../../../src/datasources/linq/routes/chat-message.ts';
import { chatMessagesRoute } from '../../../src/datasources/linq/routes/chat-messages.ts';
import type { LinqId } from '../../../src/datasources/model.ts';
import { propertyFields } from '../../support/property-fields.ts';

const chatId = '1' as LinqId;
const ignore = () => {};

const message = {
  id: 224,
  text: 'Hello',
  sent_at: '2025-05-21T15:30:00.123-05:00',
  attachments: [{ id: 'abc12345-1234-5678-9abc-def012345678' }],
  reactions: [{ id: 456 }],
};
const chat = { id: 1, chat_handles: [{ id: 123 }] };

/** Compares each object in a decoded value with its GraphQL type; returns the names of these types. */
function comparePropertiesOf(type: string, value: unknown, compared = new Set<string>()): Set<string> {
  if (Array.isArray(value)) {
    expect(value, `a list of ${type}, of which one is needed`).not.toEqual([]);
    for (const entry of value) comparePropertiesOf(type, entry, compared);
    return compared;
  }
  const fields = propertyFields(type);
  expect(Object.keys(value as object), `the properties of a decoded ${type}, and the fields in src/schema`).toEqual(
    fields.map(({ name }) => name),
  );
  compared.add(type);
  for (const { name, type: named } of fields) {
    if (isObjectType(named)) comparePropertiesOf(named.name, (value as Record<string, unknown>)[name], compared);
  }
  return compared;
}

// When all of them are selected, the fast path writes the value itself: a property more would reach clients that did not select it.
it('decodes values with exactly the property fields of their GraphQL types, in the order of the schema', async () => {
  const page = await readMessagePage(
    {
      ...{ chatId, direction: 'forward', size: 1 },
      ...{ after: undefined, before: undefined, sentSince: undefined, sentBefore: undefined },
    },
    async (key) => {
      const meta = { page: 1, total_pages: 1, total_count: 1, per_page: 25 };
      return chatMessagesRoute.decode(JSON.stringify({ data: [message], meta }), key, ignore);
    },
    ignore,
  );
  const key = { chatId, id: '224' as LinqId };
  const decoded = [
    ['ChatMessage', chatMessageRoute.decode(JSON.stringify({ data: message }), key, ignore)],
    ['Chat', chatRoute.decode(JSON.stringify({ data: chat }), key, ignore)],
    ['ChatMessageConnection', page],
  ] as const;
  expect(decoded.flatMap(([type, value]) => [...comparePropertiesOf(type, value)])).toEqual([
    ...['ChatMessage', 'Attachment', 'Reaction'],
    ...['Chat', 'ChatParticipant'],
    ...['ChatMessageConnection', 'ChatMessageEdge', 'ChatMessage', 'Attachment', 'Reaction', 'PageInfo'],
  ]);
});
