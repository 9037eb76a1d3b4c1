import { createHmac, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { rubyTime } from './live-chat.ts';

export interface WebhookTarget {
  readonly url: string;
  readonly secret: string;
}

/** Sends a webhook as Linq does: signed, with sorted keys. Without retries: a gateway that does not accept it misses it. */
export function sendWebhook({ url, secret }: WebhookTarget, type: string, data: object): void {
  const event = { api_version: 'v2', created_at: rubyTime(Date.now()), data, event_id: randomUUID(), event_type: type };
  const body = JSON.stringify(sorted(event));
  const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-webhook-signature': signature,
  };
  const outgoing = request(url, { method: 'POST', headers }, (response) => response.resume());
  outgoing.on('error', () => {});
  outgoing.end(body);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}
