import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { startTestGateway } from '../support/gateway.ts';

const query = '{ chatMessage(chatId: 2, id: 5) { id } }';
const example = { data: { chatMessage: { id: '5' } } };
const mark = '\ufeff';

const bodies = [
  `${mark}${JSON.stringify({ query })}`,
  `${mark}\r\n ${JSON.stringify({ query })}`,
  `${mark}${JSON.stringify({ query, variables: { x: mark } })}`,
];

describe('a byte order mark before JSON is skipped', () => {
  it.each(bodies)('in the body %j, at first and later', async (body) => {
    await using gateway = await startTestGateway();
    for (let turn = 0; turn < 3; turn++) {
      const headers = { 'content-type': 'application/json' };
      const { status, body: text } = await gateway.send({ method: 'POST', headers, body });
      expect([status, JSON.parse(text)]).toEqual([200, example]);
    }
  });

  it('in the variables of a GET', async () => {
    await using gateway = await startTestGateway();
    const search = new URLSearchParams({
      query: 'query ($id: ID!) { chatMessage(chatId: 2, id: $id) { id } }',
      variables: `${mark}{"id":"5"}`,
    });
    expect(JSON.parse((await gateway.send({ path: `/graphql?${search}` })).body)).toEqual(example);
  });

  it('unless there is nothing else, which is not a body', async () => {
    await using gateway = await startTestGateway();
    const headers = { 'content-type': 'application/json' };
    const { status } = await gateway.send({ method: 'POST', headers, body: mark });
    expect(status).toBe(400);
  });
});

describe('content-encoding', () => {
  it.each(['gzip', 'GZIP', 'x-gzip', 'br', 'zstd', 'deflate', 'identity, gzip', 'gzip, identity', 'unknown'])(
    '%s is refused with 415 that says what is accepted, and nothing is requested from Linq',
    async (coding) => {
      await using gateway = await startTestGateway();
      for (const body of [gzipSync(JSON.stringify({ query })), JSON.stringify({ query })]) {
        const response = await fetch(gateway.url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'content-encoding': coding },
          body,
        });
        expect([response.status, response.headers.get('accept-encoding')]).toEqual([415, 'identity']);
        expect(await response.json()).toMatchObject({
          errors: [
            {
              message: 'The body must not be compressed: send it without content-encoding.',
              extensions: { code: 'BAD_REQUEST', retryable: false },
            },
          ],
        });
      }
      expect(gateway.calls).toEqual([]);
    },
  );

  it.each(['identity', 'Identity', 'identity, identity', ''])('"%s" is accepted', async (coding) => {
    await using gateway = await startTestGateway();
    const headers = { 'content-type': 'application/json', 'content-encoding': coding };
    const { body } = await gateway.send({ method: 'POST', headers, body: JSON.stringify({ query }) });
    expect(JSON.parse(body)).toEqual(example);
  });
});

it.each(['\ufeff\ufeff', ' \ufeff', '\ufffe', '\u200b'])(
  'a body that begins with %j, which is more than a byte order mark, is refused, never guessed at',
  async (mark) => {
    await using gateway = await startTestGateway();
    const answer = await gateway.send({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `${mark}${JSON.stringify({ query })}`,
    });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body).errors).toMatchObject([
      {
        message: 'The body is not JSON: send an object, such as {"query":"{ __typename }"}.',
        extensions: { code: 'BAD_REQUEST' },
      },
    ]);
    expect(gateway.calls).toEqual([]);
  },
);

it.each([
  ['a byte that is none', Buffer.from([0xff])],
  ['a character that is cut off', Buffer.from([0xe2, 0x82])],
  ['a character written too long', Buffer.from([0xc0, 0xaf])],
  ['half a surrogate pair', Buffer.from([0xed, 0xa0, 0x80])],
])('a body that is not UTF-8, for %s, is refused without a request to Linq', async (_what, bytes) => {
  await using gateway = await startTestGateway();
  const [before = '', after = ''] = JSON.stringify({ query: `${query} # X` }).split('X');
  const body = Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]);
  for (let turn = 0; turn < 3; turn++) {
    const response = await fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      errors: [{ message: 'The body is not UTF-8: encode it as UTF-8.', extensions: { code: 'BAD_REQUEST' } }],
    });
  }
  expect(gateway.calls).toEqual([]);
});
