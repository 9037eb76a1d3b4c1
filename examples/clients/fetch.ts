import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { type DocumentOptions, type GatewayError, type GatewayOptions, idOf, retryDelay } from './gateway.ts';

export interface Answer<Data> {
  /** Missing where the operation was refused as a whole. What failed alone is null in it, and has an error. */
  readonly data?: Data | null;
  readonly errors?: GatewayError[];
}

/** Asks with nothing but `fetch`. Rejects where the answer is none of the gateway's. */
export function createAsk({ byId = false, ...gateway }: GatewayOptions & DocumentOptions) {
  return <Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Answer<Data>> =>
    post(gateway, { ...(byId ? { documentId: idOf(document) } : { query: print(document) }), variables });
}

/** Sends the parameters of GraphQL over HTTP, once more where that may help. */
export async function post<Data>({ url, headers }: GatewayOptions, params: object): Promise<Answer<Data>> {
  const once = async (): Promise<Answer<Data>> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...headers?.() },
      body: JSON.stringify(params),
    });
    return response.json(); // whatever the status: 401 and 503 have errors too
  };
  const answer = await once();
  const delay = retryDelay(answer.errors);
  if (delay === undefined) return answer;
  await new Promise((resolve) => setTimeout(resolve, delay));
  return once();
}
