import fc from 'fast-check';
import { framed, inPieces, malformed } from './framing.ts';
import { apiKey, type FuzzRequest, page, tokenOf } from './fuzz-request.ts';
import { randomBody, randomQuery } from './random-body.ts';

const words = (text: string) => text.split(' ');
const oddPaths = [
  ...words(
    '/graphql/ //graphql /%67raphql /graphql%00 /graphql;a=b /./graphql /x/../graphql /GRAPHQL /graphql/../metrics',
  ),
  ...words('/graphql#f /graphql? /graphql?# /graphql?query /graphql??query={__typename} /graphql?query={__typename}'),
  ...words('/graphql?query=% /graphql?query=%ff%fe /graphql?query=[]&query[]=x /graphql?\xff /é / /.. /%2e%2e/graphql'),
  ...words('/metrics /metrics?x /metrics/ /livez /livez?x=1 /livez/x /readyz /health /favicon.ico * graphql'),
  ...words('http://localhost/graphql http://evil.example/graphql //evil.example/graphql /\\evil.example'),
  ...['', `/${'x'.repeat(9_000)}`, `/${'x'.repeat(20_000)}`, `/graphql?${'a=b&'.repeat(3_000)}`],
];
const oddMethods = words('HEAD PUT DELETE PATCH OPTIONS OPTIONS TRACE QUERY PROPFIND PURGE CONNECT get NOPE');
const oddHosts = [
  ...['evil.example', 'localhost:99999', 'a b', '^^', '', '[::1', '\xff', 'a@b', '%00', 'x'.repeat(5_000)],
  ...['h?', 'h#', 'x/y'],
];
const oddTypes = [
  ...words('application/json;charset=utf-16 application/jsonx application/graphql text/plain text/json x ;'),
  ...words('application/x-www-form-urlencoded multipart/form-data;boundary=x'),
  ...['application/json; charset=utf-8', 'application/json ; x', 'Application/JSON', ''],
];
const encodings = ['gzip', 'br', 'zstd', 'gzip, deflate, br, zstd', '*', 'br;q=0, *;q=0.5', 'identity', '', ';q=x,,'];
const accepts = words('application/json application/graphql-response+json */* application/* APPLICATION/JSON');
const oddAccepts = [
  ...words('application/json;q=0 text/html;q=0.1,*/* text/event-stream multipart/mixed , ;; x \xff text/html'),
  ...['application/graphql-response+json, application/json', 'text/event-stream, application/json', ''],
  ...['multipart/mixed;deferSpec=20220824, application/json', `${'a/b,'.repeat(1_000)}*/*`],
];
const oddTokens = ['', ' ', 'x', 'x'.repeat(9_000), '\x80\xff', 'a\tb', 'a, b', '\x7f'];
const oddTimeouts = [...words('1 5 2000 0 -1 1.5 x 1e3 \xb2'), '', '9'.repeat(15), '9'.repeat(400)];
const oddRequestIds = ['', 'a b', 'x'.repeat(129), '\xff', 'a,b', '<script>'];
export const wrongCredentials = [
  ...['', 'Bearer', 'Bearer ', 'Bearer nope', 'Bearer \xff', 'Bearer null', `Bearer ${apiKey}x`],
  ...[`Bearer ${apiKey.slice(0, -1)}`, `Bearer ${apiKey.toUpperCase()}`, `Bearer ${apiKey},${apiKey}`],
  ...[`Bearer ${apiKey} x`, `Basic ${apiKey}`, apiKey, `Bearer ${'x'.repeat(9_000)}`],
  'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.',
];
const oddHeaders = [
  ...['close', 'keep-alive', 'Upgrade', 'x, close', ''].map((value) => `Connection: ${value}`),
  ...['100-continue', 'magic', ''].map((value) => `Expect: ${value}`),
  ...['gzip', 'br', 'identity', 'x'].map((value) => `Content-Encoding: ${value}`),
  ...['websocket', 'h2c', 'x'].map((value) => `Upgrade: ${value}`),
  ...[
    '__proto__: x',
    'constructor: x',
    'toString: x',
    'X-HTTP-Method-Override: DELETE',
    'X-Forwarded-Host: evil.example',
  ],
  ...['X-Forwarded-For: 127.0.0.1', 'Access-Control-Request-Headers: x', 'Access-Control-Request-Method: POST'],
  ...['Range: x', 'If-None-Match: *', 'Traceparent: 00-0-0-00', 'Trailer: x', 'TE: trailers', 'Keep-Alive: timeout=-1'],
  ...[`Cookie: a=${'b'.repeat(4_000)}`, `X-Long: ${'y'.repeat(20_000)}`, 'X-Bytes: \x80\xff', 'X-Fold: a\r\n b'],
  ...['X-Bare: a\nb: c', 'X-Nul: a\x00b', 'X Space: x', ': x', 'no colon'],
  ...[60, 2_100].map((count) => Array.from({ length: count }, (_, index) => `X-${index}: y`).join('\r\n')),
];

const weighted = <T>(...choices: readonly (readonly [weight: number, arbitrary: fc.Arbitrary<T>])[]) =>
  fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight: weight * 2, arbitrary })));
const lines = (...all: string[]): fc.Arbitrary<readonly string[]> => fc.constant(all);
const header = (name: string, values: readonly string[]): fc.Arbitrary<readonly string[]> =>
  fc.constantFrom(...values).map((value) => [`${name}: ${value}`]);

const ownToken = 'a token of its own';
const tokenName = 'X-LINQ-INTEGRATION-TOKEN';
const rightKey = `Authorization: Bearer ${apiKey}`;
const allHeaders = fc.record({
  host: weighted(
    [40, lines('Host: localhost')],
    [3, lines()],
    [2, header('Host', oddHosts)],
    [1, lines('Host: localhost', 'Host: evil.example')],
  ),
  type: weighted(
    [60, lines('Content-Type: application/json')],
    [3, lines()],
    [3, header('Content-Type', oddTypes)],
    [0.5, lines('Content-Type: text/plain', 'Content-Type: application/json')],
  ),
  accept: weighted([20, lines()], [20, header('Accept', accepts)], [3, header('Accept', oddAccepts)]),
  encoding: weighted([9, lines()], [1, header('Accept-Encoding', encodings)]),
  origin: weighted(
    [24, lines()],
    [2, header('Origin', [page, ...words('https://evil.example null x http://localhost'), ''])],
    [1, header('Sec-Fetch-Site', [...words('cross-site same-site same-origin none x'), ''])],
  ),
  credential: weighted(
    [18, lines(rightKey)],
    [1, lines()],
    [2, header('Authorization', wrongCredentials)],
    [0.5, lines('Authorization: Bearer nope', rightKey)], // the first counts
  ),
  token: weighted(
    [24, lines(ownToken)],
    [1, header(tokenName, oddTokens)],
    [0.5, lines(`${tokenName}: a`, `${tokenName}: b`)],
  ),
  timeout: weighted(
    [24, lines()],
    [1.5, header('X-Request-Timeout-Ms', oddTimeouts)],
    [0.5, lines('X-Request-Timeout-Ms: 5', 'X-Request-Timeout-Ms: 7')],
  ),
  requestId: weighted([8, lines()], [1, lines('X-Request-Id: odd.one_x-')], [1, header('X-Request-Id', oddRequestIds)]),
  odd: weighted([9, lines()], [1, fc.array(fc.constantFrom(...oddHeaders), { maxLength: 3 })]),
});

/** Whether Node passes a request with this path and these headers to the gateway. */
const isPlain = (method: string, path: string, headers: readonly string[]): boolean =>
  /^\/[!-~]*$/.test(path) &&
  /^(GET|POST|PUT|DELETE|PATCH)$/.test(method) &&
  headers.every((line) => /^[\w-]+: [ -~]*$/.test(line) && !/^(connection|expect|upgrade|te|trailer):/i.test(line)) &&
  `${path}${headers}`.length < 12_000;

/** `node:http` sends no header twice, nor this one. */
const isSendable = (headers: readonly string[]): boolean => {
  const names = headers.map((line) => line.split(':', 1)[0]);
  return new Set(names).size === names.length && !names.includes('__proto__');
};

/** Malformed and hostile requests, and what the gateway makes of them; made for the request with this index. */
export function randomRequest(known: fc.Arbitrary<string>): fc.Arbitrary<(index: number) => FuzzRequest> {
  const body = randomBody(known);
  const methods = weighted([70, fc.constant('POST')], [25, fc.constant('GET')], [4, fc.constantFrom(...oddMethods)]);
  return fc
    .record({
      method: methods,
      oddPath: weighted<string | undefined>([12, fc.constant(undefined)], [1, fc.constantFrom(...oddPaths)]),
      query: randomQuery,
      hasBoth: fc.integer({ min: 1, max: 25 }).map((one) => one === 1),
      body,
      parts: allHeaders,
      isRaw: fc.boolean(),
      frame: framed,
      isMalformed: fc.integer({ min: 1, max: 8 }).map((one) => one === 1),
      seed: fc.integer(),
      leaves: weighted<number | undefined>([30, fc.constant(undefined)], [1, fc.nat(20)]),
    })
    .map(({ method, oddPath, query, hasBoth, body, parts, isRaw, frame, isMalformed, seed, leaves }) => (index) => {
      const path = oddPath ?? (method === 'GET' || hasBoth ? `/graphql?${query}` : '/graphql');
      const token = parts.token[0] === ownToken ? tokenOf(index) : undefined;
      const headers = Object.values(parts)
        .flat()
        .map((line) => (line === ownToken ? `${tokenName}: ${token}` : line));
      const message = { method, path, headers, body: method !== 'GET' || hasBoth ? body : undefined };
      const isPassed = isPlain(method, path, headers);
      const onOwnSocket = isRaw || !isPassed || !isSendable(headers);
      const [broken] = onOwnSocket && isMalformed ? fc.sample(malformed(message), { numRuns: 1, seed }) : [];
      return {
        ...message,
        index,
        token,
        pieces: onOwnSocket ? (broken?.pieces ?? inPieces(message, frame)) : undefined,
        disconnectsAfter: onOwnSocket ? leaves : undefined,
        isWellFormed: isPassed && broken === undefined && !(onOwnSocket && leaves !== undefined),
        isEndless: broken?.isEndless ?? false,
        mayRead: parts.credential.length === 1 && parts.credential[0] === rightKey,
        requestId: parts.requestId[0]?.includes('odd.one') ? 'odd.one_x-' : undefined,
        expected: undefined,
      };
    });
}
