import type { TestGateway } from '../support/gateway.ts';

export const query = '{ chatMessage(chatId: 1, id: 224) { id text } }';
export const example = { data: { chatMessage: { id: '224', text: 'Hello, how are you?' } } };

export const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` });

export const post = (gateway: TestGateway, text: string, headers: Record<string, string> = {}, variables?: object) =>
  gateway.send({
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': 'abc', ...headers },
    body: JSON.stringify({ query: text, variables }),
  });
