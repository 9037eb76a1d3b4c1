import type { ServerResponse } from 'node:http';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { startTestGateway } from '../../support/gateway.ts';
import { startUpstream } from '../../support/upstream.ts';

type Behaviour = (response: ServerResponse) => void;

interface Case {
  readonly name: string;
  /** One for each call; the last repeats. */
  readonly upstream: readonly Behaviour[];
  /** The text of the message, null, or the error. */
  readonly answer: string | null | { code: string; retryAfterMs?: unknown; upstream?: { status: number } };
  readonly calls: number;
  /** What the caller grants, and how early it may get its answer. In milliseconds. */
  readonly deadlineMs?: number;
  readonly atLeastMs?: number;
}

const message = '{"data":{"id":7,"text":"Hello"}}';
const bodies = {
  'error shape A': '{"errors":[{"status":418,"code":"x","title":"X","detail":"X"}]}',
  'error shape B': '{"status":"error","error_code":"X","message":"X","errors":["X"]}',
  HTML: '<!DOCTYPE html><title>Oops</title>',
  'no body': '',
  'a message': message,
};

const send = (status: number, body: string | Buffer = '', headers: Record<string, string | number> = {}): Behaviour => {
  return (response) => void response.writeHead(status, headers).end(body);
};
const ok = send(200, message, { 'content-type': 'application/json; charset=utf-8' });
const reset: Behaviour = (response) => void response.socket?.resetAndDestroy();
const closeQuietly: Behaviour = (response) => void response.socket?.end();
const hang: Behaviour = () => {};
const half = (then: (response: ServerResponse) => void): Behaviour => {
  return (response) => {
    response.writeHead(200, { 'content-length': message.length });
    response.write(message.slice(0, 10), () => then(response));
  };
};
const trickle: Behaviour = (response) => {
  const timer = setInterval(() => response.write(' '), 5);
  response.once('close', () => clearInterval(timer));
};
const endless: Behaviour = (response) => {
  const more = (): void => {
    while (!response.destroyed && response.write(' '.repeat(65_536)));
  };
  response.on('drain', more);
  more();
};
const neverEnding =
  (status: number): Behaviour =>
  (response) =>
    void response.writeHead(status).write('<html>');

const unavailable = (status?: number) => ({ code: 'UPSTREAM_UNAVAILABLE', ...(status && { upstream: { status } }) });
const badResponse = { code: 'UPSTREAM_BAD_RESPONSE', upstream: { status: 200 } };

const cases: Case[] = [];
for (const [what, body] of Object.entries(bodies)) {
  cases.push(
    {
      name: `401 with ${what}`,
      upstream: [send(401, body)],
      answer: { code: 'UNAUTHENTICATED', upstream: { status: 401 } },
      calls: 1,
    },
    {
      name: `403 with ${what}`,
      upstream: [send(403, body)],
      answer: { code: 'FORBIDDEN', upstream: { status: 403 } },
      calls: 1,
    },
    { name: `404 with ${what}`, upstream: [send(404, body)], answer: null, calls: 1 },
    {
      name: `429 with ${what}, for ever`,
      upstream: [send(429, body, { 'retry-after': 0 })],
      answer: { code: 'UPSTREAM_RATE_LIMITED', upstream: { status: 429 } },
      calls: 3,
    },
    {
      name: `422 with ${what}`,
      upstream: [send(422, body)],
      answer: { code: 'UPSTREAM_BAD_RESPONSE', upstream: { status: 422 } },
      calls: 1,
    },
    {
      name: `301 with ${what}`,
      upstream: [send(301, body, { location: '/' })],
      answer: { code: 'UPSTREAM_BAD_RESPONSE', upstream: { status: 301 } },
      calls: 1,
    },
  );
  for (const status of [500, 502, 503, 504]) {
    cases.push(
      { name: `${status} with ${what}, always`, upstream: [send(status, body)], answer: unavailable(status), calls: 3 },
      { name: `${status} with ${what}, once`, upstream: [send(status, body), ok], answer: 'Hello', calls: 2 },
    );
  }
}
cases.push(
  { name: '501, which does not pass', upstream: [send(501)], answer: unavailable(501), calls: 1 },
  {
    name: '204',
    upstream: [send(204)],
    answer: { code: 'UPSTREAM_BAD_RESPONSE', upstream: { status: 204 } },
    calls: 1,
  },
  { name: '200', upstream: [ok], answer: 'Hello', calls: 1 },
  {
    name: '200 as text/html',
    upstream: [send(200, message, { 'content-type': 'text/html' })],
    answer: 'Hello',
    calls: 1,
  },
  { name: '200 with a byte order mark', upstream: [send(200, `\uFEFF${message}`)], answer: 'Hello', calls: 1 },
  {
    name: '200 in gzip, unasked',
    upstream: [send(200, gzipSync(message), { 'content-encoding': 'gzip' })],
    answer: 'Hello',
    calls: 1,
  },
  {
    name: '200 in brotli, unasked',
    upstream: [send(200, brotliCompressSync(message), { 'content-encoding': 'br' })],
    answer: 'Hello',
    calls: 1,
  },
  {
    name: '200 that only claims to be gzip',
    upstream: [send(200, message, { 'content-encoding': 'gzip' })],
    answer: badResponse,
    calls: 1,
  },
  {
    name: '200 in an unknown encoding',
    upstream: [send(200, message, { 'content-encoding': 'zip' })],
    answer: badResponse,
    calls: 1,
  },
  {
    name: '200 in gzip that unpacks to more than the limit',
    upstream: [send(200, gzipSync(message.padEnd(5_000_000)), { 'content-encoding': 'gzip' })],
    answer: badResponse,
    calls: 1,
  },
  { name: '200 with HTML', upstream: [send(200, bodies.HTML)], answer: badResponse, calls: 1 },
  { name: '200 with nothing', upstream: [send(200)], answer: badResponse, calls: 1 },
  { name: '200 with truncated JSON', upstream: [send(200, message.slice(0, 20))], answer: badResponse, calls: 1 },
  { name: '200 with an error body', upstream: [send(200, bodies['error shape A'])], answer: badResponse, calls: 1 },
  { name: '200 with another message', upstream: [send(200, '{"data":{"id":8}}')], answer: badResponse, calls: 1 },
  { name: '200 without end', upstream: [endless], answer: { code: 'UPSTREAM_BAD_RESPONSE' }, calls: 1 },
  {
    name: '200 that trickles for ever',
    upstream: [trickle],
    answer: { code: 'UPSTREAM_TIMEOUT' },
    calls: 1,
    deadlineMs: 300,
    atLeastMs: 295,
  },
  {
    name: '200 that stops half-way',
    upstream: [half(hang)],
    answer: { code: 'UPSTREAM_TIMEOUT' },
    calls: 1,
    deadlineMs: 300,
    atLeastMs: 295,
  },
  { name: '200 reset half-way, always', upstream: [half(reset)], answer: unavailable(200), calls: 3 },
  { name: '200 reset half-way, once', upstream: [half(reset), ok], answer: 'Hello', calls: 2 },
  { name: '200 closed half-way, once', upstream: [half(closeQuietly), ok], answer: 'Hello', calls: 2 },
  {
    name: 'no answer',
    upstream: [hang],
    answer: { code: 'UPSTREAM_TIMEOUT' },
    calls: 1,
    deadlineMs: 300,
    atLeastMs: 295,
  },
  {
    name: 'an answer after half the deadline',
    upstream: [(response) => void setTimeout(() => ok(response), 300)],
    answer: 'Hello',
    calls: 1,
    deadlineMs: 5_000,
    atLeastMs: 295,
  },
  { name: 'reset before the answer, always', upstream: [reset], answer: unavailable(), calls: 3 },
  { name: 'reset before the answer, twice', upstream: [reset, reset, ok], answer: 'Hello', calls: 3 },
  { name: 'closed before the answer, once', upstream: [closeQuietly, ok], answer: 'Hello', calls: 2 },
  { name: 'reset, then 503, then an answer', upstream: [reset, send(503), ok], answer: 'Hello', calls: 3 },
  { name: '503, then 401', upstream: [send(503), send(401)], answer: { code: 'UNAUTHENTICATED' }, calls: 2 },
  { name: '503, then 404', upstream: [send(503), send(404)], answer: null, calls: 2 },
  {
    name: '503, then no answer',
    upstream: [send(503), hang],
    answer: { code: 'UPSTREAM_TIMEOUT' },
    calls: 2,
    deadlineMs: 500,
    atLeastMs: 495,
  },
  {
    name: '429 for one second, then an answer',
    upstream: [send(429, '', { 'retry-after': 1 }), ok],
    answer: 'Hello',
    calls: 2,
    deadlineMs: 5_000,
    atLeastMs: 995,
  },
  {
    name: '429 for longer than the deadline',
    upstream: [send(429, '', { 'retry-after': 60 }), ok],
    answer: { code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: expect.closeTo(60_000, -3), upstream: { status: 429 } },
    calls: 1,
  },
  {
    name: '429 until a date beyond the deadline',
    upstream: [
      (response) => send(429, '', { 'retry-after': new Date(Date.now() + 60_000).toUTCString() })(response),
      ok,
    ],
    answer: { code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: expect.closeTo(60_000, -4) },
    calls: 1,
  },
  {
    name: '429 with a Retry-After that says nothing',
    upstream: [send(429, '', { 'retry-after': 'soon' }), ok],
    answer: 'Hello',
    calls: 2,
    deadlineMs: 5_000,
    atLeastMs: 900,
  },
  {
    name: '503 for longer than the deadline',
    upstream: [send(503, '', { 'retry-after': 60 }), ok],
    answer: { code: 'UPSTREAM_UNAVAILABLE', retryAfterMs: expect.closeTo(60_000, -3), upstream: { status: 503 } },
    calls: 1,
  },
  {
    name: '503 for one second, then an answer',
    upstream: [send(503, '', { 'retry-after': 1 }), ok],
    answer: 'Hello',
    calls: 2,
    deadlineMs: 5_000,
    atLeastMs: 995,
  },
  { name: '500 whose body never ends, always', upstream: [neverEnding(500)], answer: unavailable(500), calls: 3 },
  { name: '401 whose body never ends', upstream: [neverEnding(401)], answer: { code: 'UNAUTHENTICATED' }, calls: 1 },
  {
    name: '500 with a body without end, once',
    upstream: [
      (response) => {
        response.statusCode = 500;
        endless(response);
      },
      ok,
    ],
    answer: 'Hello',
    calls: 2,
  },
  {
    name: 'early hints, then an answer',
    upstream: [(response) => response.writeEarlyHints({ link: '</x>; rel=preload' }, () => ok(response))],
    answer: 'Hello',
    calls: 1,
  },
  {
    name: 'headers beyond measure',
    upstream: [send(200, message, { 'x-much': 'x'.repeat(100_000) })],
    answer: { code: 'UPSTREAM_BAD_RESPONSE' },
    calls: 1,
  },
);

describe(`${cases.length} behaviours of an upstream`, () => {
  it.concurrent.each(cases)(
    '$name',
    async ({ upstream: script, answer: expected, calls, deadlineMs = 5_000, atLeastMs = 0 }) => {
      let call = 0;
      await using upstream = await startUpstream((response) => script[Math.min(call++, script.length - 1)]?.(response));
      await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
      const startedAt = performance.now();
      const answer = await gateway.query(
        '{ chatMessage(chatId: 1, id: 7) { text } }',
        {},
        { 'x-request-timeout-ms': `${deadlineMs}` },
      );
      const tookMs = performance.now() - startedAt;
      if (typeof expected === 'string') expect(answer).toEqual({ data: { chatMessage: { text: expected } } });
      else if (expected === null) expect(answer).toEqual({ data: { chatMessage: null } });
      else {
        expect(answer.data).toEqual({ chatMessage: null });
        expect(answer.errors).toMatchObject([{ path: ['chatMessage'], extensions: expected }]);
      }
      expect(upstream.paths).toHaveLength(calls);
      expect(tookMs).toBeGreaterThanOrEqual(atLeastMs);
      // A deadline that passes is answered when it does; all else long before. A second of slack is for a busy machine.
      expect(tookMs).toBeLessThan(deadlineMs < 1_000 ? deadlineMs + 1_000 : 4_000);
    },
  );
});
