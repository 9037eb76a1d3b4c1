import { describe, expect, it } from 'vitest';
import { acceptsEncoding, contentTypeFor, responseTypeFor, wantsHtml } from '../../src/http/accept.ts';

describe('Accept', () => {
  it.each([
    [undefined, 'application/json; charset=utf-8'],
    ['*/*', 'application/json; charset=utf-8'],
    ['application/*', 'application/json; charset=utf-8'],
    ['application/graphql-response+json, application/json', 'application/graphql-response+json; charset=utf-8'],
    ['application/json, application/graphql-response+json', 'application/json; charset=utf-8'],
    ['text/plain, application/json', 'application/json; charset=utf-8'],
  ])('%s gets %s, also on the fast path', (accept, type) => {
    expect([responseTypeFor(accept ?? '*/*'), contentTypeFor(accept)]).toEqual([type, type]);
  });

  it.each(['application/json;q=1', 'Application/JSON', 'image/png', ''])(
    '"%s" is left to Yoga by the fast path',
    (accept) => {
      expect(contentTypeFor(accept)).toBeUndefined();
    },
  );

  it.each([
    ['application/json;q=1', 'application/json; charset=utf-8'],
    ['Application/JSON', 'application/json; charset=utf-8'],
    ['text/html, */*;q=0.1', 'application/json; charset=utf-8'],
    ['application/graphql-response+json;q=0.9', 'application/graphql-response+json; charset=utf-8'],
    ['image/png', undefined],
    ['application/jsonp', undefined],
    ['', undefined],
  ])('"%s" gets %s', (accept, type) => {
    expect(responseTypeFor(accept)).toBe(type);
  });

  it('asks for a page where it lists text/html', () => {
    expect([wantsHtml('text/html,application/xml;q=0.9'), wantsHtml('*/*'), wantsHtml(undefined)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

it.each([
  ['gzip, br', true],
  ['GZIP, BR;q=0.5', true],
  ['gzip, br;q=0', false],
  ['gzip', false],
  [undefined, false],
])('Accept-Encoding "%s" accepts br: %s', (header, expected) => {
  expect(acceptsEncoding(header, 'br')).toBe(expected);
});
