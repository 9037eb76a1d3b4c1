import { expect, it } from 'vitest';
import { sandboxPage } from '../../src/sandbox/graphiql-tabs.ts';
import { startTestGateway } from '../support/gateway.ts';

const text = 'Hello, how are you?';

/** What each tab, by its title, shows. */
const shows: Record<string, object> = {
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
};

const titled = sandboxPage.tabs.map((query): [string, string] => [/^query (\w+)/m.exec(query)?.[1] ?? '', query]);

it('has a tab for each thing to be seen', () => {
  expect(titled.map(([title]) => title)).toEqual(Object.keys(shows));
});

it.each(titled)(
  'says in one line, which an editor shows whole, what to look at in %s, and shows it every time',
  async (title, query) => {
    expect(query).toMatch(/^# [^\n]{10,42}\nquery /);
    await using gateway = await startTestGateway();
    for (let turn = 0; turn < 2; turn++) {
      expect(await gateway.query(query, undefined, sandboxPage.headers)).toMatchObject(shows[title] ?? {});
    }
  },
);
