import { describe, expect, it } from 'vitest';
import { Invalidations } from '../../../src/datasources/cache/invalidations.ts';
import { type ChatEvent, type EventKind, positionOf } from '../../../src/datasources/events/chat-event.ts';
import { EventTail } from '../../../src/datasources/events/event-tail.ts';
import { isLinqId, type LinqId } from '../../../src/datasources/model.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { startUpstream } from '../../support/upstream.ts';
import { deliver, secret, webhook } from '../../support/webhooks.ts';

const idOf = (text: string): LinqId => {
  if (!isLinqId(text)) throw new Error(text);
  return text;
};
const eventOf = (chatId: string, messageId: string, kind: EventKind = 'message.received'): ChatEvent => {
  return { kind, chatId: idOf(chatId), messageId: idOf(messageId), occurredAt: '2025-05-21T15:30:00-06:00' };
};

describe('a value is outdated', () => {
  const create = () => {
    const tail = new EventTail(positionOf(0, 0));
    const invalidations = new Invalidations(tail);
    let count = 0;
    const add = (event: ChatEvent | { kind: 'gap' }) => tail.add({ ...event, position: positionOf(1, count++) });
    return { tail, invalidations, add };
  };

  it('by an event of its message that came after its read began, and by no other', () => {
    const { invalidations, add } = create();
    const before = invalidations.position;
    add(eventOf('1', '7'));
    const after = invalidations.position;
    expect(invalidations.isOutdated({ chatId: '1', messageId: '7' }, before)).toBe(true);
    expect(invalidations.isOutdated({ chatId: '1', messageId: '7' }, after)).toBe(false);
    expect(invalidations.isOutdated({ chatId: '1', messageId: '8' }, before)).toBe(false);
    expect(invalidations.isOutdated({ chatId: '2', messageId: '7' }, before)).toBe(false);
    expect(invalidations.isOutdated({ chatId: '17', messageId: '7' }, before)).toBe(false);
  });

  it('by a message.read of its chat, whichever message that names', () => {
    const { invalidations, add } = create();
    const before = invalidations.position;
    add(eventOf('1', '7', 'message.read'));
    expect(invalidations.isOutdated({ chatId: '1', messageId: '6' }, before)).toBe(true);
    expect(invalidations.isOutdated({ chatId: '2', messageId: '6' }, before)).toBe(false);
    expect(invalidations.isOutdated({ chatId: '1', messageId: '6' }, invalidations.position)).toBe(false);
  });

  it('by any event of its chat, if it is of the chat', () => {
    const { invalidations, add } = create();
    const before = invalidations.position;
    add(eventOf('1', '7', 'reaction.sent'));
    expect(invalidations.isOutdated({ chatId: '1' }, before)).toBe(true);
    expect(invalidations.isOutdated({ chatId: '2' }, before)).toBe(false);
  });

  it('by a gap, and by any event that another process knew before', () => {
    const { tail, invalidations, add } = create();
    const before = invalidations.position;
    add({ kind: 'gap' });
    expect(invalidations.isOutdated({ chatId: '2', messageId: '6' }, before)).toBe(true);
    const later = invalidations.position;
    tail.restart(positionOf(2, 0), [{ ...eventOf('1', '7'), position: positionOf(3, 0) }]);
    expect(invalidations.isOutdated({ chatId: '2', messageId: '6' }, later)).toBe(true);
    expect(invalidations.isOutdated({ chatId: '2', messageId: '6' }, positionOf(2, 0))).toBe(false);
    expect(invalidations.isOutdated({ chatId: '1', messageId: '7' }, positionOf(2, 0))).toBe(true);
  });

  it('by an event that was forgotten because memory is bounded', () => {
    const { invalidations, add } = create();
    const before = invalidations.position;
    add(eventOf('1', '7'));
    for (let id = 1; id <= 60_000; id++) add(eventOf('2', `${id}`));
    expect(invalidations.isOutdated({ chatId: '1', messageId: '7' }, before)).toBe(true);
    expect(invalidations.isOutdated({ chatId: '3', messageId: '7' }, before)).toBe(true);
    expect(invalidations.isOutdated({ chatId: '3', messageId: '7' }, invalidations.position)).toBe(false);
  });
});

const query = '{ chatMessage(chatId: 1, id: 7) { text } }';
const textOf = async (gateway: TestGateway, headers: Record<string, string> = {}): Promise<unknown> =>
  (await gateway.query(query, {}, headers)).data?.chatMessage?.text;
const env = { LINQ_CACHE_TTL_MS: '60000', LINQ_WEBHOOK_SECRETS: secret };

async function startCounting() {
  const upstream = await startUpstream((response, _request, id) =>
    response.end(JSON.stringify({ data: { id: Number(id), text: `text ${upstream.paths.length}` } })),
  );
  return upstream;
}

describe('a webhook', () => {
  it.each([
    ['message.sent', { id: '7' }],
    ['message.received', { id: 7 }],
    ['message.read', { id: '6' }],
    ['reaction.sent', { id: '9', chat_message_id: '7' }],
    ['reaction.received', { id: 9, chat_message_id: 7 }],
  ])('%s makes the next read of the message reach Linq, for every token', async (event_type, data) => {
    await using upstream = await startCounting();
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, ...env });
    const own = { 'x-linq-integration-token': 'of a caller' };
    expect([await textOf(gateway), await textOf(gateway, own)]).toEqual(['text 1', 'text 2']);
    expect([await textOf(gateway), await textOf(gateway, own)]).toEqual(['text 1', 'text 2']);
    await deliver(gateway, webhook({ event_type }, data));
    expect([await textOf(gateway), await textOf(gateway, own)]).toEqual(['text 3', 'text 4']);
    expect([await textOf(gateway), await textOf(gateway, own)]).toEqual(['text 3', 'text 4']);
  });

  it('of another message or chat leaves it cached', async () => {
    await using upstream = await startCounting();
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, ...env });
    await textOf(gateway);
    await deliver(gateway, webhook({}, { id: '8' }));
    await deliver(gateway, webhook({ event_type: 'message.read' }, { chat_id: '2', id: '7' }));
    await deliver(gateway, webhook({}, { id: '7' }), { 'x-webhook-signature': `sha256=${'0'.repeat(64)}` });
    expect(await textOf(gateway)).toBe('text 1');
  });

  it('that arrives while the message is read outdates the result of that read', async () => {
    let respond = () => {};
    const { promise: isReading, resolve: reading } = Promise.withResolvers<void>();
    await using upstream = await startUpstream((response, _request, id) => {
      const text = `text ${upstream.paths.length}`;
      const end = () => void response.end(JSON.stringify({ data: { id: Number(id), text } }));
      if (upstream.paths.length > 1) return end();
      respond = end;
      reading();
    });
    await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin, ...env });
    const first = textOf(gateway);
    await isReading;
    await deliver(gateway, webhook({}, { id: '7' }));
    respond();
    expect(await first).toBe('text 1');
    expect(await textOf(gateway)).toBe('text 2');
    expect(await textOf(gateway)).toBe('text 2');
  });
});
