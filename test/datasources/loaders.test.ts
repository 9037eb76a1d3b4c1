import { expect, it } from 'vitest';
import { chatMessageRoute } from '../../src/datasources/linq/routes/chat-message.ts';
import { BatchedLoaders, type Loaders, type Source } from '../../src/datasources/loaders.ts';
import type { ChatMessage, MessageKey } from '../../src/datasources/model.ts';
import { UpstreamError } from '../../src/datasources/upstream-error.ts';

const key = (id: string): MessageKey => ({ chatId: '1', id }) as MessageKey;
const message = (wanted: MessageKey): ChatMessage =>
  chatMessageRoute.decode(`{"data":{"id":${wanted.id}}}`, wanted, () => {});

/** Loaders without cost limits that read messages with this function. */
function loadersWith(readMessage: (wanted: MessageKey) => Promise<ChatMessage | null>): Loaders {
  const read = ((_route: unknown, wanted: MessageKey) => readMessage(wanted)) as Source['read'];
  const limits = { distinctReads: () => {}, listEntries: () => {}, readPlaces: () => {} };
  return new BatchedLoaders({ read, reportDrift: () => {} }, { limits, onBatch: () => {}, batching: 'tick' });
}

it('resolves a fast message while a slow one of the same batch is still loading', async () => {
  const slow = Promise.withResolvers<ChatMessage | null>();
  const loaders = loadersWith(async (wanted) => (wanted.id === '1' ? slow.promise : message(wanted)));
  const [first, second] = [loaders.message(key('1')), loaders.message(key('2'))];
  expect(await second).toMatchObject({ chatId: '1', id: '2' });
  slow.resolve(null);
  expect(await first).toBeNull();
});

it('reads no message that a page of the operation has shown', async () => {
  const body = '{"data":[{"id":5,"text":"found","sent_at":"2025-05-21T15:30:00.123-05:00"}]}';
  const paths: string[] = [];
  const read: Source['read'] = async (route, wanted) => {
    paths.push(route.path(wanted));
    return route.decode(body, wanted, () => {});
  };
  const limits = { distinctReads: () => {}, listEntries: () => {}, readPlaces: () => {} };
  const loaders = new BatchedLoaders({ read, reportDrift: () => {} }, { limits, onBatch: () => {}, batching: 'tick' });
  const bounds = { after: undefined, before: undefined, sentSince: undefined, sentBefore: undefined };
  const { chatId } = key('5');
  const page = await loaders.messages({ chatId, direction: 'backward', size: 25, ...bounds });
  expect(page?.nodes).toMatchObject([{ chatId: '1', id: '5', text: 'found' }]);
  expect(await loaders.message(key('5'))).toBe(page?.nodes[0]);
  expect(paths).toEqual(['/api/partner/v2/chats/1/chat_messages?sort=desc&page=1&per_page=27']);
});

it('fails only the failing message of a batch', async () => {
  const loaders = loadersWith(async (wanted) => {
    if (wanted.id === '1') throw new UpstreamError('unavailable');
    return message(wanted);
  });
  const results = await Promise.allSettled([key('1'), key('2'), key('1')].map((wanted) => loaders.message(wanted)));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
});
