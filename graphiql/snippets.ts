import { print, separateOperations } from 'graphql';
import { operationsIn, parseDocument } from './operations.ts';

export interface Snippet {
  readonly url: string;
  readonly query: string;
  /** JSON, as it was typed; empty when there are none. */
  readonly variables: string;
  readonly operationName: string | undefined;
  /** Only the names are ever copied, since values may be credentials. */
  readonly headerNames: readonly string[];
}

const placeholder = '…';

/** Opens the operation in this page. */
export function linkTo({ url, query, variables, operationName }: Snippet): string {
  const link = new URL(url);
  link.searchParams.set('query', query);
  if (variables !== '') link.searchParams.set('variables', variables);
  if (operationName !== undefined) link.searchParams.set('operationName', operationName);
  return link.href;
}

export function asCurl(snippet: Snippet): string {
  const { url, query, variables, operationName, headerNames } = snippet;
  const names = operationName === undefined ? '' : `,"operationName":${JSON.stringify(operationName)}`;
  const body = `{"query":${JSON.stringify(query)}${names}${variables === '' ? '' : `,"variables":${variables}`}}`;
  const headers = ['content-type: application/json', ...headerNames.map((name) => `${name}: ${placeholder}`)];
  return [`curl ${shell(url)}`, ...headers.map((header) => `-H ${shell(header)}`), `--data-binary ${shell(body)}`].join(
    ' \\\n  ',
  );
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
  headers: ${headersOf(snippet, ["'content-type': 'application/json'"])},
  body: JSON.stringify({
    ${body.join(',\n    ')},
  }),
});
const { data, errors } = await response.json();
`;
}

export function asApolloClient(snippet: Snippet): string {
  return `import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';

const client = new ApolloClient({
  link: new HttpLink({ uri: ${text(snippet.url)}, headers: ${headersOf(snippet)} }),
  cache: new InMemoryCache(),
});
const { data, error } = await client.query({
  query: gql${template(operationOf(snippet))},
  variables: ${snippet.variables || '{}'},
  errorPolicy: 'all',
});
`;
}

export function asUrql(snippet: Snippet): string {
  return `import { cacheExchange, Client, fetchExchange, gql } from '@urql/core';

const client = new Client({
  url: ${text(snippet.url)},
  exchanges: [cacheExchange, fetchExchange],
  preferGetMethod: false,
  fetchOptions: { headers: ${headersOf(snippet)} },
});
const { data, error } = await client.query(
  gql${template(operationOf(snippet))},
  ${snippet.variables || '{}'},
);
`;
}

/** Of a document with several operations, the one that runs and its fragments: these clients take one for each query. */
function operationOf({ query, operationName }: Snippet): string {
  const document = parseDocument(query);
  if (document === undefined || operationsIn(document).length < 2) return query;
  const operation = separateOperations(document)[operationName ?? ''];
  return operation === undefined ? query : print(operation);
}

function headersOf({ headerNames }: Snippet, others: readonly string[] = []): string {
  const own = headerNames.map((name) => `${text(name)}: ${text(placeholder)}`);
  return own.length + others.length === 0 ? '{}' : `{ ${[...others, ...own].join(', ')} }`;
}

const shell = (value: string) => `'${value.replaceAll("'", "'\\''")}'`;
const text = (value: string) => `'${value.replaceAll(/[\\']/g, '\\$&')}'`;
const template = (value: string) => `\`${value.replaceAll(/[\\`]|\$\{/g, '\\$&')}\``;
