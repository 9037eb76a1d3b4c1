import { expect, it } from 'vitest';
import { decodeMessage } from '../../src/datasources/linq/routes/chat-message.ts';
import { createLoaders } from '../../src/datasources/loaders.ts';
import type { ChatMessage, MessageKey } from '../../src/datasources/model.ts';
import { UpstreamError } from '../../src/datasources/upstream-error.ts';

const key = (id: string): MessageKey => ({ chatId: '1', id }) as MessageKey;
const message = (wanted: MessageKey): ChatMessage => decodeMessage(`{"data":{"id":${wanted.id}}}`, wanted, () => {});

const atAnyCost = { distinctMessages: () => {}, entries: () => {} };

it('gives a fast message out while a slow one of the same batch is still under way', async () => {
  const slow = Promise.withResolvers<ChatMessage | null>();
  const loaders = createLoaders(
    async (wanted) => (wanted.id === '1' ? slow.promise : message(wanted)),
    atAnyCost,
    () => {},
  );
  const [first, second] = [loaders.message(key('1')), loaders.message(key('2'))];
  expect(await second).toMatchObject({ chatId: '1', id: '2' });
  slow.resolve(null);
  expect(await first).toBeNull();
});

it('fails the failing message of a batch and no other', async () => {
  const loaders = createLoaders(
    async (wanted) => {
      if (wanted.id === '1') throw new UpstreamError('unavailable');
      return message(wanted);
    },
    atAnyCost,
    () => {},
  );
  const results = await Promise.allSettled([key('1'), key('2'), key('1')].map((wanted) => loaders.message(wanted)));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
});
