import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { deliver, secret, signatureOf, webhook } from '../support/webhooks.ts';

const start = (env: Record<string, string> = {}) => startTestGateway({ LINQ_WEBHOOK_SECRETS: secret, ...env });
const counted = (gateway: TestGateway, outcome: string, count = 1) =>
  gateway.metric(`linq_webhooks_total{outcome="${outcome}"}`, count);
const emptyAnd = (status: number) => ({ status, body: '' });

/** Linq's documented examples, as if they happened now. */
const examples = ['message.received', 'message.read', 'reaction.received'].map((type): [string, string] => {
  const file = new URL(`../fixtures/webhook.${type}.json`, import.meta.url);
  const text = readFileSync(file, 'utf8');
  return [
    type,
    text.replace(/"created_at": "[^"]+",\n {2}"data"/, `"created_at": "${new Date().toISOString()}",\n  "data"`),
  ];
});

describe('POST /webhooks/linq', () => {
  it('is not served without LINQ_WEBHOOK_SECRETS', async () => {
    await using gateway = await startTestGateway();
    expect(await deliver(gateway, webhook())).toMatchObject({ status: 404 });
  });

  it.each(examples)('admits Linq’s documented %s once, with an empty body', async (_type, body) => {
    await using gateway = await start();
    expect(await deliver(gateway, body)).toMatchObject(emptyAnd(200));
    await counted(gateway, 'admitted');
    expect(await deliver(gateway, body)).toMatchObject(emptyAnd(200));
    await counted(gateway, 'duplicate');
    await counted(gateway, 'admitted');
    expect(gateway.calls).toEqual([]);
  });

  it('accepts the signature of every secret, so that one can be replaced', async () => {
    await using gateway = await start({ LINQ_WEBHOOK_SECRETS: 'old-secret, new-secret' });
    for (const key of ['old-secret', 'new-secret']) {
      const body = JSON.stringify(webhook());
      expect(await deliver(gateway, body, { 'x-webhook-signature': signatureOf(body, key) })).toMatchObject(
        emptyAnd(200),
      );
    }
    await counted(gateway, 'admitted', 2);
    const body = JSON.stringify(webhook());
    expect(await deliver(gateway, body, { 'x-webhook-signature': signatureOf(body, 'another') })).toMatchObject(
      emptyAnd(401),
    );
  });

  it('ignores the rules for callers: hosts, pages and credentials do not matter', async () => {
    await using gateway = await start({ GATEWAY_API_KEYS: 'key' });
    await using local = await start();
    const headers = {
      host: 'tunnel.example',
      origin: 'https://evil.example',
      'sec-fetch-site': 'cross-site',
      accept: '*/*',
    };
    for (const each of [gateway, local]) expect(await deliver(each, webhook(), headers)).toMatchObject(emptyAnd(200));
    expect((await local.send({ headers: { host: 'tunnel.example' } })).status).toBe(421);
  });

  it('refuses other methods, and lets no page read its responses', async () => {
    await using gateway = await start({ CORS_ORIGINS: 'https://app.example' });
    for (const method of ['GET', 'PUT', 'OPTIONS']) {
      const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
      const response = await gateway.send({ path: '/webhooks/linq', method, headers });
      expect(response).toMatchObject({ ...emptyAnd(405), headers: { allow: 'POST' } });
      expect(Object.keys(response.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  it('forbids storing its responses, and names each request', async () => {
    await using gateway = await start();
    const { headers } = await deliver(gateway, webhook(), { 'x-request-id': 'mine' });
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': 'mine',
      'content-length': '0',
    });
  });
});

describe('a webhook is refused with 401 and an empty body', () => {
  const body = JSON.stringify(webhook());
  const right = signatureOf(body);
  const withoutHeader = { 'content-type': 'application/json' };

  it.each<[string, Record<string, string>]>([
    ['an empty signature', { 'x-webhook-signature': '' }],
    ['a short one', { 'x-webhook-signature': right.slice(0, -1) }],
    ['a long one', { 'x-webhook-signature': `${right}0` }],
    ['one in upper case', { 'x-webhook-signature': right.toUpperCase() }],
    ['one without its prefix', { 'x-webhook-signature': right.slice(7) }],
    ['one of another algorithm', { 'x-webhook-signature': right.replace('sha256', 'sha512') }],
    ['one that is not hexadecimal', { 'x-webhook-signature': `sha256=${'g'.repeat(64)}` }],
    ['one of another body', { 'x-webhook-signature': signatureOf(`${body} `) }],
    ['two signatures', { 'x-webhook-signature': `${right}, ${right}` }],
    ['one of an empty secret', { 'x-webhook-signature': signatureOf(body, '') }],
  ])('for %s', async (_what, headers) => {
    await using gateway = await start();
    expect(await deliver(gateway, body, headers)).toMatchObject(emptyAnd(401));
    await counted(gateway, 'unsigned');
    expect(await deliver(gateway, body)).toMatchObject(emptyAnd(200));
    await counted(gateway, 'admitted');
  });

  it('without a signature', async () => {
    await using gateway = await start();
    const options = { path: '/webhooks/linq', method: 'POST', headers: withoutHeader, body };
    expect(await gateway.send(options)).toMatchObject(emptyAnd(401));
  });

  it('where the body was parsed and written again before it was signed', async () => {
    await using gateway = await start();
    const spaced = body.replaceAll(',', ', ');
    const signature = signatureOf(JSON.stringify(JSON.parse(spaced)));
    expect(await deliver(gateway, spaced, { 'x-webhook-signature': signature })).toMatchObject(emptyAnd(401));
    expect(await deliver(gateway, spaced)).toMatchObject(emptyAnd(200));
  });

  it('with one warning a minute in the log', async () => {
    await using gateway = await start({ LOG_LEVEL: 'trace' });
    for (let turn = 0; turn < 10; turn++) await deliver(gateway, body, { 'x-webhook-signature': 'sha256=' });
    await counted(gateway, 'unsigned', 10);
    expect(gateway.log.map(({ level, msg }) => [level, msg])).toEqual([
      [40, 'webhooks without a valid signature are refused'],
    ]);
  });
});

describe('a webhook is refused with an empty body', () => {
  it.each([
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['multipart/form-data; boundary=x'],
    ['application/jsonp'],
    [''],
  ])('with 415 for the content type "%s"', async (type) => {
    await using gateway = await start();
    expect(await deliver(gateway, webhook(), { 'content-type': type })).toMatchObject(emptyAnd(415));
    await counted(gateway, 'not-json');
  });

  it('with 415 if it is compressed', async () => {
    await using gateway = await start();
    expect(await deliver(gateway, webhook(), { 'content-encoding': 'gzip' })).toMatchObject(emptyAnd(415));
  });

  it('with 413 beyond 256 KiB, with and without a length', async () => {
    await using gateway = await start();
    const [fits, tooLarge] = [262_144, 262_145].map((length) => {
      const body = JSON.stringify(webhook({}, { text: '' }));
      return body.replace('"text":""', `"text":"${'x'.repeat(length - body.length)}"`);
    }) as [string, string];
    expect(await deliver(gateway, fits)).toMatchObject(emptyAnd(200));
    expect(await deliver(gateway, tooLarge)).toMatchObject(emptyAnd(413));
    const headers = { 'content-type': 'application/json', 'x-webhook-signature': signatureOf(tooLarge) };
    const chunked = { path: '/webhooks/linq', method: 'POST', headers, body: tooLarge };
    expect(await gateway.send(chunked)).toMatchObject(emptyAnd(413));
    await counted(gateway, 'too-large', 2);
  });

  it.each([
    ['is no JSON', '{'],
    ['is no object', '[]'],
    ['has no event_id', JSON.stringify(webhook({ event_id: undefined }))],
    ['has an empty event_id', JSON.stringify(webhook({ event_id: '' }))],
    ['has no event_type', JSON.stringify(webhook({ event_type: undefined }))],
    ['has no time', JSON.stringify(webhook({ created_at: undefined }))],
    ['has a time that is none', JSON.stringify(webhook({ created_at: '2025-02-30T10:00:00Z' }))],
    ['is nested without end', '['.repeat(200_000)],
  ])('with 400 if it %s', async (_what, body) => {
    await using gateway = await start();
    expect(await deliver(gateway, body)).toMatchObject(emptyAnd(400));
    await counted(gateway, 'malformed');
  });

  it('with 400 if it is not UTF-8', async () => {
    await using gateway = await start();
    const body = Buffer.concat([Buffer.from(JSON.stringify(webhook())), Buffer.of(0xff)]);
    const head = headOf(signatureOf(body), `content-length: ${body.length}`);
    expect(await raw(gateway, (socket) => socket.write(Buffer.concat([Buffer.from(head), body])))).toMatch(
      /^HTTP\/1\.1 400 /,
    );
  });
});

describe('a webhook is accepted and not used', () => {
  it.each([
    ['of another version', 'ignored', webhook({ api_version: 'v3' })],
    ['without a version', 'ignored', webhook({ api_version: undefined })],
    ['of a type that is not used', 'ignored', webhook({ event_type: 'typing_indicator.received' })],
    ['of an unknown type', 'ignored', webhook({ event_type: '__proto__' })],
    ['without a chat', 'unusable', webhook({}, { chat_id: undefined })],
    ['whose chat is a path', 'unusable', webhook({}, { chat_id: '1/../2' })],
    ['whose message is zero', 'unusable', webhook({}, { id: 0 })],
    ['without data', 'unusable', webhook({ data: null })],
    [
      'from more than 24 hours ago',
      'outdated',
      webhook({ created_at: new Date(Date.now() - 86_401_000).toISOString() }),
    ],
    ['from the future', 'outdated', webhook({ created_at: new Date(Date.now() + 3_660_000).toISOString() })],
  ])('%s', async (_what, outcome, event) => {
    await using gateway = await start();
    expect(await deliver(gateway, event)).toMatchObject(emptyAnd(200));
    await counted(gateway, outcome);
    await counted(gateway, 'admitted', 0);
  });

  it('if it was delivered before, known by its event id or by type, id and time', async () => {
    await using gateway = await start();
    const event = webhook();
    const later = new Date(Date.now() + 1_000).toISOString();
    await deliver(gateway, event);
    await deliver(gateway, { ...event, created_at: later });
    await deliver(gateway, { ...event, event_id: 'another' });
    await deliver(gateway, { ...event, event_id: 'one more', data: { ...event.data, id: Number(event.data.id) } });
    await counted(gateway, 'duplicate', 3);
    await deliver(gateway, { ...event, event_id: 'a third', event_type: 'message.read' });
    await deliver(gateway, { ...event, event_id: 'a fourth', created_at: new Date(Date.now() + 2_000).toISOString() });
    await counted(gateway, 'admitted', 3);
  });
});

function headOf(signature: string, framing: string): string {
  return `POST /webhooks/linq HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-webhook-signature: ${signature}\r\n${framing}\r\n\r\n`;
}

async function connectTo(gateway: TestGateway): Promise<Socket> {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** The response, once its connection is closed. */
async function raw(gateway: TestGateway, send: (socket: Socket) => void): Promise<string> {
  const socket = await connectTo(gateway);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
    if (text.includes('\r\n\r\n')) socket.destroy();
  });
  send(socket);
  await once(socket, 'close');
  return text;
}

describe('what is sent without a secret is limited', () => {
  const signature = `sha256=${'0'.repeat(64)}`;

  it('a body has five seconds to arrive, and then its connection is closed', async () => {
    await using gateway = await start();
    const startedAt = performance.now();
    const response = await raw(gateway, (socket) => socket.write(`${headOf(signature, 'content-length: 100')}{`));
    expect(response).toMatch(/^HTTP\/1\.1 408 [\s\S]*connection: close/i);
    expect(performance.now() - startedAt).toBeGreaterThan(4_900);
    await counted(gateway, 'too-slow');
  });

  it('a sender that disconnects is no error', async () => {
    await using gateway = await start({ LOG_LEVEL: 'trace' });
    const socket = await connectTo(gateway);
    socket.write(`${headOf(signature, 'content-length: 100')}{`);
    await gateway.send({ path: '/livez' });
    socket.destroy();
    await counted(gateway, 'canceled');
    expect(gateway.log).toEqual([]);
  });

  it('64 bodies may be arriving from one address, and more are refused with 429 until one has ended', async () => {
    await using gateway = await start();
    const sockets = await Promise.all(Array.from({ length: 64 }, () => connectTo(gateway)));
    for (const socket of sockets) socket.write(`${headOf(signature, 'content-length: 100')}{`);
    let status = 200;
    while (status === 200) ({ status } = await deliver(gateway, webhook()));
    expect(status).toBe(429);
    sockets[0]?.destroy();
    while (status === 429) ({ status } = await deliver(gateway, webhook()));
    expect(status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });

  it('after 50 wrong signatures in a second an address is refused with 429 before its body is read', async () => {
    await using gateway = await start();
    const forge = () => deliver(gateway, webhook(), { 'x-webhook-signature': signature });
    const statuses = await Promise.all(Array.from({ length: 60 }, async () => (await forge()).status));
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    let status = 429;
    while (status === 429) ({ status } = await deliver(gateway, webhook())); // a second later
    expect(status).toBe(200);
  });
});

it('a gateway that has closed refuses webhooks with 503, so that they are sent again', async () => {
  await using gateway = await start();
  await gateway.drain();
  expect(await deliver(gateway, webhook())).toMatchObject({ ...emptyAnd(200), headers: { connection: 'close' } });
  await gateway.close();
  expect(await deliver(gateway, webhook())).toMatchObject(emptyAnd(503));
  await counted(gateway, 'unavailable');
});
