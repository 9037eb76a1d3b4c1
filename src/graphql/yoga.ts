import type { GraphQLSchema } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import type { Context, CreateContext } from '../context.ts';
import type { FailureLog } from '../errors/failure-log.ts';
import type { Readiness } from '../http/readiness.ts';
import type { UnreadResponses } from '../http/unread-responses.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import type { StreamRecord } from '../telemetry/stream-record.ts';
import { createBoundedExecution } from './bounded-execution.ts';
import { createDocumentCache } from './document-cache.ts';
import { useExplainedReads } from './explained-reads.ts';
import type { Plans } from './fast-path/plans.ts';
import { useNoIntrospection } from './introspection.ts';
import { type OperationLimits, useOperationLimits } from './operation-limits.ts';
import { type ReadParams, useJsonRequests } from './params.ts';
import { usePublicErrors } from './public-errors.ts';
import { useResponseLimit } from './response-limit.ts';
import type { ServerContext } from './server-context.ts';
import { useOperationSpans } from './spans.ts';
import { SharedResults } from './streams/shared-results.ts';
import type { Streams } from './streams/streams.ts';
import { useStreams } from './streams/subscribe.ts';
import type { Turns } from './turns.ts';

interface YogaOptions {
  readonly schema: GraphQLSchema;
  readonly contextOf: CreateContext;
  readonly readParams: ReadParams;
  readonly plans: Plans;
  readonly onExecute: (record: RequestRecord) => void;
  readonly limits: OperationLimits & { readonly maxResponseBytes: number };
  readonly turns: Turns;
  readonly streams: Streams;
  readonly beginStream: (request: RequestRecord) => StreamRecord;
  readonly unread: UnreadResponses;
  readonly introspection: boolean;
  readonly readiness: Readiness;
  readonly log: FailureLog;
}

/** For every request that the fast path leaves to it. */
export function createYogaServer(options: YogaOptions) {
  const { schema, contextOf, readParams, plans, onExecute, limits, turns, streams, unread, readiness, log } = options;
  const { maxResponseBytes } = limits;
  const execute = createBoundedExecution(schema, maxResponseBytes, turns);
  const errorOptions = { suggestions: options.introspection };
  return createYoga<ServerContext, Context>({
    schema,
    context: ({ request, record: { requestId }, identity: { caller, chats } }) =>
      contextOf({ header: (name) => request.headers.get(name), requestId, signal: request.signal, caller, chats }),
    cors: false, // http/cors.ts covers every response
    graphiql: false, // src/graphiql serves it
    landingPage: false,
    maxRequestBodySize: false, // http/body.ts counts while it reads
    parserAndValidationCache: createDocumentCache(),
    logging: false, // every log line is written where its event happens
    maskedErrors: false, // usePublicErrors masks, after every other plugin
    // In the order in which a request meets them.
    plugins: [
      useJsonRequests(readParams),
      useOperationLimits(limits),
      !options.introspection && useNoIntrospection(),
      useBoundedExecution(execute),
      useStreams({
        schema,
        execute,
        streams,
        results: new SharedResults(),
        beginRecord: options.beginStream,
        unread,
        maxResponseBytes,
        log,
        errorOptions,
      }),
      usePlans(plans, onExecute),
      useExplainedReads(),
      useOperationSpans(),
      usePublicErrors(turns, log, errorOptions),
      useResponseLimit(maxResponseBytes, turns, log, errorOptions),
      useReadiness(readiness),
    ],
  });
}

/**
 * Executes with graphql-js. Yoga's own executor (@graphql-tools/executor) reads the defaults of variables through
 * `parseLiteral`, where an id beyond 2^53 becomes another one.
 */
function useBoundedExecution(execute: ReturnType<typeof createBoundedExecution>): Plugin {
  return { onExecute: ({ setExecuteFn }) => setExecuteFn(execute) };
}

/** Remembers every operation that Yoga executes. */
function usePlans(plans: Plans, onExecute: (record: RequestRecord) => void): Plugin<ServerContext> {
  return {
    onExecute({ args: { document, operationName, contextValue } }) {
      const { params, record } = contextValue;
      onExecute(record);
      if (params.query) plans.remember(params.query, operationName ?? undefined, document);
    },
  };
}

/** For requests that arrived before the gateway began to drain. */
function useReadiness(readiness: Readiness): Plugin<object, ServerContext> {
  return { onResponse: ({ serverContext: { res } }) => readiness.closeWhenDraining(res) };
}
