import { createServer, type ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { close, listen, startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { openStream, type TestStream } from '../../support/streams.ts';
import { Random } from '../../support/test-chat.ts';
import { deliver, secret, webhook } from '../../support/webhooks.ts';

const chats = ['1', '2', '3', '4'];
const tokens = ['a', 'b', 'c'];
const schedules = Number(process.env['STREAM_SCHEDULES'] ?? 12);

/** Linq with random delays, where each token may read some chats, and each message names the token that read it. */
async function startLinq(random: Random, mayRead: (token: string, chatId: string) => boolean) {
  const server = createServer((request, response) => {
    const token = String(request.headers['x-linq-integration-token']);
    const [, chatId = '', id] = /\/chats\/(\d+)(?:\/chat_messages\/(\d+))?$/.exec(request.url ?? '') ?? [];
    const respond = () => {
      if (!mayRead(token, chatId)) return send(response, random.isTrue() ? 403 : 404, {});
      send(response, 200, { data: { id: id ?? chatId, ...(id !== undefined && { text: `${token} ${chatId}` }) } });
    };
    if (random.isTrue()) respond();
    else setTimeout(respond, random.below(15));
  });
  const origin = await listen(server);
  return { origin, [Symbol.asyncDispose]: () => close(server) };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Reads until the last event, and cuts its connection now and then, after which it resumes by one of the two ways. */
async function read(
  gateway: TestGateway,
  random: Random,
  token: string,
  chatIds: readonly string[],
  isLast: (id: string) => boolean,
) {
  const ids: string[] = [];
  let gaps = 0;
  let cursor: string | undefined;
  const open = (): Promise<TestStream> => {
    const byHeader = random.isTrue();
    return openStream(gateway, {
      variables: { chatIds, ...(cursor !== undefined && !byHeader && { after: cursor }) },
      headers: {
        'x-linq-integration-token': token,
        accept: random.isTrue() ? 'text/event-stream' : 'multipart/mixed;subscriptionSpec=1.0',
        ...(cursor !== undefined && byHeader && { 'last-event-id': cursor }),
      },
    });
  };
  let stream = await open();
  for (;;) {
    const event = await stream.event();
    if (event.ended) throw new Error('The stream ended.');
    cursor = event.cursor;
    if (event.kind === 'GAP') gaps++;
    else {
      if (!chatIds.includes(event.chatId)) throw new Error('An event of another chat.');
      if (event.message.text !== `${token} ${event.chatId}`) throw new Error('Read with another token.');
      ids.push(event.messageId);
      if (isLast(event.messageId)) break;
    }
    if (random.below(12) > 0) continue;
    stream.close();
    stream = await open();
  }
  await stream[Symbol.asyncDispose]();
  return { ids, gaps };
}

it.each(Array.from({ length: schedules }, (_, index) => index + 1))(
  'sends each event to each stream that may see it, once and in order, also after cuts (schedule %i)',
  async (seed) => {
    const random = new Random(seed);
    const readable = new Map(tokens.map((token) => [token, new Set(chats.filter(() => random.below(3) > 0))]));
    const mayRead = (token: string, chatId: string) => readable.get(token)?.has(chatId) === true;
    await using linq = await startLinq(random, mayRead);
    await using gateway = await startTestGateway({
      LINQ_API_URL: linq.origin,
      LINQ_WEBHOOK_SECRETS: secret,
      LINQ_CACHE_TTL_MS: random.isTrue() ? '60000' : '0',
    });

    const sent: { id: string; chatId: string }[] = [];
    const lastIds = new Set<string>();
    const readers: { chatIds: readonly string[]; done: ReturnType<typeof read> }[] = [];
    for (let index = 0; index < 6; index++) {
      const token = random.of(tokens);
      const chatIds = chats.filter(() => random.isTrue());
      if (chatIds.length === 0) continue;
      if (chatIds.every((chatId) => mayRead(token, chatId)))
        readers.push({ chatIds, done: read(gateway, random, token, chatIds, (id) => lastIds.has(id)) });
      else {
        const refused = await openStream(gateway, {
          variables: { chatIds },
          headers: { 'x-linq-integration-token': token },
        });
        const part = await refused.part();
        expect(part?.json).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
        expect((await refused.part())?.fields['event']).toBe('complete');
        expect(await refused.part()).toBeUndefined();
      }
    }
    await gateway.metric('graphql_streams', readers.length);

    let id = seed * 10_000;
    const happen = async (chatId: string) => {
      const event = webhook({}, { id: `${++id}`, chat_id: chatId });
      sent.push({ id: `${id}`, chatId });
      await deliver(gateway, event);
      if (random.below(4) === 0)
        await deliver(gateway, random.isTrue() ? event : { ...event, event_id: `other ${id}` });
    };
    for (let turn = 0; turn < 60; turn++) await happen(random.of(chats));
    for (const chatId of chats) {
      lastIds.add(`${id + 1}`);
      await happen(chatId);
    }
    for (const { chatIds, done } of readers) {
      const { ids, gaps } = await done;
      const expected = sent.filter(({ chatId }) => chatIds.includes(chatId)).map((event) => event.id);
      const firstLast = expected.findIndex((each) => lastIds.has(each));
      expect(gaps).toBe(0);
      expect(ids).toEqual(expected.slice(0, firstLast + 1));
    }
  },
);
