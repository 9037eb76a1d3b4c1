import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { ClientError, GraphQLClient } from 'graphql-request';
import { type GatewayOptions, retryDelay } from './gateway.ts';

/** Answers with the data and the errors side by side; the `request` of the library has room for one of them. */
export function createAsk({ url, headers = () => ({}) }: GatewayOptions) {
  const client = new GraphQLClient(url, { headers, errorPolicy: 'all' });
  return async <Data, Variables extends object>(document: TypedDocumentNode<Data, Variables>, variables: Variables) => {
    const once = () => client.rawRequest<Data>(print(document), variables).catch(refusal);
    const answer = await once();
    const delay = retryDelay(answer.errors);
    if (delay === undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, delay));
    return once();
  };
}

/** A status such as 401 is thrown whatever the `errorPolicy`; its answer has errors like any other. */
function refusal(error: unknown) {
  if (error instanceof ClientError) return { data: undefined, errors: error.response.errors };
  throw error;
}
