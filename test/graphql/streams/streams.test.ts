import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { openStream } from '../../support/streams.ts';
import { startUpstream, type Upstream } from '../../support/upstream.ts';
import { deliver, secret, webhook } from '../../support/webhooks.ts';

const start = (env: Record<string, string> = {}) => startTestGateway({ LINQ_WEBHOOK_SECRETS: secret, ...env });
const message = (id: string, chatId = '1', more: Record<string, unknown> = {}) =>
  webhook(more, { id, chat_id: chatId });

const multipart = { accept: 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json' };

/** Linq, where `respond` decides what comes of each message. */
function startLinq(respond: (response: ServerResponse, id: string, attempt: number) => void): Promise<Upstream> {
  const attempts = new Map<string, number>();
  return startUpstream((response, request, id) => {
    if (!request.url?.includes('/chat_messages/')) return sendData(response, { id });
    const attempt = (attempts.get(id) ?? 0) + 1;
    attempts.set(id, attempt);
    respond(response, id, attempt);
  });
}

function sendData(response: ServerResponse, data: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
}

function sendStatus(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
}

describe('the ways to send a stream', () => {
  it('sends Server-Sent Events by POST, each with its cursor as id', async () => {
    await using gateway = await start();
    await using stream = await openStream(gateway);
    expect(stream.status).toBe(200);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-request-id': expect.any(String),
    });
    await deliver(gateway, message('224'));
    const part = await stream.part();
    expect(stream.text).toMatch(/^retry: \d{4}\n\nid: [\w-]+\nevent: next\ndata: \{.*\}\n\n$/);
    const event = part?.json.data.chatMessageEvents;
    expect(part?.fields).toMatchObject({ event: 'next', id: event.cursor });
    expect(event).toEqual({
      cursor: expect.any(String),
      kind: 'MESSAGE_RECEIVED',
      chatId: '1',
      messageId: '224',
      occurredAt: expect.any(String),
      message: { id: '224', text: 'Hello, how are you?' },
    });
  });

  it('sends them by GET too, as EventSource requests them, with an id where no cursor was selected', async () => {
    await using gateway = await start();
    const query = 'subscription { chatMessageEvents(chatIds: [1]) { messageId } }';
    await using stream = await openStream(gateway, { method: 'GET', query });
    await deliver(gateway, message('224'));
    const part = await stream.part();
    expect(part?.fields['id']).toMatch(/^[\w-]+$/);
    expect(part?.json).toEqual({ data: { chatMessageEvents: { messageId: '224' } } });
  });

  it('sends them in ASCII, because the executor of graphql-tools decodes each chunk by itself', async () => {
    await using linq = await startLinq((response, id) => sendData(response, { id, text: 'é 漢字 🙂\u2028' }));
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    await using stream = await openStream(gateway);
    await deliver(gateway, message('224'));
    expect((await stream.event()).message.text).toBe('é 漢字 🙂\u2028');
    expect(stream.text).toMatch(/^[\x20-\x7e\n]+$/);
  });

  it('replaces an event whose result is too large as it would be sent', async () => {
    await using linq = await startLinq((response, id) => sendData(response, { id, text: '漢'.repeat(500) }));
    await using gateway = await start({ LINQ_API_URL: linq.origin, MAX_RESPONSE_BYTES: '2000' });
    await using ascii = await openStream(gateway);
    await using utf8 = await openStream(gateway, { headers: multipart });
    await deliver(gateway, message('224'));
    expect((await ascii.part())?.json).toMatchObject({ errors: [{ extensions: { code: 'OPERATION_TOO_COSTLY' } }] });
    expect(await utf8.event()).toMatchObject({ message: { text: '漢'.repeat(500) } });
  });

  it('sends Apollo Client a multipart response, in which each part ends with the next boundary at once', async () => {
    await using gateway = await start();
    await using stream = await openStream(gateway, { headers: multipart });
    expect(stream.headers['content-type']).toBe('multipart/mixed;boundary="graphql";subscriptionSpec=1.0');
    await deliver(gateway, message('224'));
    expect(await stream.event()).toMatchObject({ messageId: '224', message: { text: 'Hello, how are you?' } });
    expect(stream.text).toMatch(
      /^--graphql\r\ncontent-type: application\/json\r\n\r\n\{"payload":\{.*\}\}\r\n--graphql$/,
    );
  });

  it('refuses a subscription where the client accepts no stream, with the types there are', async () => {
    await using gateway = await start();
    for (const accept of ['application/json', '*/*', 'multipart/mixed, application/json']) {
      const response = await openStream(gateway, { headers: { accept } });
      await response.ended();
      expect(response.status).toBe(406);
      expect(response.text).toMatch(/text\/event-stream or multipart\/mixed;subscriptionSpec=1\.0/);
      expect(JSON.parse(response.text).errors[0].extensions.code).toBe('BAD_REQUEST');
    }
    expect(gateway.calls).toEqual([]);
  });

  it('sends a query as a stream of one result to a client that accepts nothing else', async () => {
    await using gateway = await start();
    const query = '{ chatMessage(chatId: 1, id: 224) { id } }';
    const sse = await openStream(gateway, { query });
    await sse.ended();
    expect(sse.text).toBe('event: next\ndata: {"data":{"chatMessage":{"id":"224"}}}\n\nevent: complete\ndata:\n\n');
    const accept = 'multipart/mixed;subscriptionSpec=1.0';
    const parts = await openStream(gateway, { query, headers: { accept } });
    await parts.ended();
    expect(parts.text).toBe(
      '--graphql\r\ncontent-type: application/json\r\n\r\n{"payload":{"data":{"chatMessage":{"id":"224"}}}}\r\n--graphql--\r\n',
    );
  });

  it('sends an invalid subscription its errors as the client can read them', async () => {
    await using gateway = await start();
    const query = 'subscription { chatMessageEvents(chatIds: [1]) { nothing } }';
    await using stream = await openStream(gateway, { query });
    const part = await stream.part();
    expect(part?.json.errors[0].extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
    expect((await stream.part())?.fields).toMatchObject({ event: 'complete' });
    const accept = 'text/event-stream, application/graphql-response+json';
    const response = await openStream(gateway, { query, headers: { accept } });
    await response.ended();
    expect(response.status).toBe(400);
    expect(JSON.parse(response.text).errors[0].extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
  });
});

describe('permission to open a stream', () => {
  const refusal = async (gateway: TestGateway, variables: object, headers: Record<string, string> = {}) => {
    const stream = await openStream(gateway, { variables, headers });
    const part = await stream.part();
    await stream.ended();
    return part?.json.errors?.[0];
  };

  it('refuses a chat that is forbidden and one that does not exist with one text, and begins no stream', async () => {
    await using gateway = await start();
    const refused = [];
    for (const chatIds of [['1', '403'], ['404'], ['999999999']]) refused.push(await refusal(gateway, { chatIds }));
    expect(new Set(refused.map(({ message }) => message))).toEqual(
      new Set(['You may not read all of these chats, or one of them does not exist.']),
    );
    expect(refused).toMatchObject(refused.map(() => ({ extensions: { code: 'FORBIDDEN', retryable: false } })));
    await gateway.metric('graphql_streams', 0);
  });

  it('names the variable to set where there are no webhooks', async () => {
    await using gateway = await startTestGateway();
    expect(await refusal(gateway, { chatIds: ['1'] })).toMatchObject({
      message:
        'There are no events without webhooks: the operator must set LINQ_WEBHOOK_SECRETS, or the option webhooks of createGateway.',
      extensions: { code: 'BAD_REQUEST' },
    });
  });

  it.each<[string, object, string]>([
    ['no chat', { chatIds: [] }, 'chatIds must not be empty'],
    ['a malformed id', { chatIds: ['x'] }, 'chatIds[0] must be'],
    ['51 chats', { chatIds: Array.from({ length: 51 }, (_, index) => `${index + 1}`) }, 'at most 50 chats, got 51'],
    ['no kind', { chatIds: ['1'], kinds: [] }, 'kinds must not be empty'],
    ['a malformed cursor', { chatIds: ['1'], after: 'x' }, 'after must be the cursor of an event'],
    ['an unknown kind', { chatIds: ['1'], kinds: ['SOMETHING'] }, 'ChatMessageEventKind'],
  ])('refuses %s with BAD_USER_INPUT, without a call', async (_what, variables, text) => {
    await using gateway = await start();
    const error = await refusal(gateway, variables);
    expect(error.message).toContain(text);
    expect(error.extensions.code).toBe('BAD_USER_INPUT');
    expect(gateway.calls).toEqual([]);
  });

  it('counts the chats in MAX_READS_PER_OPERATION', async () => {
    await using gateway = await start({ MAX_READS_PER_OPERATION: '2' });
    const error = await refusal(gateway, { chatIds: ['1', '2', '3'] });
    expect(error).toMatchObject({ extensions: { code: 'OPERATION_TOO_COSTLY' } });
    expect(gateway.calls).toEqual([]);
    await using stream = await openStream(gateway, { variables: { chatIds: ['1', '2', '2'] } });
    await deliver(gateway, message('7', '2'));
    expect(await stream.event()).toMatchObject({ messageId: '7' });
  });

  it('responds with 503 where a caller, or the process, has too many streams, until one of them ends', async () => {
    await using gateway = await start({ MAX_STREAMS: '2', MAX_STREAMS_PER_CALLER: '1' });
    const token = (name: string) => ({ headers: { 'x-linq-integration-token': name } });
    await using first = await openStream(gateway, token('a'));
    const second = await openStream(gateway, token('a'));
    await second.ended();
    expect(second.status).toBe(503);
    expect(JSON.parse(second.text).errors[0]).toMatchObject({
      message: expect.stringContaining('MAX_STREAMS_PER_CALLER'),
      extensions: { code: 'OVERLOADED', retryable: true },
    });
    await using _other = await openStream(gateway, token('b'));
    const third = await openStream(gateway, token('c'));
    await third.ended();
    expect([third.status, third.text]).toEqual([503, expect.stringContaining('MAX_STREAMS')]);
    await gateway.metric('graphql_streams_total{outcome="over-limit"}', 2);
    first.close();
    await gateway.metric('graphql_streams', 1);
    await using again = await openStream(gateway, token('a'));
    expect(again.status).toBe(200);
  });

  it('counts a stream in MAX_STREAMS when Linq has accepted its token, so that invented tokens exclude no caller', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await using linq = await startUpstream(async (response, request, id) => {
      const isPending = request.headers['x-linq-integration-token'] !== 'known';
      if (isPending) await released;
      if (request.headers['x-linq-integration-token'] === 'invented') sendStatus(response, 401);
      else sendData(response, { id });
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin, MAX_STREAMS: '1' });
    const token = (name: string) => ({ headers: { 'x-linq-integration-token': name } });
    const invented = openStream(gateway, token('invented'));
    const late = openStream(gateway, token('late'));
    while (linq.paths.length < 2) await new Promise(setImmediate);
    await using stream = await openStream(gateway, token('known'));
    expect(stream.status).toBe(200);
    await gateway.metric('graphql_streams', 1);
    release();
    expect((await (await invented).part())?.json).toMatchObject({
      errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
    });
    const refused = await late;
    await refused.ended();
    expect([refused.status, refused.text]).toEqual([503, expect.stringContaining('MAX_STREAMS')]);
    await gateway.metric('graphql_streams', 1);
    await gateway.metric('graphql_streams_total{outcome="over-limit"}', 1);
  });

  it('does not count a stream as a request in flight or in the histogram of requests', async () => {
    await using gateway = await start({ MAX_REQUESTS_IN_FLIGHT: '1' });
    await using stream = await openStream(gateway);
    await gateway.metric('graphql_streams', 1);
    expect(await gateway.query('{ chat(id: 1) { id } }')).toEqual({ data: { chat: { id: '1' } } });
    stream.close();
    await gateway.metric('graphql_streams_total{outcome="canceled"}', 1);
    await gateway.metric('graphql_request_duration_seconds_count{outcome="ok"}', 1);
    await gateway.metric('graphql_request_duration_seconds_count{outcome="cancelled"}', 0);
  });
});

describe('what an event reads', () => {
  const token = (name: string) => ({ headers: { 'x-linq-integration-token': name } });

  it('is one read for each token, however many streams share it', async () => {
    await using gateway = await start();
    const streams = await Promise.all(
      [token('a'), token('a'), token('a'), token('b')].map((options) => openStream(gateway, options)),
    );
    gateway.calls.length = 0;
    await deliver(gateway, message('224'));
    for (const stream of streams)
      expect(await stream.event()).toMatchObject({ messageId: '224', message: { id: '224' } });
    expect(gateway.calls.map(({ headers }) => headers['x-linq-integration-token']).toSorted()).toEqual(['a', 'b']);
    for (const stream of streams) stream.close();
  });

  it('is never a cached value, nor one that an earlier event of the stream has read', async () => {
    await using linq = await startLinq((response, id, attempt) => sendData(response, { id, text: `read ${attempt}` }));
    await using gateway = await start({ LINQ_API_URL: linq.origin, LINQ_CACHE_TTL_MS: '60000' });
    const query = '{ chatMessage(chatId: 1, id: 5) { text } }';
    expect(await gateway.query(query)).toEqual({ data: { chatMessage: { text: 'read 1' } } });
    await using stream = await openStream(gateway);
    for (const attempt of [2, 3]) {
      await deliver(gateway, message('5'));
      expect(await stream.event()).toMatchObject({ message: { text: `read ${attempt}` } });
    }
    expect(await gateway.query(query)).toEqual({ data: { chatMessage: { text: 'read 3' } } });
  });

  it('is repeated twice while Linq does not know the message', async () => {
    await using linq = await startLinq((response, id, attempt) => {
      if (attempt < 3) sendStatus(response, 404);
      else sendData(response, { id, text: 'there' });
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    await using stream = await openStream(gateway);
    await deliver(gateway, message('5'));
    expect(await stream.event()).toMatchObject({ messageId: '5', message: { text: 'there' } });
  });

  it('is null, without an error, when Linq still does not know the message', async () => {
    await using linq = await startLinq((response) => sendStatus(response, 404));
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    await using stream = await openStream(gateway);
    await deliver(gateway, message('5'));
    expect((await stream.part())?.json).toEqual({
      data: { chatMessageEvents: expect.objectContaining({ messageId: '5', message: null }) },
    });
    expect(linq.paths.filter((path) => path.includes('chat_messages'))).toHaveLength(3);
  });

  it('delays later events that are read sooner: the order is that of the log', async () => {
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await using linq = await startLinq(async (response, id) => {
      if (id === '5') await released;
      else arrive();
      sendData(response, { id });
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    await using stream = await openStream(gateway);
    await deliver(gateway, message('5'));
    await deliver(gateway, message('6'));
    await arrived;
    release();
    expect([await stream.event(), await stream.event()]).toMatchObject([{ messageId: '5' }, { messageId: '6' }]);
  });

  it('is one read for events of one message that wait, each of which is sent', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await using linq = await startLinq(async (response, id) => {
      if (id !== '9') await released;
      sendData(response, { id });
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    await using stream = await openStream(gateway);
    for (let id = 11; id <= 18; id++) await deliver(gateway, message(`${id}`)); // as many as are executed at a time
    for (let turn = 0; turn < 4; turn++) await deliver(gateway, message('9'));
    release();
    for (let id = 11; id <= 18; id++) expect(await stream.event()).toMatchObject({ messageId: `${id}` });
    const cursors = new Set<string>();
    for (let turn = 0; turn < 4; turn++) {
      const event = await stream.event();
      expect(event).toMatchObject({ messageId: '9', message: { id: '9' } });
      cursors.add(event.cursor);
    }
    expect(cursors.size).toBe(4);
    expect(linq.paths.filter((path) => path.endsWith('/chat_messages/9'))).toHaveLength(1);
  });

  it('fails in its own field, with the code of any other response', async () => {
    await using linq = await startLinq((response) => sendStatus(response, 403));
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    await using stream = await openStream(gateway);
    await deliver(gateway, message('5'));
    expect((await stream.part())?.json).toEqual({
      errors: [
        {
          message: 'Linq does not let this token read the message. Check the ids, or send another token.',
          locations: expect.anything(),
          path: ['chatMessageEvents', 'message'],
          extensions: {
            code: 'FORBIDDEN',
            retryable: false,
            requestId: stream.headers['x-request-id'],
            upstream: { status: 403 },
          },
        },
      ],
      data: { chatMessageEvents: expect.objectContaining({ messageId: '5', message: null }) },
    });
  });

  it('is not sent when the message was not selected', async () => {
    await using gateway = await start();
    await using stream = await openStream(gateway, {
      query: 'subscription { chatMessageEvents(chatIds: [1]) { kind messageId } }',
    });
    gateway.calls.length = 0;
    await deliver(gateway, message('224'));
    expect(await stream.event()).toEqual({ kind: 'MESSAGE_RECEIVED', messageId: '224' });
    expect(gateway.calls).toEqual([]);
  });

  it('counts against the limits of each event, not of the stream', async () => {
    await using gateway = await start({ MAX_READS_PER_OPERATION: '2' });
    const query = 'subscription { chatMessageEvents(chatIds: [1]) { message { id chat { id } sender { id } } } }';
    await using stream = await openStream(gateway, { query });
    for (let turn = 0; turn < 3; turn++) {
      await deliver(gateway, message('224'));
      expect(await stream.event()).toMatchObject({ message: { id: '224', chat: { id: '1' } } });
    }
    const costly = query.replace('chat {', 'page: chat { messages(last: 1) { nodes { id } } } chat {');
    await using other = await openStream(gateway, { query: costly });
    await deliver(gateway, message('224'));
    expect((await other.event()).errors).toMatchObject([{ extensions: { code: 'OPERATION_TOO_COSTLY' } }]);
  });

  it('is refused before the first read of an event, where the lists below its message are too long', async () => {
    await using gateway = await start();
    const page = (below: string) => `messages(last: 50) { nodes { id ${below} } }`;
    const query = `subscription { chatMessageEvents(chatIds: [1]) { kind message { chat { ${page(`chat { a: ${page('')} b: ${page('')} }`)} } } } }`;
    await using stream = await openStream(gateway, { query });
    gateway.calls.length = 0;
    await deliver(gateway, message('224'));
    expect((await stream.event()).errors).toMatchObject([
      { message: expect.stringContaining('5050 entries of lists'), extensions: { code: 'OPERATION_TOO_COSTLY' } },
    ]);
    expect(gateway.calls).toEqual([]);
  });
});

describe('which events a stream sends', () => {
  it('those of the requested chats and kinds', async () => {
    await using gateway = await start();
    await using stream = await openStream(gateway, {
      variables: { chatIds: ['2'], kinds: ['MESSAGE_SENT', 'REACTION_SENT'] },
    });
    await deliver(gateway, message('1', '1'));
    await deliver(gateway, message('2', '2'));
    await deliver(gateway, message('3', '2', { event_type: 'message.sent' }));
    await deliver(gateway, webhook({ event_type: 'reaction.sent' }, { chat_id: '2', chat_message_id: '4' }));
    expect([await stream.event(), await stream.event()]).toMatchObject([
      { kind: 'MESSAGE_SENT', chatId: '2', messageId: '3' },
      { kind: 'REACTION_SENT', chatId: '2', messageId: '4' },
    ]);
  });

  it.each(['after', 'last-event-id'])('those since the event of %s, each once', async (how) => {
    await using gateway = await start();
    await using first = await openStream(gateway);
    for (const id of ['224', '225', '226']) await deliver(gateway, message(id));
    const { cursor } = await first.event();
    const resumed = await openStream(gateway, {
      variables: { chatIds: ['1'], ...(how === 'after' && { after: cursor }) },
      headers: how === 'after' ? {} : { 'last-event-id': cursor },
    });
    await deliver(gateway, message('224'));
    const ids = [];
    for (let turn = 0; turn < 3; turn++) ids.push((await resumed.event()).messageId);
    expect(ids).toEqual(['225', '226', '224']);
    resumed.close();
  });

  it('a gap first, whatever its kinds, where events may be missing or Last-Event-ID is malformed', async () => {
    await using gateway = await start();
    const unknown = Buffer.from('1:000000000000001-0000000000').toString('base64url');
    const variables = { chatIds: ['1'], kinds: ['MESSAGE_SENT'] };
    for (const options of [
      { variables: { ...variables, after: unknown } },
      { variables, headers: { 'last-event-id': unknown } },
      { variables, headers: { 'last-event-id': 'malformed' } },
    ]) {
      await using stream = await openStream(gateway, options);
      const gap = await stream.event();
      expect(gap).toEqual({
        cursor: expect.any(String),
        ...{ kind: 'GAP', chatId: null, messageId: null, occurredAt: null, message: null },
      });
      await using resumed = await openStream(gateway, { variables: { ...variables, after: gap.cursor } });
      await deliver(gateway, message('224', '1', { event_type: 'message.sent' }));
      expect(await resumed.event()).toMatchObject({ kind: 'MESSAGE_SENT', messageId: '224' });
    }
  });

  it('a gap in place of what its client did not read, and what came later', async () => {
    await using gateway = await start();
    const long = Array.from({ length: 190 }, (_, index) => `a${'b'.repeat(60)}${index}: messageId`).join(' ');
    const query = `subscription { chatMessageEvents(chatIds: [1]) { kind messageId ${long} } }`;
    await using stalled = await openStream(gateway, { query });
    await using reader = await openStream(gateway, {
      query: 'subscription { chatMessageEvents(chatIds: [1]) { messageId } }',
    });
    stalled.pause();
    const before = process.memoryUsage().heapUsed;
    const count = 800;
    for (let id = 1; id <= count; id += 50)
      await Promise.all(Array.from({ length: 50 }, (_, more) => deliver(gateway, message(`${id + more}`))));
    for (let id = 1; id <= count; id++) await reader.event();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100_000_000);
    stalled.resume();
    await deliver(gateway, message('9999'));
    const kinds = [];
    for (let event = await stalled.event(); event.messageId !== '9999'; event = await stalled.event()) {
      expect(event.kind).toBeDefined();

      kinds.push(event.kind);
    }
    expect(kinds.filter((kind) => kind === 'GAP')).not.toEqual([]);
    expect(kinds.length).toBeLessThan(count);
  });
});

describe('the end of a stream', () => {
  it('has no `complete` when the gateway stops, and says when to connect again', async () => {
    await using gateway = await start();
    await using sse = await openStream(gateway);
    await using parts = await openStream(gateway, { headers: multipart });
    await gateway.metric('graphql_streams', 2);
    await gateway.drain();
    await Promise.all([sse.ended(), parts.ended()]);
    expect(sse.text).toMatch(/^retry: \d{4}\n\nretry: \d{4}\n\n$/);
    expect(parts.text).toBe('--graphql');
    const refused = await openStream(gateway);
    await refused.ended();
    expect(refused.status).toBe(503);
    await gateway.metric('graphql_streams_total{outcome="drained"}', 2);
  });

  it('is FORBIDDEN and `complete` when Linq no longer lets its token read a chat', async () => {
    let isAllowed = true;
    await using linq = await startUpstream((response, _request, id) => {
      if (isAllowed) sendData(response, { id });
      else sendStatus(response, 403);
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    await using stream = await openStream(gateway);
    await deliver(gateway, message('5'));
    expect(await stream.event()).toMatchObject({ message: { id: '5' } });
    isAllowed = false;
    await deliver(gateway, message('6'));
    const texts = [];
    for (let part = await stream.part(); part !== undefined; part = await stream.part()) texts.push(part);
    expect(texts.at(-2)?.json).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
    expect(texts.at(-2)?.json.data).toBeUndefined();
    expect(texts.at(-1)?.fields).toEqual({ event: 'complete', data: '' });
    await gateway.metric('graphql_streams_total{outcome="refused"}', 1);
  });

  it('is a 503 instead of a stream when the gateway begins to stop while the chats are read', async () => {
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await using linq = await startUpstream(async (response, _request, id) => {
      arrive();
      await released;
      sendData(response, { id });
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    const opened = openStream(gateway);
    await arrived;
    await gateway.drain();
    release();
    const stream = await opened;
    expect(stream.status).toBe(503);
    await stream.ended();
    expect(JSON.parse(stream.text).errors[0].extensions).toMatchObject({ code: 'OVERLOADED', retryable: true });
  });

  it('is written to the log, without anything of a chat', async () => {
    await using gateway = await start({ LOG_LEVEL: 'debug' });
    await using stream = await openStream(gateway);
    await deliver(gateway, message('224'));
    await stream.event();
    stream.close();
    await gateway.metric('graphql_streams_total{outcome="canceled"}', 1);
    const lines = gateway.log.filter(({ msg }) => msg === 'stream');
    expect(lines).toMatchObject([{ outcome: 'canceled', codes: [], events: 1, durationMs: expect.any(Number) }]);
    expect(gateway.log.filter(({ msg }) => msg === 'request')).toEqual([]);
  });
});

describe('an event of several streams', () => {
  it('is executed once for those of one operation and token, and for each as its variables say', async () => {
    const texts = new Map([
      ['a', 0],
      ['b', 0],
    ]);
    await using linq = await startUpstream((response, request, id) => {
      const token = String(request.headers['x-linq-integration-token']);
      if (request.url?.includes('/chat_messages/')) texts.set(token, (texts.get(token) ?? 0) + 1);
      sendData(response, { id, text: `for ${token}` });
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    const query = `subscription ($chatIds: [ID!]!, $withText: Boolean!) {
      chatMessageEvents(chatIds: $chatIds) { message { id ...Text @include(if: $withText) } }
    }
    fragment Text on ChatMessage { text }`;
    const open = (token: string, withText: boolean, chatIds = ['1']) =>
      openStream(gateway, {
        query,
        variables: { chatIds, withText },
        headers: { 'x-linq-integration-token': token },
      });
    await using both = await open('a', true, ['1', '2']);
    await using one = await open('a', true);
    await using short = await open('a', false);
    await using other = await open('b', true);
    await deliver(gateway, message('5'));
    const messages = await Promise.all([both, one, short, other].map(async (stream) => (await stream.event()).message));
    expect(messages).toEqual([
      { id: '5', text: 'for a' },
      { id: '5', text: 'for a' },
      { id: '5' },
      { id: '5', text: 'for b' },
    ]);
    expect([...texts]).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
  });

  it('does not replace the gap of a stream for which too many wait, while another reads the last of them', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: lastReleased, resolve: releaseLast } = Promise.withResolvers<void>();
    await using linq = await startLinq(async (response, id) => {
      await (id === '999' ? lastReleased : released);
      sendData(response, { id });
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    await using slow = await openStream(gateway, { variables: { chatIds: ['1', '2'] } });
    await using other = await openStream(gateway, { variables: { chatIds: ['2'] } });
    // As many as are executed at a time, and as many as may wait.
    for (let index = 0; index < 8 + 100; index++) await deliver(gateway, message(`${1_000 + index}`));
    await deliver(gateway, message('999', '2'));
    release();
    for (let index = 0; index < 8; index++) expect(await slow.event()).toMatchObject({ messageId: `${1_000 + index}` });
    while (!linq.paths.some((path) => path.endsWith('/999'))) await new Promise(setImmediate);
    releaseLast();
    const { kind, cursor } = await slow.event();
    expect(kind).toBe('GAP');
    expect(await other.event()).toMatchObject({ messageId: '999', cursor });
  });

  it('does not replace the gap of a stream of another chat that resumes with an unknown cursor', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    await using linq = await startLinq(async (response, id) => {
      arrive();
      await released;
      sendData(response, { id });
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    await using other = await openStream(gateway, { variables: { chatIds: ['2'] } });
    await deliver(gateway, message('7', '2'));
    await arrived;
    const after = Buffer.from('1:000000000000001-0000000000').toString('base64url');
    await using resumed = await openStream(gateway, { variables: { chatIds: ['1'], after } });
    release();
    expect(await other.event()).toMatchObject({ chatId: '2', messageId: '7' });
    expect(await resumed.event()).toMatchObject({ kind: 'GAP', chatId: null, messageId: null, message: null });
  });

  it('is checked for each of them when Linq refuses to read it, and fails with the id of its own request', async () => {
    let isAllowed = true;
    await using linq = await startUpstream((response, _request, id) => {
      if (isAllowed) sendData(response, { id });
      else sendStatus(response, 403);
    });
    await using gateway = await start({ LINQ_API_URL: linq.origin });
    const streams = await Promise.all([openStream(gateway), openStream(gateway), openStream(gateway)]);
    isAllowed = false;
    await deliver(gateway, message('6'));
    const ids = new Set();
    for (const stream of streams) {
      const failed = (await stream.part())?.json;
      expect(failed.errors[0].extensions).toMatchObject({
        code: 'FORBIDDEN',
        requestId: stream.headers['x-request-id'],
      });
      ids.add(failed.errors[0].extensions.requestId);
      await stream.ended();
      expect(stream.text).toMatch(/event: complete/);
    }
    expect(ids.size).toBe(3);
  });
});
