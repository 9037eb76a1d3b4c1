import type { GraphiQLProvider } from '@graphiql/react';
import { type ExecutionResult, GraphQLError } from 'graphql';
import type { ComponentProps } from 'react';
import { isSubscription } from './operations.ts';
import { isRecord, type ResponseFacts, separateReads } from './response.ts';
import { eventsIn } from './server-sent-events.ts';

type Fetcher = ComponentProps<typeof GraphiQLProvider>['fetcher'];

interface FetcherOptions {
  /** The text of the variables pane, whose numbers may have more digits than JavaScript keeps. */
  readonly variablesText: () => string;
  /** Called with each response and each event of a stream, except those of the introspection. */
  readonly onResponse: (facts: ResponseFacts | undefined) => void;
  /** Called with the JSON of the whole introspection result; GraphiQL gets it without the fields for larger graphs. */
  readonly onIntrospection: (json: string) => void;
}

interface Observer {
  readonly next: (result: ExecutionResult) => void;
  readonly complete: () => void;
}

/** Sends the text as it was typed, so that the gateway's errors point into it. Never rejects: each failure is a result. */
export function createFetcher(url: string, { variablesText, onResponse, onIntrospection }: FetcherOptions): Fetcher {
  return ({ query, variables, operationName }, options) => {
    const isIntrospection = operationName === 'IntrospectionQuery';
    const typed = isIntrospection ? '' : variablesText();
    const request = {
      method: 'POST',
      headers: {
        accept: isSubscription(query, operationName)
          ? 'text/event-stream'
          : 'application/graphql-response+json, application/json;q=0.9',
        'content-type': 'application/json',
        'x-linq-explain': 'true',
        ...options?.headers,
      },
      body: bodyOf({ query, ...(operationName && { operationName }) }, typed, variables),
    };
    return {
      // An observable, since GraphiQL would let a canceled promise or iterator end the request that comes after it.
      subscribe(observer?: Observer | ((result: ExecutionResult) => void)) {
        const { next, complete } =
          typeof observer === 'function' ? { next: observer, complete: undefined } : (observer ?? {});
        const controller = new AbortController();
        const show = (result: ExecutionResult, facts?: ResponseFacts) => {
          if (controller.signal.aborted) return;
          if (!isIntrospection) onResponse(facts);
          else if (result.data) onIntrospection(JSON.stringify(result.data));
          next?.(isIntrospection ? withoutGatewayFields(result) : result);
        };
        void send(url, { ...request, signal: controller.signal }, show).then(() => {
          if (!controller.signal.aborted) complete?.();
        });
        return { unsubscribe: () => controller.abort() };
      },
    };
  };
}

/** Variables are sent as they were typed, unless they contain comments. */
function bodyOf(params: Record<string, unknown>, typedVariables: string, variables: unknown): string {
  const text = isJson(typedVariables) ? typedVariables : JSON.stringify(variables);
  const rest = JSON.stringify(params);
  return text === undefined ? rest : `${rest.slice(0, -1)},"variables":${text}}`;
}

async function send(
  url: string,
  request: RequestInit & { readonly headers: Record<string, unknown> },
  show: (result: ExecutionResult, facts?: ResponseFacts) => void,
): Promise<void> {
  let headers: Headers;
  try {
    headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  } catch (error) {
    return show(failure(`Request not sent. ${error instanceof Error ? error.message : 'A header is invalid.'}`));
  }
  const startedAt = performance.now();
  let response: Response | undefined;
  try {
    response = await fetch(url, { ...request, headers });
    const { status, body } = response;
    const showBody = (text: string, rest: { events?: number } = {}) => {
      const { result, reads } = separateReads(resultOf(text, status));
      const bytes = byteLength(reads === undefined ? text : JSON.stringify(result));
      show(result, { status, durationMs: performance.now() - startedAt, bytes, ...rest, ...(reads && { reads }) });
    };
    if (body !== null && response.headers.get('content-type')?.startsWith('text/event-stream')) {
      let events = 0;
      for await (const { name, data } of eventsIn(body)) {
        if (name === 'complete') return;
        if (name === 'next') showBody(data, { events: ++events });
      }
    } else {
      showBody(await response.text());
    }
  } catch {
    show(failure(response ? 'The connection to the gateway was lost.' : 'The gateway cannot be reached.'));
  }
}

function resultOf(text: string, status: number): ExecutionResult {
  const result: unknown = isJson(text) ? JSON.parse(text) : undefined;
  return isResult(result) ? result : failure(`The response is not one of GraphQL. Its status is ${status}.`);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const isResult = (value: unknown): value is ExecutionResult =>
  isRecord(value) && ('data' in value || 'errors' in value);
const failure = (message: string) => ({ errors: [new GraphQLError(message)] });
const byteLength = (text: string) => new TextEncoder().encode(text).length;

/**
 * The introspection result without the fields and types for larger graphs, which would come first in the explorer. They can
 * be queried all the same.
 */
function withoutGatewayFields(result: ExecutionResult): ExecutionResult {
  const schema = result.data?.['__schema'];
  if (!isRecord(schema) || !Array.isArray(schema['types'])) return result;
  const isShown = (named: unknown) => !isRecord(named) || !/^_(?!_)/.test(String(named['name']));
  const types = schema['types']
    .filter(isShown)
    .map((type: unknown) =>
      isRecord(type) && Array.isArray(type['fields']) ? { ...type, fields: type['fields'].filter(isShown) } : type,
    );
  return { ...result, data: { __schema: { ...schema, types } } };
}
