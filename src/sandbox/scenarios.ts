import type { ServerResponse } from 'node:http';

/** The bodies of a successful response to one request. */
export interface Bodies {
  readonly documented: string;
  /** With every kind of drift that leaves it readable. */
  readonly drifted: string;
}

/** Responds to one request. `attempt` is 1 for the first request with this path since its last success. */
type Scenario = (response: ServerResponse, bodies: Bodies, attempt: number) => void;

const html =
  '<!DOCTYPE html>\n<html><head><title>Something went wrong</title></head><body>Please try again.</body></html>\n';

/** By chat id: each of these chats shows one failure in all its routes, like test card numbers of payment APIs. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map<string, Scenario>([
  ['401', (response) => sendError(response, 401, 'unauthorized', 'Unauthorized', 'Unauthorized')],
  ['403', (response) => sendError(response, 403, 'forbidden', 'Forbidden', 'Forbidden')],
  ['404', (response) => sendError(response, 404, 'not_found', 'Not Found', 'Chat not found')],
  [
    '429',
    (response, { documented }, attempt) =>
      attempt === 1 ? sendRateLimited(response, 1) : sendJson(response, 200, documented),
  ],
  ['4290', (response) => sendRateLimited(response, 3600)],
  ['500', (response) => sendHtml(response, 500)],
  [
    '502',
    (response, { documented }, attempt) =>
      attempt <= 2 ? sendHtml(response, 502) : sendJson(response, 200, documented),
  ],
  ['504', () => {}],
  ['598', trickle],
  ['599', (response, { documented }) => sendHalf(response, documented, () => response.socket?.resetAndDestroy())],
  ['600', (response) => sendHtml(response, 200)],
  ['601', (response, { documented }) => sendJson(response, 200, documented.slice(0, 200))],
  ['602', (response, { drifted }) => sendJson(response, 200, drifted)],
  ['603', sendForever],
]);

/** Failures that can happen to any request. */
export const failures: readonly Scenario[] = [
  (response) => sendHtml(response, 500),
  (response) => sendHtml(response, 502),
  (response) => sendError(response, 503, 'unavailable', 'Service Unavailable', 'Please try again'),
  (response, { documented }) => sendHalf(response, documented, () => response.socket?.resetAndDestroy()),
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

function sendHtml(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(html);
}

export function sendRateLimited(response: ServerResponse, seconds: number): void {
  response.setHeader('retry-after', seconds);
  sendError(response, 429, 'rate_limited', 'Too Many Requests', 'Rate limit exceeded');
}

/** Sends a byte every 100 ms, but never the last one. */
function trickle(response: ServerResponse, { documented: body }: Bodies): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
  let sent = 0;
  const timer = setInterval(() => {
    if (sent < body.length - 1) response.write(body.charAt(sent++));
  }, 100);
  response.once('close', () => clearInterval(timer));
}

function sendHalf(response: ServerResponse, body: string, then: () => void): void {
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
