import { createHmac } from 'node:crypto';
import type { TestGateway } from './gateway.ts';

export const secret = 'a-secret-of-the-subscription';

export function signatureOf(body: string | Buffer, key = secret): string {
  return `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;
}

let delivered = 0;

/** A webhook of `message.received` that happened now, with an id of its own. */
export function webhook(more: Record<string, unknown> = {}, data: Record<string, unknown> = {}) {
  return {
    api_version: 'v2',
    // Different for each, since two events of one message at one time are one event delivered twice.
    created_at: new Date(Date.now() + delivered).toISOString(),
    data: { chat_id: '1', id: `${224 + 1_000 * delivered}`, text: 'Hello', ...data },
    event_id: `event ${delivered++}`,
    event_type: 'message.received',
    ...more,
  };
}

/** Delivers a webhook as Linq does. */
export function deliver(gateway: TestGateway, event: object | string, headers: Record<string, string> = {}) {
  const body = typeof event === 'string' ? event : JSON.stringify(event);
  return gateway.send({
    path: '/webhooks/linq',
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'content-length': `${Buffer.byteLength(body)}`,
      'x-webhook-signature': signatureOf(body),
      ...headers,
    },
    body,
  });
}
