import type { ServerResponse } from 'node:http';
import { documentedMessage, messageJson } from './messages.ts';

/** Responds to one request. `attempt` is 1 for the first request for this message since its last success. */
type Scenario = (response: ServerResponse, id: string, attempt: number) => void;

const html =
  '<!DOCTYPE html>\n<html><head><title>Something went wrong</title></head><body>Please try again.</body></html>\n';

/** By chat id: each of these chats shows one failure for any message id, like test card numbers of payment APIs. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map<string, Scenario>([
  ['401', (response) => sendError(response, 401, 'unauthorized', 'Unauthorized', 'Unauthorized')],
  ['403', (response) => sendError(response, 403, 'forbidden', 'Forbidden', 'Forbidden')],
  ['404', (response) => sendError(response, 404, 'not_found', 'Not Found', 'Chat not found')],
  ['429', (response, id, attempt) => (attempt === 1 ? sendRateLimited(response, 1) : sendMessage(response, id))],
  ['4290', (response) => sendRateLimited(response, 3600)],
  ['500', (response) => sendHtml(response, 500)],
  ['502', (response, id, attempt) => (attempt <= 2 ? sendHtml(response, 502) : sendMessage(response, id))],
  ['504', () => {}],
  ['598', trickle],
  ['599', (response, id) => sendHalf(response, id, () => response.socket?.resetAndDestroy())],
  ['600', (response) => sendHtml(response, 200)],
  ['601', (response, id) => sendJson(response, 200, messageJson({ ...documentedMessage, id }).slice(0, 200))],
  ['602', (response, id) => sendJson(response, 200, driftedJson(id))],
  ['603', sendForever],
]);

/** Failures that can happen to any request. */
export const failures: readonly Scenario[] = [
  (response) => sendHtml(response, 500),
  (response) => sendHtml(response, 502),
  (response) => sendError(response, 503, 'unavailable', 'Service Unavailable', 'Please try again'),
  (response, id) => sendHalf(response, id, () => response.socket?.resetAndDestroy()),
  (response) => response.socket?.resetAndDestroy(),
  (response) => sendHtml(response, 200),
  () => {}, // never responds
];

export function sendJson(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(body);
}

/** Sends an error body as Linq documents it. */
export function sendError(response: ServerResponse, status: number, code: string, title: string, detail: string): void {
  sendJson(response, status, JSON.stringify({ errors: [{ status, code, title, detail }] }));
}

function sendMessage(response: ServerResponse, id: string): void {
  sendJson(response, 200, messageJson({ ...documentedMessage, id }));
}

function sendHtml(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(html);
}

export function sendRateLimited(response: ServerResponse, seconds: number): void {
  response.setHeader('retry-after', seconds);
  sendError(response, 429, 'rate_limited', 'Too Many Requests', 'Rate limit exceeded');
}

/** Sends a byte every 100 ms, but never the last one. */
function trickle(response: ServerResponse, id: string): void {
  const body = messageJson({ ...documentedMessage, id });
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
  let sent = 0;
  const timer = setInterval(() => {
    if (sent < body.length - 1) response.write(body.charAt(sent++));
  }, 100);
  response.once('close', () => clearInterval(timer));
}

function sendHalf(response: ServerResponse, id: string, then: () => void): void {
  const body = messageJson({ ...documentedMessage, id });
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length });
  response.write(body.slice(0, body.length / 2), then);
}

function sendForever(response: ServerResponse): void {
  const chunk = ' '.repeat(16_384);
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}

/** Every kind of drift that leaves the message readable: wrong types, invalid date-times, too large numbers, unknown and missing fields. */
function driftedJson(id: string): string {
  return `{
    "data": {
      "id": ${id},
      "text": { "plain": "Hello" },
      "sent_at": "2025-05-21 15:30:00 -0600",
      "delivered_at": 1747859405,
      "delivery_status": "teleported",
      "edited_at": "yesterday",
      "is_read": "false",
      "sent_from": 15551234567,
      "chat_handle_id": "123",
      "service": "iMessage",
      "attachments": [
        { "id": "abc12345-1234-5678-9abc-def012345678", "url": null, "filename": 7, "mime_type": "application/pdf", "file_size": 4294967296 },
        { "url": "https://storage.googleapis.com/linq-files/attachments/no-id.pdf" },
        "not an attachment"
      ],
      "reactions": [
        { "id": "456", "chat_message_id": ${id}, "reaction": "custom", "custom_emoji": "🦊", "is_from_me": 0 },
        { "id": null, "reaction": "love" }
      ]
    },
    "meta": { "trace": "sandbox" }
  }`;
}
