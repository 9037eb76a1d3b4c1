import type { ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startTestGateway } from '../../support/gateway.ts';
import { openStream, type TestStream } from '../../support/streams.ts';
import { startUpstream } from '../../support/upstream.ts';
import { deliver, secret, webhook } from '../../support/webhooks.ts';

const start = (env: Record<string, string> = {}) => startTestGateway({ LINQ_WEBHOOK_SECRETS: secret, ...env });
const minutes = (count: number) => count * 60_000;

/** Timers that are set from now on run when the clocks are moved. Sockets are as ever. */
function stopClocks(): void {
  const [offset, start] = [performance.now(), Date.now()];
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
  vi.spyOn(performance, 'now').mockImplementation(() => offset + Date.now() - start);
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Resolves when this text has arrived. */
async function arrived(stream: TestStream, text: string | RegExp): Promise<void> {
  while (!(typeof text === 'string' ? stream.text.includes(text) : text.test(stream.text)))
    await new Promise((resolve) => setImmediate(resolve));
}

const partsOf = async (stream: TestStream) => {
  const parts = [];
  for (let part = await stream.part(); part !== undefined; part = await stream.part()) parts.push(part);
  return parts;
};

function sendData(response: ServerResponse, data: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
}

describe('a stream', () => {
  it('has a heartbeat every 12 seconds, in the form of its type', async () => {
    await using gateway = await start();
    stopClocks();
    await using sse = await openStream(gateway);
    await using multipart = await openStream(gateway, { headers: { accept: 'multipart/mixed;subscriptionSpec=1.0' } });
    await arrived(sse, 'retry');
    await arrived(multipart, '--graphql');
    for (let turn = 1; turn <= 2; turn++) {
      vi.advanceTimersByTime(12_000);
      await arrived(sse, new RegExp(`^retry: \\d+\\n\\n(:\\n\\n){${turn}}$`));
      await arrived(
        multipart,
        new RegExp(`^--graphql(\\r\\ncontent-type: application/json\\r\\n\\r\\n\\{\\}\\r\\n--graphql){${turn}}$`),
      );
    }
  });

  it('ends after an hour, give or take a tenth, without `complete`', async () => {
    await using gateway = await start();
    stopClocks();
    await using stream = await openStream(gateway);
    vi.advanceTimersByTime(minutes(53));
    await gateway.metric('graphql_streams', 1);
    vi.advanceTimersByTime(minutes(14));
    expect(await partsOf(stream)).toEqual([]);
    expect(stream.text).toMatch(/\nretry: \d{4}\n\n$/);
    expect(stream.text).not.toContain('complete');
    await gateway.metric('graphql_streams_total{outcome="expired"}', 1);
  });

  it.each([
    ['FORBIDDEN', 'does not exist', 404],
    ['FORBIDDEN', 'is forbidden', 403],
    ['UNAUTHENTICATED', 'is not read for this token', 401],
  ])('ends with %s when a chat %s at the check of every ten minutes', async (code, _what, status) => {
    let isReadable = true;
    await using linq = await startUpstream((response, _request, id) => {
      if (isReadable) sendData(response, { id });
      else response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    stopClocks();
    await using stream = await openStream(gateway);
    vi.advanceTimersByTime(minutes(11.1));
    while (linq.paths.length < 2) await new Promise((resolve) => setImmediate(resolve));
    await gateway.metric('graphql_streams', 1);
    isReadable = false;
    await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(minutes(11.1));
    const parts = await partsOf(stream);
    expect(parts.map(({ fields }) => fields['event'])).toEqual(['next', 'complete']);
    expect(parts[0]?.json).toMatchObject({ errors: [{ extensions: { code, requestId: expect.any(String) } }] });
  });

  it('continues when a chat cannot be read at a check because Linq is not available', async () => {
    let isUp = true;
    await using linq = await startUpstream((response, _request, id) => {
      if (isUp) sendData(response, { id });
      else response.writeHead(400, { 'content-type': 'application/json' }).end('{}');
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    stopClocks();
    await using stream = await openStream(gateway);
    isUp = false;
    vi.advanceTimersByTime(minutes(11.1));
    while (linq.paths.length < 2) await new Promise((resolve) => setImmediate(resolve));
    isUp = true;
    await deliver(gateway, webhook({}, { id: '5' }));
    expect(await stream.event()).toMatchObject({ messageId: '5' });
  });

  it('ends without `complete` when its chats cannot be read at three checks in a row', async () => {
    let isUp = true;
    await using linq = await startUpstream((response, _request, id) => {
      if (isUp) sendData(response, { id });
      else response.writeHead(400, { 'content-type': 'application/json' }).end('{}');
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    stopClocks();
    await using stream = await openStream(gateway);
    isUp = false;
    for (const [index, wait] of [11.1, 1.2, 1.2].entries()) {
      await gateway.metric('graphql_streams', 1);
      vi.advanceTimersByTime(minutes(wait));
      while (linq.paths.length < 2 + index) await new Promise((resolve) => setImmediate(resolve));
      await gateway.metric(
        'linq_read_duration_seconds_count{route="/api/partner/v2/chats/{chat_id}",outcome="bad-response"}',
        index + 1,
      );
    }
    expect(await partsOf(stream)).toEqual([]);
    expect(stream.text).toMatch(/\nretry: \d{4}\n\n$/);
    await gateway.metric('graphql_streams_total{outcome="expired"}', 1);
  });

  it('is checked with the timeout of the gateway, whatever its client has requested', async () => {
    let isOpen = false;
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await using linq = await startUpstream(async (response, _request, id) => {
      if (!isOpen) return sendData(response, { id });
      await released;
      response.writeHead(403, { 'content-type': 'application/json' }).end('{}');
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    stopClocks();
    await using stream = await openStream(gateway, { headers: { 'x-request-timeout-ms': '1000' } });
    isOpen = true;
    vi.advanceTimersByTime(minutes(11.1));
    while (linq.paths.length < 2) await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(1_500);
    release();
    expect((await stream.part())?.json).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
  });

  it('reads its chats again after a refused read at most once a minute, and once for all streams of a token', async () => {
    let isReadable = true;
    await using linq = await startUpstream((response, request, id) => {
      if (isReadable && !request.url?.includes('chat_messages')) sendData(response, { id });
      else response.writeHead(403, { 'content-type': 'application/json' }).end('{}');
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    stopClocks();
    await using stream = await openStream(gateway, { variables: { chatIds: ['1', '2'] } });
    await using other = await openStream(gateway, { variables: { chatIds: ['1', '2'] } });
    const reads = () => linq.paths.filter((path) => !path.includes('chat_messages')).length;
    expect(reads()).toBe(4);
    for (let turn = 0; turn < 5; turn++) {
      await deliver(gateway, webhook());
      for (const each of [stream, other])
        expect((await each.part())?.json.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
      while (reads() < 6) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(reads()).toBe(6);
    isReadable = false;
    vi.advanceTimersByTime(minutes(1.2));
    expect((await partsOf(stream)).at(-1)?.fields['event']).toBe('complete');
    expect(reads()).toBe(8);
  });
});

describe('the credential of a stream', () => {
  const issuer = 'https://issuer.example/';
  const claims = { iss: issuer, aud: 'linq-gateway', sub: 'somebody' };

  async function createIssuer() {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
    let keys: object[] = [jwk];
    const server = await startUpstream((response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys }));
    });
    return {
      env: {
        GATEWAY_JWKS_URL: `${server.origin}/keys`,
        GATEWAY_JWT_ISSUER: issuer,
        GATEWAY_JWT_AUDIENCE: 'linq-gateway',
      },
      withdraw() {
        keys = [];
      },
      async bearer(expiresInSeconds: number, more: object = {}) {
        const exp = Math.floor(Date.now() / 1_000) + expiresInSeconds;
        const header = { alg: 'ES256', kid: 'one' };
        const jwt = new SignJWT({ ...claims, exp, ...more }).setProtectedHeader(header);
        return { headers: { authorization: `Bearer ${await jwt.sign(privateKey)}` } };
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  }

  it('ends it with UNAUTHENTICATED and `complete` when the JWT expires', async () => {
    await using keys = await createIssuer();
    await using gateway = await start(keys.env);
    await using stream = await openStream(gateway, await keys.bearer(-28)); // 30 seconds are allowed for clocks that differ
    const parts = await partsOf(stream);
    expect(parts.map(({ fields }) => fields['event'])).toEqual(['next', 'complete']);
    expect(parts[0]?.json).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED', retryable: false } }] });
    await gateway.metric('graphql_streams_total{outcome="refused"}', 1);
  });

  it('ends it within a minute when the key that signed it is withdrawn', async () => {
    await using keys = await createIssuer();
    await using gateway = await start(keys.env);
    stopClocks();
    await using stream = await openStream(gateway, await keys.bearer(600));
    await gateway.metric('graphql_streams', 1);
    keys.withdraw();
    await vi.advanceTimersByTimeAsync(59_000);
    const parts = await partsOf(stream);
    expect(parts[0]?.json).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  });

  it('lets the stream continue while it is valid', async () => {
    await using keys = await createIssuer();
    await using gateway = await start(keys.env);
    stopClocks();
    await using stream = await openStream(gateway, await keys.bearer(6_000));
    for (let turn = 0; turn < 4; turn++) await vi.advanceTimersByTimeAsync(30_100);
    await deliver(gateway, webhook({}, { id: '224' }));
    expect(await stream.event()).toMatchObject({ messageId: '224' });
  });

  it('opens no stream for a chat outside of linq_chats, with the text of all others, and without a call', async () => {
    await using keys = await createIssuer();
    await using gateway = await start(keys.env);
    const credential = await keys.bearer(600, { linq_chats: ['2'] });
    await using stream = await openStream(gateway, credential);
    expect((await stream.part())?.json.errors).toMatchObject([
      {
        message: 'You may not read all of these chats, or one of them does not exist.',
        extensions: { code: 'FORBIDDEN' },
      },
    ]);
    expect(gateway.calls).toEqual([]);
  });

  it('is required to open it', async () => {
    await using gateway = await start({ GATEWAY_API_KEYS: 'key' });
    const stream = await openStream(gateway);
    await stream.ended();
    expect(stream.status).toBe(401);
    await using opened = await openStream(gateway, { headers: { authorization: 'Bearer key' } });
    expect(opened.status).toBe(200);
  });
});
