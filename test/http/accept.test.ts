import { describe, expect, it } from 'vitest';
import { codingFor, contentTypeFor, responseTypeFor, wantsHtml } from '../../src/http/accept.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const json = 'application/json; charset=utf-8';
const graphqlResponse = 'application/graphql-response+json; charset=utf-8';

/** What a header is to get; undefined is 406. */
const expected: [accept: string, type: string | undefined][] = [
  ['*/*', json],
  ['application/*', json],
  ['application/json', json],
  ['Application/JSON', json],
  ['text/plain, application/json', json],
  ['text/html, */*;q=0.1', json],
  // Quoting, case and space of parameters.
  ['application/json; charset="utf-8"', json],
  ['application/json;charset=UTF-8', json],
  ['application/json ; charset="UTF-8" ; q=1', json],
  ['application/json;q="0.5"', json],
  ['application/graphql-response+json; charset="utf-8"', graphqlResponse],
  ['text/plain; x="a, application/graphql-response+json", application/json', json],
  ['text/plain; x="a;q=0, \\", image/png", application/graphql-response+json', graphqlResponse],
  // Weights.
  ['application/json;q=1', json],
  ['application/json;q=0.1, application/graphql-response+json', graphqlResponse],
  ['application/json;q=0.8, application/graphql-response+json;q=0.9', graphqlResponse],
  ['application/graphql-response+json;q=0.001, application/json;q=0.002', json],
  ['application/graphql-response+json;q=0.9', graphqlResponse],
  ['application/json;q=0, application/graphql-response+json', graphqlResponse],
  ['application/graphql-response+json;q=0, */*', json],
  ['application/json;q=0.000, */*;q=0.1', graphqlResponse],
  // The more specific range counts, wherever it stands.
  ['*/*, application/json;q=0', graphqlResponse],
  ['application/*;q=0.2, application/graphql-response+json;q=0.1', json],
  ['application/*, application/json;q=0.5', graphqlResponse],
  ['*/*;q=0, application/json', json],
  // Of the same weight the first.
  ['application/graphql-response+json, application/json', graphqlResponse],
  ['application/json, application/graphql-response+json', json],
  // Empty elements of a list are legal.
  [', application/json,', json],
  // Neither.
  ['application/json;q=0', undefined],
  ['application/json;q=0, application/graphql-response+json;q=0.0', undefined],
  ['*/*;q=0', undefined],
  ['application/*;q=0, */*', undefined],
  ['application/json; charset=iso-8859-1', undefined],
  ['image/png', undefined],
  ['application/jsonp', undefined],
  ['"application/json"', undefined],
  ['text/plain; x=", application/json"', undefined],
];

describe('Accept', () => {
  it.each(expected)('%s gets %s', (accept, type) => {
    expect(responseTypeFor(accept)).toBe(type);
    expect([undefined, type]).toContain(contentTypeFor(accept)); // the fast path knows it or leaves it to Yoga
  });

  it.each([
    undefined,
    '*/*',
    'application/json',
    'application/graphql-response+json',
    'application/json, text/plain, */*',
    'application/graphql-response+json,application/json;q=0.9',
    'application/graphql-response+json, application/json',
  ])('%s, which common clients send, is known to the fast path', (accept) => {
    expect(contentTypeFor(accept)).toBe(responseTypeFor(accept));
    expect(contentTypeFor(accept)).toBeDefined();
  });

  it.each(['application/json;q=1', 'Application/JSON', 'image/png', ''])(
    '"%s" is left to Yoga by the fast path',
    (accept) => {
      expect(contentTypeFor(accept)).toBeUndefined();
    },
  );

  it('without a value accepts no type', () => {
    expect(responseTypeFor('')).toBeUndefined();
  });

  it.each([
    ['text/html,application/xml;q=0.9', true],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
    ['Text/HTML; charset="utf-8"', true],
    ['text/html;q=0, application/json', false],
    ['text/html;q=0.5, application/json', false],
    ['text/html;q=0', false],
    ['text/plain; x="text/html"', false],
    ['*/*', false],
    ['', false],
    [undefined, false],
  ])('%s requests a page: %s', (accept, wants) => {
    expect(wantsHtml(accept)).toBe(wants);
  });
});

describe('the content type of a response', () => {
  const send = (gateway: TestGateway, accept: string, request: { path?: string; body?: string }) =>
    gateway.send({
      ...request,
      method: request.body === undefined ? 'GET' : 'POST',
      headers: { accept, ...(request.body !== undefined && { 'content-type': 'application/json' }) },
    });

  it('is the one that the client prefers, at first and later, by POST and GET, and for errors; otherwise 406', async () => {
    await using gateway = await startTestGateway({ GRAPHIQL: 'false' });
    for (const [accept, type] of expected) {
      const requests = [
        { body: '{"query":"{ __typename }"}' },
        { body: '{"query":"{ __typename }"}' },
        { path: '/graphql?query=%7B__typename%7D' },
        { body: '{"query":"{"}' },
        { body: '{' },
      ];
      for (const request of requests) {
        const { status, headers, body } = await send(gateway, accept, request);
        const error = JSON.parse(body).errors?.[0];
        if (type === undefined) expect([accept, status, error.extensions.code]).toEqual([accept, 406, 'BAD_REQUEST']);
        else expect([accept, headers['content-type']]).toEqual([accept, type]);
        if (request.body === '{"query":"{"}' && type !== undefined) expect(status).toBe(type === json ? 200 : 400);
      }
    }
  });
});

describe('Accept-Encoding', () => {
  it.each([
    ['gzip, br', 'br'],
    ['GZIP, BR;q=0.5', 'gzip'],
    ['gzip, br;q=0', 'gzip'],
    ['gzip;q=0.5, br;q="0.8"', 'br'],
    ['gzip', 'gzip'],
    ['*', 'br'],
    ['*, br;q=0', 'gzip'],
    ['*;q=0, gzip', 'gzip'],
    ['gzip;q=0.5, identity', undefined],
    ['identity, *;q=0', undefined],
    ['deflate', undefined],
    ['*;q=0', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('"%s" gets %s', (header, coding) => {
    expect(codingFor(header, ['br', 'gzip'])).toBe(coding);
  });
});
