import { describe, expectTypeOf, it } from 'vitest';
import { createApolloClient } from '../examples/clients/apollo-client.ts';
import { createAsk } from '../examples/clients/fetch.ts';
import { createAsk as createGraphQLRequestAsk } from '../examples/clients/graphql-request.ts';
import { createUrqlClient } from '../examples/clients/urql.ts';
import * as codegen from '../examples/codegen/message.ts';
import { graphql } from '../examples/gql-tada/graphql.ts';
import { introspection } from '../examples/gql-tada/graphql-env.ts';
import * as tada from '../examples/gql-tada/message.ts';
import type { messageQuery } from '../examples/relay/__generated__/messageQuery.graphql.ts';

const url = 'http://127.0.0.1:4000/graphql';
const key = { chatId: '1', id: '224' };

interface Message {
  chatId: string;
  id: string;
  text: string | null;
  sentAt: string | null;
  attachments: { id: string; url: string | null; filename: string | null }[];
  reactions: { id: string; reaction: string | null; isFromMe: boolean | null; sentAt: string | null }[];
}

describe('documents of gql.tada', () => {
  const ask = createGraphQLRequestAsk({ url });

  it('have the types of the schema', async () => {
    const { data } = await ask(tada.messageQuery, key);
    expectTypeOf(data?.chatMessage).toEqualTypeOf<Message | null | undefined>();
    const list = await ask(tada.messagesQuery, { keys: [key] });
    expectTypeOf(list.data?.chatMessagesByKeys[0]?.text).toEqualTypeOf<string | null | undefined>();
  });

  it('do not compile where they are read or asked for wrongly', async () => {
    const { data } = await ask(tada.messageQuery, key);
    // @ts-expect-error it was not selected
    data?.chatMessage?.isRead;
    // @ts-expect-error it may be null
    data?.chatMessage?.text.length;
    // @ts-expect-error `id` is missing
    await ask(tada.messageQuery, { chatId: '1' });
    const misspelt = await ask(graphql('{ chatMessage(chatId: 1, id: 224) { tekst } }'), {});
    // @ts-expect-error the schema has no such field
    misspelt.data?.chatMessage?.tekst?.length;
  });

  it('fit urql', async () => {
    const { data } = await createUrqlClient({ url, schema: introspection }).query(tada.messageQuery, key);
    expectTypeOf(data?.chatMessage).toEqualTypeOf<Message | null | undefined>();
  });
});

describe("documents of graphql-codegen's client preset", () => {
  const ask = createAsk({ url });

  it('have the types of the schema', async () => {
    const { data } = await ask(codegen.messageQuery, key);
    expectTypeOf(data?.chatMessage).toExtend<Message | null | undefined>();
    expectTypeOf(data?.chatMessage?.text).toEqualTypeOf<string | null | undefined>();
  });

  it('do not compile where they are read or asked for wrongly', async () => {
    const { data } = await ask(codegen.messageQuery, key);
    // @ts-expect-error it was not selected
    data?.chatMessage?.isRead;
    // @ts-expect-error it may be null
    data?.chatMessage?.text.length;
    // @ts-expect-error `id` is missing
    await ask(codegen.messageQuery, { chatId: '1' });
  });

  it('fit Apollo Client', async () => {
    const { data } = await createApolloClient({ url }).query({ query: codegen.messageQuery, variables: key });
    expectTypeOf(data?.chatMessage).toExtend<Message | null | undefined>();
  });
});

describe('documents of Relay', () => {
  it('have the types of the schema, and make the error a case of its own', () => {
    const caught = {} as messageQuery['response']['chatMessage'];
    // @ts-expect-error it may not have been read
    caught.value;
    if (caught.ok) expectTypeOf(caught.value?.text).toEqualTypeOf<string | null | undefined>();
    // @ts-expect-error it may be null
    if (caught.ok) caught.value?.text.length;
  });
});
