import { afterEach, expect, it, vi } from 'vitest';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { openStream } from '../support/streams.ts';
import { secret } from '../support/webhooks.ts';

afterEach(() => {
  vi.useRealTimers();
});

async function startLive(isWatched: () => boolean) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
  const sandbox = await startSandbox();
  const gateway = await startTestGateway({ LINQ_API_URL: sandbox.origin, LINQ_WEBHOOK_SECRETS: secret });
  const url = gateway.url.replace('/graphql', '/webhooks/linq');
  sandbox.startLive({ url, secret }, isWatched);
  return {
    sandbox,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

const query = `subscription { chatMessageEvents(chatIds: [3]) {
  kind occurredAt message { id text isRead deliveryStatus reactions { reaction } }
} }`;
const admitted = (gateway: TestGateway, count: number) =>
  gateway.metric('linq_webhooks_total{outcome="admitted"}', count);

it('has something new every five seconds: received, sent, delivered without an event, read, a reaction', async () => {
  await using live = await startLive(() => true);
  const { gateway } = live;
  await using stream = await openStream(gateway, { query });
  const events = [];
  for (let step = 0; step < 5; step++) {
    vi.advanceTimersByTime(5_000);
    events.push(await stream.event());
  }
  const [, sent] = events;
  expect(events).toMatchObject([
    { kind: 'MESSAGE_RECEIVED', message: { text: 'Are we still on for Thursday?', isRead: false } },
    { kind: 'MESSAGE_SENT', message: { text: 'Yes, at one.', deliveryStatus: 'pending', reactions: [] } },
    { kind: 'MESSAGE_READ', message: { id: sent.message.id, deliveryStatus: 'delivered', isRead: true } },
    { kind: 'REACTION_RECEIVED', message: { id: sent.message.id, reactions: [{ reaction: 'love' }] } },
    { kind: 'MESSAGE_RECEIVED' },
  ]);
  expect(events.every(({ occurredAt }) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-06:00$/.test(occurredAt))).toBe(true);
});

it('rests after a minute when no stream is open', async () => {
  let isWatched = false;
  await using live = await startLive(() => isWatched);
  const { gateway } = live;
  for (let step = 1; step <= 11; step++) {
    vi.advanceTimersByTime(5_000);
    await admitted(gateway, step);
  }
  vi.advanceTimersByTime(300_000);
  isWatched = true;
  vi.advanceTimersByTime(5_000);
  await admitted(gateway, 12);
});

it('has one more message for each that is sent by hand, but none that a page sends', async () => {
  await using live = await startLive(() => false);
  const { gateway, sandbox } = live;
  await using stream = await openStream(gateway, { query });
  const url = `${sandbox.origin}/sandbox/chats/3/messages`;
  const post = (body: string, headers: Record<string, string> = {}) => fetch(url, { method: 'POST', body, headers });
  expect((await post('{"text":"hello"}')).status).toBe(201);
  expect(await stream.event()).toMatchObject({ kind: 'MESSAGE_RECEIVED', message: { text: 'hello' } });
  expect((await post('{"text":"hello"}', { origin: 'https://evil.example' })).status).toBe(405);
  expect((await post('hello')).status).toBe(400);
  const newest = await gateway.query('{ chat(id: 3) { messageCount messages(last: 1) { nodes { text } } } }');
  expect(newest).toEqual({ data: { chat: { messageCount: 41, messages: { nodes: [{ text: 'hello' }] } } } });
});
