import { expect, it } from 'vitest';
import { startTestGateway } from '../../support/gateway.ts';
import { openStream } from '../../support/streams.ts';
import { deliver, secret, webhook } from '../../support/webhooks.ts';

const start = (env: Record<string, string> = {}, options = {}) =>
  startTestGateway({ LINQ_WEBHOOK_SECRETS: secret, ...env }, options);

it('sends an event as Server-Sent Events with the message as Linq returns it after the event', async () => {
  await using gateway = await start();
  await using stream = await openStream(gateway);
  expect(stream.status).toBe(200);
  await deliver(gateway, webhook({}, { id: '224' }));
  const part = await stream.part();
  expect(part?.fields).toMatchObject({ event: 'next', id: part?.json.data.chatMessageEvents.cursor });
  expect(part?.json).toEqual({
    data: {
      chatMessageEvents: {
        cursor: expect.any(String),
        kind: 'MESSAGE_RECEIVED',
        chatId: '1',
        messageId: '224',
        occurredAt: expect.any(String),
        message: { id: '224', text: 'Hello, how are you?' },
      },
    },
  });
});
