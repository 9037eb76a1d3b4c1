import type { GraphQLSchema } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import type { Caller, Context } from '../context.ts';
import type { FailureLog } from '../errors/failure-log.ts';
import type { Readiness } from '../http/readiness.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import { createDocumentCache } from './document-cache.ts';
import { type CompiledOperations, useCompiledOperations } from './fast-path/compiled-operations.ts';
import { useNoIntrospection } from './introspection.ts';
import { type OperationLimits, useOperationLimits } from './operation-limits.ts';
import { type ReadParams, useJsonRequests } from './params.ts';
import { usePublicErrors } from './public-errors.ts';
import type { ServerContext } from './server-context.ts';
import { useOperationSpans } from './spans.ts';

interface YogaOptions {
  readonly schema: GraphQLSchema;
  readonly contextOf: (caller: Caller) => Context;
  readonly readParams: ReadParams;
  readonly operations: CompiledOperations;
  readonly onExecute: (record: RequestRecord) => void;
  readonly limits: OperationLimits;
  readonly introspection: boolean;
  readonly readiness: Readiness;
  readonly log: FailureLog;
}

/** For every request that the fast path leaves to it. */
export function createYogaServer(options: YogaOptions) {
  const { schema, contextOf, readParams, operations, onExecute, readiness, log } = options;
  return createYoga<ServerContext, Context>({
    schema,
    context: ({ request, record: { requestId }, identity: { chats } }) =>
      contextOf({ header: (name) => request.headers.get(name), requestId, signal: request.signal, chats }),
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
      useOperationLimits(options.limits),
      !options.introspection && useNoIntrospection(),
      useCompiledOperations(operations, onExecute),
      useOperationSpans(),
      usePublicErrors(log, { suggestions: options.introspection }),
      useReadiness(readiness),
    ],
  });
}

/** For requests that arrived before the gateway began to drain. */
function useReadiness(readiness: Readiness): Plugin<object, ServerContext> {
  return { onResponse: ({ serverContext: { res } }) => readiness.closeWhenDraining(res) };
}
