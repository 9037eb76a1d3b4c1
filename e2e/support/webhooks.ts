import { createHmac, randomUUID } from 'node:crypto';
import { pause } from './callers.ts';

export const secret = 'a-secret-of-the-subscription';

let delivered = 0;

/** Delivers a webhook of `message.received` as Linq does; throws unless the gateway admits it. */
export async function deliver(origin: string, chatId: string, id: string): Promise<void> {
  const body = JSON.stringify({
    api_version: 'v2',
    // Different for each, since two events of one message at one time are one event delivered twice.
    created_at: new Date(Date.now() + delivered++).toISOString(),
    data: { chat_id: chatId, id },
    event_id: randomUUID(),
    event_type: 'message.received',
  });
  const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
  const headers = { 'content-type': 'application/json', 'x-webhook-signature': signature };
  const { status } = await fetch(new URL('/webhooks/linq', origin), { method: 'POST', headers, body });
  if (status !== 200) throw new Error(`The gateway responded to a webhook with ${status}.`);
}

/** Resolves when so many streams are open. */
export async function openStreams(origin: string, count: number): Promise<void> {
  const isThere = async () => {
    const response = await fetch(new URL('/metrics', origin));
    return (await response.text()).includes(`\ngraphql_streams ${count}\n`);
  };
  while (!(await isThere())) await pause(10);
}
