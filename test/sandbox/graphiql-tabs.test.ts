import { expect, it } from 'vitest';
import { sandboxPage } from '../../src/sandbox/graphiql-tabs.ts';
import { startTestGateway } from '../support/gateway.ts';
import { openStream } from '../support/streams.ts';
import { deliver, secret, webhook } from '../support/webhooks.ts';

const text = 'Hello, how are you?';

/** The expected result of each tab, by the name of its query. */
const expected: Record<string, object> = {
  DocumentedMessage: { data: { chatMessage: { text } } },
  ManyMessages: {
    data: { chatMessagesByKeys: ['3', '2', '1', '224', '226', '3'].map((id) => ({ id })) },
  },
  FailingAndMissing: {
    data: { failing: null, missing: null, found: { text } },
    errors: [{ path: ['failing'], extensions: { code: 'FORBIDDEN' } }],
  },
  RateLimit: {
    data: { short: { text }, long: null },
    errors: [{ path: ['long'], extensions: { code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: expect.any(Number) } }],
  },
  Timeout: {
    data: { silent: null, found: { text } },
    errors: [{ path: ['silent'], extensions: { code: 'UPSTREAM_TIMEOUT', retryable: true } }],
  },
  PageBack: {
    data: {
      chat: {
        messages: {
          nodes: Array.from({ length: 5 }, () => ({ sender: { address: expect.stringMatching(/^\+1555/) } })),
          pageInfo: { hasPreviousPage: true, startCursor: expect.any(String) },
        },
      },
    },
  },
};

const live = sandboxPage.tabs.at(-1) ?? '';
const named = sandboxPage.tabs
  .slice(0, -1)
  .map((query): [string, string] => [/^query (\w+)/m.exec(query)?.[1] ?? '', query]);

it('the sandbox has the documented tabs', () => {
  expect(named.map(([name]) => name)).toEqual(Object.keys(expected));
});

it.each(named)('%s starts with a comment of one line, and has the same result every time', async (name, query) => {
  expect(query).toMatch(/^# [^\n]{10,42}\nquery /);
  await using gateway = await startTestGateway();
  for (let run = 0; run < 2; run++) {
    expect(await gateway.query(query, undefined, sandboxPage.headers)).toMatchObject(expected[name] ?? {});
  }
});

it('PageBack shows its cursor before its messages, and a variable for it that runs unchanged', async () => {
  const [, query = ''] = named.find(([name]) => name === 'PageBack') ?? [];
  const variables = { ...sandboxPage.variables?.['PageBack'] };
  expect(variables).toEqual({ before: null });
  await using gateway = await startTestGateway();
  const newest = await gateway.query(query, variables, sandboxPage.headers);
  expect(newest).toMatchObject(expected['PageBack'] ?? {});
  const { messages } = newest.data.chat;
  expect(Object.keys(messages)).toEqual(['pageInfo', 'nodes']);
  const before = await gateway.query(query, { before: messages.pageInfo.startCursor }, sandboxPage.headers);
  expect(before.data.chat.messages.nodes).toHaveLength(5);
  expect(before.data.chat.messages.nodes).not.toEqual(messages.nodes);
});

it('ends with a subscription that shows what happens in chat 3', async () => {
  expect(live).toMatch(/^# [^\n]{10,42}\nsubscription Live /);
  await using gateway = await startTestGateway({ LINQ_WEBHOOK_SECRETS: secret });
  await using stream = await openStream(gateway, { query: live, headers: sandboxPage.headers ?? {} });
  await deliver(gateway, webhook({}, { chat_id: '3', id: '60000000' }));
  expect(await stream.event()).toMatchObject({
    kind: 'MESSAGE_RECEIVED',
    message: { text: 'Hi Jane! Are you free for lunch on Thursday?', sender: { address: '+15551234567' } },
  });
});
