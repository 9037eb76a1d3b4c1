import { describe, expect, it } from 'vitest';
import { acceptsEncoding, acceptsJson, contentTypeFor, wantsHtml } from '../../src/http/accept.ts';

describe('Accept', () => {
  it.each([
    [undefined, 'application/json; charset=utf-8'],
    ['*/*', 'application/json; charset=utf-8'],
    ['application/*', 'application/json; charset=utf-8'],
    ['application/graphql-response+json, application/json', 'application/graphql-response+json; charset=utf-8'],
    ['application/json, application/graphql-response+json', 'application/json; charset=utf-8'],
    ['text/plain, application/json', 'application/json; charset=utf-8'],
  ])('%s gets %s', (accept, type) => {
    expect(contentTypeFor(accept)).toBe(type);
  });

  it.each(['application/json;q=1', 'Application/JSON', 'image/png', ''])('"%s" is left to Yoga', (accept) => {
    expect(contentTypeFor(accept)).toBeUndefined();
  });

  it.each([
    ['application/json;q=1', true],
    ['Application/JSON', true],
    ['text/html, */*;q=0.1', true],
    ['image/png', false],
    ['application/jsonp', false],
    ['', false],
  ])('"%s" accepts JSON: %s', (accept, expected) => {
    expect(acceptsJson(accept)).toBe(expected);
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
