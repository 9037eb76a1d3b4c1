import fc from 'fast-check';

/** `Name: value`. */
export type Lines = readonly string[];
/** By name. */
export type Headers = Readonly<Record<string, Lines>>;

export const apiKey = 'fuzz-key-of-the-gateway';
export const page = 'https://app.example.com';

/** One time in ten, or that many, an odd value. */
export const mostly = <T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>, times = 10): fc.Arbitrary<T> =>
  fc.oneof({ weight: times - 1, arbitrary: usual }, { weight: 1, arbitrary: odd });
export const words = (text: string): string[] => text.split(' ');

interface Values {
  /** Undefined stands for no such header, `%n` for any number. */
  readonly valid: readonly (string | undefined)[];
  readonly odd: readonly string[];
}

const fields = {
  Host: {
    valid: ['localhost', '127.0.0.1:4000', 'gateway.example', '[::1]'],
    odd: ['evil.example', 'localhost:99999', 'a b', '^^', '[::1', 'a@b', '%00', 'h?', 'h#', 'x/y'],
  },
  'Content-Type': {
    valid: ['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON ;x=y'],
    odd: [
      ...words('application/json;charset=utf-16 application/jsonx application/graphql text/plain text/json ;'),
      ...['application/x-www-form-urlencoded', 'multipart/form-data;boundary=x', 'application/json ; x'],
    ],
  },
  Accept: {
    valid: [
      ...[undefined, undefined, undefined, 'application/json', 'application/graphql-response+json', '*/*'],
      ...['APPLICATION/JSON', 'text/x, application/*;q=0.1', 'application/graphql-response+json, application/json'],
    ],
    odd: [
      ...words('application/json;q=0 text/html;q=0.1,*/* text/event-stream multipart/mixed , ;; text/html'),
      ...['text/event-stream, application/json', 'multipart/mixed;subscriptionSpec=1.0', `${'a/b,'.repeat(1_000)}*/*`],
      'multipart/mixed;deferSpec=20220824, application/json',
    ],
  },
  'Accept-Encoding': {
    valid: [undefined, undefined, undefined, 'gzip', 'br', 'zstd', 'gzip, deflate, br, zstd', '*', 'br;q=0, *;q=0.5'],
    odd: [';q=x,,', 'identity;q=0'],
  },
  Origin: { valid: [undefined, page], odd: words('https://evil.example null http://localhost') },
  'Sec-Fetch-Site': { valid: [undefined], odd: words('cross-site same-site same-origin none') },
  Authorization: {
    valid: ['Bearer ', 'bearer ', 'BEARER  '].map((scheme) => scheme + apiKey),
    odd: [
      ...['Bearer', 'Bearer ', 'Bearer nope', 'Bearer \xff', 'Bearer null', `Bearer ${apiKey}x`, `Basic ${apiKey}`],
      ...[`Bearer ${apiKey.slice(1)}`, `Bearer ${apiKey.toUpperCase()}`, `Bearer ${apiKey},${apiKey}`, apiKey],
      ...[`Bearer ${apiKey} x`, `Bearer ${'x'.repeat(9_000)}`, 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.'],
    ],
  },
  'X-Request-Timeout-Ms': {
    valid: [undefined, '60000', '3500', '999999999999999'],
    odd: words(`1 5 2000 0 -1 1.5 1e3 \xb2 ${'9'.repeat(400)}`),
  },
  'X-Request-Id': { valid: [undefined, 'valid.%n_x-'], odd: ['a b', 'x'.repeat(129), 'a,b', '<script>'] },
} satisfies Record<string, Values>;

/** Of headers that valid requests do not have. */
const oddLines = fc.constantFrom(
  ...['close', 'keep-alive', 'Upgrade', 'x, close', ''].map((value) => `Connection: ${value}`),
  ...['100-continue', 'magic', ''].map((value) => `Expect: ${value}`),
  ...['gzip', 'br', 'identity', 'x'].map((value) => `Content-Encoding: ${value}`),
  ...['websocket', 'h2c', 'x'].map((value) => `Upgrade: ${value}`),
  ...['__proto__: x', 'constructor: x', 'toString: x', 'X-HTTP-Method-Override: DELETE', 'Traceparent: 00-0-0-00'],
  ...['X-Forwarded-Host: evil.example', 'X-Forwarded-For: 127.0.0.1', 'Access-Control-Request-Headers: x', 'Range: x'],
  ...[
    'Access-Control-Request-Method: POST',
    'If-None-Match: *',
    'Trailer: x',
    'TE: trailers',
    'Keep-Alive: timeout=-1',
  ],
  ...[`Cookie: a=${'b'.repeat(4_000)}`, `X-Long: ${'y'.repeat(20_000)}`, 'X-Bytes: \x80\xff', 'X-Fold: a\r\n b'],
  ...['X-Bare: a\nb: c', 'X-Nul: a\x00b', 'X Space: x', ': x', 'no colon'],
  ...[60, 2_100].map((count) => Array.from({ length: count }, (_, at) => `X-${at}: y`).join('\r\n')),
);

const anyValue = fc.oneof(
  fc.constantFrom('', ' ', 'x', ',', '\xff', '\x7f', 'a\tb', 'a, b', 'x'.repeat(5_000), 'x'.repeat(9_000)),
  fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 20 }),
);

/** A header that is wrong, missing, or sent twice. */
export function oddHeader(name: string, { valid, odd }: Values): fc.Arbitrary<Lines> {
  const wrong = fc.oneof(fc.constantFrom(...odd), anyValue).map((value) => [`${name}: ${value}`]);
  const twice = fc.tuple(wrong, validHeader(name, { valid, odd })).map((both) => both.flat());
  return fc.oneof({ weight: 6, arbitrary: wrong }, fc.constant([]), twice);
}

function validHeader(name: string, { valid }: Values): fc.Arbitrary<Lines> {
  return fc
    .tuple(fc.constantFrom(...valid), fc.nat())
    .map(([value, number]) => (value === undefined ? [] : [`${name}: ${value.replace('%n', `${number}`)}`]));
}

const headersOf = (choose: (name: string, values: Values) => fc.Arbitrary<Lines>) =>
  Object.fromEntries(Object.entries(fields).map(([name, values]) => [name, choose(name, values)]));

const valid = headersOf(validHeader);
export const validHeaders: fc.Arbitrary<Headers> = fc.record(valid);
/** Valid but for the credential. */
export const wrongCredentials: fc.Arbitrary<Headers> = fc.record({
  ...valid,
  Authorization: oddHeader('Authorization', fields.Authorization),
});
export const someOddHeaders: fc.Arbitrary<Headers> = fc.record({
  ...headersOf((name, values) => mostly(validHeader(name, values), oddHeader(name, values))),
  others: mostly<Lines>(fc.constant([]), fc.uniqueArray(oddLines, { minLength: 1, maxLength: 3 })),
});
