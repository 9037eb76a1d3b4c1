import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { startTestGateway } from '../support/gateway.ts';
import { deliver, secret, webhook } from '../support/webhooks.ts';

const page = readFileSync(new URL('../../docs/frontend.md', import.meta.url), 'utf8');
const [, query = ''] = /```graphql\n(subscription Live[\s\S]*?)```/.exec(page) ?? [];
const [, program = ''] = /```js\n(async function\* follow[\s\S]*?)```/.exec(page) ?? [];

it('the program of docs/frontend.md follows a chat, and after a cut continues where it was', async () => {
  await using gateway = await startTestGateway({ LINQ_WEBHOOK_SECRETS: secret });
  const cuts: (() => void)[] = [];
  const cuttableFetch = (url: string, options: RequestInit) => {
    const controller = new AbortController();
    cuts.push(() => controller.abort());
    return fetch(url, { ...options, signal: controller.signal });
  };
  const soon = (proceed: () => void) => setImmediate(proceed);
  const follow = new Function('fetch', 'setTimeout', `${program}\nreturn follow;`)(cuttableFetch, soon);
  const results = follow(gateway.url, query, { chatIds: ['1'] });
  const first = results.next();
  await gateway.metric('graphql_streams', 1);
  await deliver(gateway, webhook({}, { id: '224' }));
  expect((await first).value.data.chatMessageEvents).toMatchObject({ message: { id: '224' } });
  cuts.at(-1)?.();
  await deliver(gateway, webhook({}, { id: '226' }));
  await deliver(gateway, webhook({}, { id: '227' }));
  for (const id of ['226', '227'])
    expect((await results.next()).value.data.chatMessageEvents).toMatchObject({ message: { id } });
  expect(cuts).toHaveLength(2);
  await results.return();
  await gateway.metric('graphql_streams', 0);
});

it('the program of docs/frontend.md ends with the reason when a chat may not be read', async () => {
  await using gateway = await startTestGateway({ LINQ_WEBHOOK_SECRETS: secret });
  const follow = new Function(`${program}\nreturn follow;`)();
  const results = [];
  for await (const result of follow(gateway.url, query, { chatIds: ['403'] })) results.push(result);
  expect(results).toMatchObject([{ errors: [{ extensions: { code: 'FORBIDDEN' } }] }]);
});
