import { print, separateOperations } from 'graphql';
import { isSubscription, operationsIn, parseDocument } from './operations.ts';

export interface Snippet {
  readonly url: string;
  readonly query: string;
  /** JSON, as it was typed; empty when there are none. */
  readonly variables: string;
  readonly operationName: string | undefined;
  /** Without the values of credentials: whatever is here is copied. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Opens the operation in this page. */
export function linkTo({ url, query, variables, operationName }: Snippet): string {
  const link = new URL(url);
  link.searchParams.set('query', query);
  if (variables !== '') link.searchParams.set('variables', variables);
  if (operationName !== undefined) link.searchParams.set('operationName', operationName);
  return link.href;
}

export function asCurl(snippet: Snippet): string {
  const { url, query, variables, operationName } = snippet;
  const names = operationName === undefined ? '' : `,"operationName":${JSON.stringify(operationName)}`;
  const body = `{"query":${JSON.stringify(query)}${names}${variables === '' ? '' : `,"variables":${variables}`}}`;
  return [
    `curl ${streams(snippet) ? '-N ' : ''}${shell(url)}`,
    ...sentHeaders(snippet).map(([name, value]) => `-H ${shell(`${name}: ${value}`)}`),
    `--data-binary ${shell(body)}`,
  ].join(' \\\n  ');
}

export function asFetch(snippet: Snippet): string {
  const { url, query, variables, operationName } = snippet;
  const body = [
    `query: ${template(query)}`,
    ...(variables === '' ? [] : [`variables: ${variables}`]),
    ...(operationName === undefined ? [] : [`operationName: ${text(operationName)}`]),
  ];
  return `const response = await fetch(${text(url)}, {
  method: 'POST',
  headers: ${object(sentHeaders(snippet))},
  body: JSON.stringify({
    ${body.join(',\n    ')},
  }),
});
${streams(snippet) ? readStream : 'const { data, errors } = await response.json();\n'}`;
}

const readStream = `if (!response.ok) throw new Error(await response.text());
let text = '';
for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
  const events = (text + chunk).split('\\n\\n');
  text = events.pop();
  for (const event of events) {
    const result = /^data: (.+)$/m.exec(event)?.[1];
    if (result !== undefined) console.log(JSON.parse(result));
  }
}
`;

export function asApolloClient(snippet: Snippet): string {
  const run = streams(snippet) ? 'client.subscribe' : 'const { data, error } = await client.query';
  return `import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';

const client = new ApolloClient({
  link: new HttpLink({ uri: ${text(snippet.url)}, headers: ${object(snippet.headers)} }),
  cache: new InMemoryCache(),
});
${run}({
  query: gql${template(operationOf(snippet))},
  variables: ${snippet.variables || '{}'},
  errorPolicy: 'all',
})${streams(snippet) ? subscribe : ''};
`;
}

export function asUrql(snippet: Snippet): string {
  const run = streams(snippet) ? 'client.subscription' : 'const { data, error } = await client.query';
  return `import { cacheExchange, Client, fetchExchange, gql } from '@urql/core';

const client = new Client({
  url: ${text(snippet.url)},
  exchanges: [cacheExchange, fetchExchange],
  preferGetMethod: false,${streams(snippet) ? '\n  fetchSubscriptions: true,' : ''}
  fetchOptions: { headers: ${object(snippet.headers)} },
});
${run}(
  gql${template(operationOf(snippet))},
  ${snippet.variables || '{}'},
)${streams(snippet) ? subscribe : ''};
`;
}

const subscribe = '.subscribe(({ data, error }) => console.log(error ?? data))';

const streams = ({ query, operationName }: Snippet) => isSubscription(query, operationName);

/** Of a document with several operations, the one that runs and its fragments: these clients take one for each query. */
function operationOf({ query, operationName }: Snippet): string {
  const document = parseDocument(query);
  if (document === undefined || operationsIn(document).length < 2) return query;
  const operation = separateOperations(document)[operationName ?? ''];
  return operation === undefined ? query : print(operation);
}

/** With those that GraphQL over HTTP requires. */
function sentHeaders(snippet: Snippet): Snippet['headers'] {
  const accept = [['accept', 'text/event-stream']] as const;
  return [...(streams(snippet) ? accept : []), ['content-type', 'application/json'], ...snippet.headers];
}

function object(headers: Snippet['headers']): string {
  if (headers.length === 0) return '{}';
  return `{ ${headers.map(([name, value]) => `${text(name)}: ${text(value)}`).join(', ')} }`;
}

const shell = (value: string) => `'${value.replaceAll("'", "'\\''")}'`;
const text = (value: string) => `'${value.replaceAll(/[\\']/g, '\\$&')}'`;
const template = (value: string) => `\`${value.replaceAll(/[\\`]|\$\{/g, '\\$&')}\``;
