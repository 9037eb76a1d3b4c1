/** Live messages through the clients as they are published, in front of the sandbox. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApolloClient } from '../examples/clients/apollo-client.ts';
import { Client, fetchExchange } from '../examples/node_modules/@urql/core/dist/urql-core.js';
import { parse } from '../examples/node_modules/graphql/index.js';
import { type Program, startGateway } from './support/programs.ts';

const document = 'subscription { chatMessageEvents(chatIds: [3]) { cursor kind message { chatId id text } } }';
const event = { cursor: expect.any(String), kind: expect.stringMatching(/^(MESSAGE|REACTION)_/) };

let sandbox: Program;
beforeAll(async () => {
  sandbox = await startGateway({}, 'sandbox');
});
afterAll(() => sandbox?.[Symbol.asyncDispose]());

interface Result {
  readonly data?: unknown;
  readonly error?: unknown;
}

/** The first two results. The stream goes on until the sandbox stops: urql's own end of it is an unhandled rejection in Node. */
function firstTwo(subscribe: (next: (result: Result) => void) => unknown): Promise<Result[]> {
  return new Promise((resolve) => {
    const results: Result[] = [];
    subscribe((result) => results.push(result) === 2 && resolve(results));
  });
}

it('Apollo Client shows each event when it comes, in its multipart protocol', async () => {
  const client = createApolloClient({ url: sandbox.url, headers: () => ({}) });
  const results = await firstTwo((next) => client.subscribe({ query: parse(document) }).subscribe({ next }));
  expect(results).toMatchObject([{ data: { chatMessageEvents: event } }, { data: { chatMessageEvents: event } }]);
});

it('urql shows each event, as Server-Sent Events', async () => {
  const client = new Client({
    url: sandbox.url,
    exchanges: [fetchExchange],
    fetchSubscriptions: true,
    preferGetMethod: false,
  });
  const results = await firstTwo((next) => client.subscription(document, {}).subscribe(next));
  expect(results).toMatchObject([{ data: { chatMessageEvents: event } }, { data: { chatMessageEvents: event } }]);
});

it('Apollo Client shows why a chat may not be followed', async () => {
  const client = createApolloClient({ url: sandbox.url, headers: () => ({}) });
  const query = parse(document.replace('[3]', '[403]'));
  const result = await new Promise<Result>((resolve) => {
    client.subscribe({ query }).subscribe({ next: resolve, error: (error) => resolve({ error }) });
  });
  expect(JSON.stringify(result.error)).toContain('FORBIDDEN');
});
