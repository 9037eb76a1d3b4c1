import type { ServerResponse } from 'node:http';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { startTestGateway } from '../../support/gateway.ts';
import { startUpstream } from '../../support/upstream.ts';

type Behavior = (response: ServerResponse) => void;

interface Case {
  readonly name: string;
  /** One for each call; the last repeats. */
  readonly upstream: readonly Behavior[];
  /** The text of the message, null, or the error. */
  readonly expected: string | null | { code: string; retryAfterMs?: unknown; upstream?: { status: number } };
  readonly calls: number;
  /** The caller's timeout, and the minimal duration. In milliseconds. */
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

const send = (status: number, body: string | Buffer = '', headers: Record<string, string | number> = {}): Behavior => {
  return (response) => void response.writeHead(status, headers).end(body);
};
const ok = send(200, message, { 'content-type': 'application/json; charset=utf-8' });
const reset: Behavior = (response) => void response.socket?.resetAndDestroy();
const closeQuietly: Behavior = (response) => void response.socket?.end();
const hang: Behavior = () => {};
const half = (then: (response: ServerResponse) => void): Behavior => {
  return (response) => {
    response.writeHead(200, { 'content-length': message.length });
    response.write(message.slice(0, 10), () => then(response));
  };
};
const trickle: Behavior = (response) => {
  const timer = setInterval(() => response.write(' '), 5);
  response.once('close', () => clearInterval(timer));
};
const endless: Behavior = (response) => {
  const more = (): void => {
    while (!response.destroyed && response.write(' '.repeat(65_536)));
  };
  response.on('drain', more);
  more();
};
const neverEnding =
  (status: number): Behavior =>
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
      expected: { code: 'UNAUTHENTICATED', upstream: { status: 401 } },
      calls: 1,
    },
    {
      name: `403 with ${what}`,
      upstream: [send(403, body)],
      expected: { code: 'FORBIDDEN', upstream: { status: 403 } },
      calls: 1,
    },
    { name: `404 with ${what}`, upstream: [send(404, body)], expected: null, calls: 1 },
    {
      name: `429 with ${what}, for ever`,
      upstream: [send(429, body, { 'retry-after': 0 })],
      expected: { code: 'UPSTREAM_RATE_LIMITED', upstream: { status: 429 } },
      calls: 3,
    },
    {
      name: `422 with ${what}`,
      upstream: [send(422, body)],
      expected: { code: 'UPSTREAM_BAD_RESPONSE', upstream: { status: 422 } },
      calls: 1,
    },
    {
      name: `301 with ${what}`,
      upstream: [send(301, body, { location: '/' })],
      expected: { code: 'UPSTREAM_BAD_RESPONSE', upstream: { status: 301 } },
      calls: 1,
    },
  );
  for (const status of [408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524]) {
    cases.push(
      {
        name: `${status} with ${what}, always`,
        upstream: [send(status, body)],
        expected: unavailable(status),
        calls: 3,
      },
      { name: `${status} with ${what}, once`, upstream: [send(status, body), ok], expected: 'Hello', calls: 2 },
    );
  }
}
cases.push(
  { name: '501, which is not retried', upstream: [send(501)], expected: unavailable(501), calls: 1 },
  {
    name: '204',
    upstream: [send(204)],
    expected: { code: 'UPSTREAM_BAD_RESPONSE', upstream: { status: 204 } },
    calls: 1,
  },
  { name: '200', upstream: [ok], expected: 'Hello', calls: 1 },
  {
    name: '200 as text/html',
    upstream: [send(200, message, { 'content-type': 'text/html' })],
    expected: 'Hello',
    calls: 1,
  },
  { name: '200 with a byte order mark', upstream: [send(200, `\uFEFF${message}`)], expected: 'Hello', calls: 1 },
  {
    name: '200 in gzip, unasked',
    upstream: [send(200, gzipSync(message), { 'content-encoding': 'gzip' })],
    expected: 'Hello',
    calls: 1,
  },
  {
    name: '200 in brotli, unasked',
    upstream: [send(200, brotliCompressSync(message), { 'content-encoding': 'br' })],
    expected: 'Hello',
    calls: 1,
  },
  {
    name: '200 that only claims to be gzip',
    upstream: [send(200, message, { 'content-encoding': 'gzip' })],
    expected: badResponse,
    calls: 1,
  },
  {
    name: '200 in an unknown encoding',
    upstream: [send(200, message, { 'content-encoding': 'zip' })],
    expected: badResponse,
    calls: 1,
  },
  {
    name: '200 in gzip that unpacks to more than the limit',
    upstream: [send(200, gzipSync(message.padEnd(5_000_000)), { 'content-encoding': 'gzip' })],
    expected: badResponse,
    calls: 1,
  },
  { name: '200 with HTML', upstream: [send(200, bodies.HTML)], expected: badResponse, calls: 1 },
  { name: '200 with nothing', upstream: [send(200)], expected: badResponse, calls: 1 },
  { name: '200 with truncated JSON', upstream: [send(200, message.slice(0, 20))], expected: badResponse, calls: 1 },
  { name: '200 with an error body', upstream: [send(200, bodies['error shape A'])], expected: badResponse, calls: 1 },
  { name: '200 with another message', upstream: [send(200, '{"data":{"id":8}}')], expected: badResponse, calls: 1 },
  { name: '200 without end', upstream: [endless], expected: { code: 'UPSTREAM_BAD_RESPONSE' }, calls: 1 },
  {
    name: '200 that trickles for ever',
    upstream: [trickle],
    expected: { code: 'UPSTREAM_TIMEOUT' },
    calls: 1,
    deadlineMs: 300,
    atLeastMs: 295,
  },
  {
    name: '200 that stops half-way',
    upstream: [half(hang)],
    expected: { code: 'UPSTREAM_TIMEOUT' },
    calls: 1,
    deadlineMs: 300,
    atLeastMs: 295,
  },
  { name: '200 reset half-way, always', upstream: [half(reset)], expected: unavailable(200), calls: 3 },
  { name: '200 reset half-way, once', upstream: [half(reset), ok], expected: 'Hello', calls: 2 },
  { name: '200 closed half-way, once', upstream: [half(closeQuietly), ok], expected: 'Hello', calls: 2 },
  {
    name: 'no response',
    upstream: [hang],
    expected: { code: 'UPSTREAM_TIMEOUT' },
    calls: 1,
    deadlineMs: 300,
    atLeastMs: 295,
  },
  {
    name: 'a response after half the deadline',
    upstream: [(response) => void setTimeout(() => ok(response), 300)],
    expected: 'Hello',
    calls: 1,
    deadlineMs: 5_000,
    atLeastMs: 295,
  },
  { name: 'reset before the response, always', upstream: [reset], expected: unavailable(), calls: 3 },
  { name: 'reset before the response, twice', upstream: [reset, reset, ok], expected: 'Hello', calls: 3 },
  { name: 'closed before the response, once', upstream: [closeQuietly, ok], expected: 'Hello', calls: 2 },
  { name: 'reset, then 503, then a response', upstream: [reset, send(503), ok], expected: 'Hello', calls: 3 },
  { name: '503, then 401', upstream: [send(503), send(401)], expected: { code: 'UNAUTHENTICATED' }, calls: 2 },
  { name: '503, then 404', upstream: [send(503), send(404)], expected: null, calls: 2 },
  {
    name: '503, then no response',
    upstream: [send(503), hang],
    expected: { code: 'UPSTREAM_TIMEOUT' },
    calls: 2,
    deadlineMs: 500,
    atLeastMs: 495,
  },
  {
    name: '429 for one second, then a response',
    upstream: [send(429, '', { 'retry-after': 1 }), ok],
    expected: 'Hello',
    calls: 2,
    deadlineMs: 5_000,
    atLeastMs: 995,
  },
  {
    name: '429 for longer than the deadline',
    upstream: [send(429, '', { 'retry-after': 60 }), ok],
    expected: { code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: expect.closeTo(60_000, -3), upstream: { status: 429 } },
    calls: 1,
  },
  {
    name: '429 until a date beyond the deadline',
    upstream: [
      (response) => send(429, '', { 'retry-after': new Date(Date.now() + 60_000).toUTCString() })(response),
      ok,
    ],
    expected: { code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: expect.closeTo(60_000, -4) },
    calls: 1,
  },
  {
    name: '429 with a malformed Retry-After',
    upstream: [send(429, '', { 'retry-after': 'soon' }), ok],
    expected: 'Hello',
    calls: 2,
    deadlineMs: 5_000,
    atLeastMs: 900,
  },
  {
    name: '503 for longer than the deadline',
    upstream: [send(503, '', { 'retry-after': 60 }), ok],
    expected: { code: 'UPSTREAM_UNAVAILABLE', retryAfterMs: expect.closeTo(60_000, -3), upstream: { status: 503 } },
    calls: 1,
  },
  {
    name: '503 for one second, then a response',
    upstream: [send(503, '', { 'retry-after': 1 }), ok],
    expected: 'Hello',
    calls: 2,
    deadlineMs: 5_000,
    atLeastMs: 995,
  },
  { name: '500 whose body never ends, always', upstream: [neverEnding(500)], expected: unavailable(500), calls: 3 },
  { name: '401 whose body never ends', upstream: [neverEnding(401)], expected: { code: 'UNAUTHENTICATED' }, calls: 1 },
  {
    name: '500 with a body without end, once',
    upstream: [
      (response) => {
        response.statusCode = 500;
        endless(response);
      },
      ok,
    ],
    expected: 'Hello',
    calls: 2,
  },
  {
    name: 'early hints, then a response',
    upstream: [(response) => response.writeEarlyHints({ link: '</x>; rel=preload' }, () => ok(response))],
    expected: 'Hello',
    calls: 1,
  },
  {
    name: 'headers that are too large',
    upstream: [send(200, message, { 'x-much': 'x'.repeat(100_000) })],
    expected: { code: 'UPSTREAM_BAD_RESPONSE' },
    calls: 1,
  },
);

describe(`${cases.length} behaviors of an upstream`, () => {
  it.concurrent.each(cases)(
    '$name',
    async ({ upstream: script, expected, calls, deadlineMs = 5_000, atLeastMs = 0 }) => {
      let call = 0;
      await using upstream = await startUpstream((response) => script[Math.min(call++, script.length - 1)]?.(response));
      await using gateway = await startTestGateway({ LINQ_API_URL: upstream.origin });
      const startedAt = performance.now();
      const actual = await gateway.query(
        '{ chatMessage(chatId: 1, id: 7) { text } }',
        {},
        { 'x-request-timeout-ms': `${deadlineMs}` },
      );
      const tookMs = performance.now() - startedAt;
      if (typeof expected === 'string') expect(actual).toEqual({ data: { chatMessage: { text: expected } } });
      else if (expected === null) expect(actual).toEqual({ data: { chatMessage: null } });
      else {
        expect(actual.data).toEqual({ chatMessage: null });
        expect(actual.errors).toMatchObject([{ path: ['chatMessage'], extensions: expected }]);
      }
      expect(upstream.paths).toHaveLength(calls);
      expect(tookMs).toBeGreaterThanOrEqual(atLeastMs);
      // A timeout fails at its deadline, everything else long before. The extra second is for a busy machine.
      expect(tookMs).toBeLessThan(deadlineMs < 1_000 ? deadlineMs + 1_000 : 4_000);
    },
  );
});
