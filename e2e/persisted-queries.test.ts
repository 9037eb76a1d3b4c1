import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPersistedApolloClient, createPersistedUrqlClient } from '../examples/clients/persisted-queries.ts';
import { gql } from '../examples/node_modules/@apollo/client/core/index.js';
import { type Program, startGateway } from './support/programs.ts';
import { type Recorder, startRecorder } from './support/recorder.ts';

const query = (name: string) => `query ${name}($id: ID!) { chatMessage(chatId: 1, id: $id) { id text } }`;

let program: Program;
let gateway: Recorder;

beforeAll(async () => {
  program = await startGateway({}, 'sandbox');
  gateway = await startRecorder(program.url);
});
afterAll(async () => {
  for (const one of [gateway, program]) await one?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  gateway.requests.length = 0;
});

/** Sends the query of this name, and returns the text of the message. */
type Send = (name: string, id: string) => Promise<unknown>;

function apollo(): Send {
  const client = createPersistedApolloClient({ url: gateway.url });
  return async (name, id) => {
    const { data, error } = await client.query({
      query: gql(query(name)),
      variables: { id },
      fetchPolicy: 'no-cache',
    });
    return textOf(data) ?? error;
  };
}

function urql(): Send {
  const client = createPersistedUrqlClient({ url: gateway.url });
  return async (name, id) => {
    const { data, error } = await client.query(query(name), { id }, { requestPolicy: 'network-only' }).toPromise();
    return textOf(data) ?? error;
  };
}

function textOf(data: unknown): string | undefined {
  return (data as { readonly chatMessage?: { readonly text: string } } | undefined)?.chatMessage?.text;
}

describe.each([
  ['Apollo Client with its PersistedQueryLink', apollo],
  ['urql with its persistedExchange', urql],
])('%s', (client, create) => {
  it('registers a query once, and sends only its hash from then on', async () => {
    const name = `Of${client.replaceAll(/\W/g, '')}`;
    const send = create();
    expect(await send(name, '224')).toBe('Hello, how are you?');
    expect(await send(name, '227')).toBe("I'm doing great, thanks!");
    expect(await create()(name, '224')).toBe('Hello, how are you?'); // another client, which starts with the hash
    const bodies = gateway.requests.map(({ body }) => JSON.parse(body));
    expect(bodies.map((body) => [typeof body.query, typeof body.extensions.persistedQuery.sha256Hash])).toEqual([
      ['undefined', 'string'],
      ['string', 'string'],
      ['undefined', 'string'],
      ['undefined', 'string'],
    ]);
  });
});
