/**
 * The exports of the package: the whole gateway as a handler; and the schema, for execution in the importing process, with the
 * contexts that it needs.
 */
import { randomUUID } from 'node:crypto';
import { MapperKind, mapSchema } from '@graphql-tools/utils';
import { GraphQLError, type GraphQLFieldConfig, type GraphQLSchema } from 'graphql';
import { type Context, createContextFactory as createContexts } from '../context.ts';
import { createLinqClient } from '../datasources/linq/client.ts';
import { createDriftReporter } from '../datasources/linq/drift.ts';
import type { UpstreamMetrics } from '../datasources/upstream-metrics.ts';
import type { FailureLog } from '../errors/failure-log.ts';
import { publicError } from '../errors/public-error.ts';
import { schema as servedSchema } from '../schema/index.ts';
import { withoutGatewayFields } from '../schema/subgraph.ts';
import { createGateway, type EmbeddedGateway } from './gateway.ts';
import {
  type ContextFactoryOptions,
  type ContextOptions,
  checkContextOptions,
  type GatewayOptions,
  readFactoryOptions,
} from './options.ts';

export type { ContextFactoryOptions, ContextOptions, EmbeddedGateway, FailureLog, GatewayOptions, UpstreamMetrics };
export { createGateway };

export interface ContextFactory {
  /**
   * Creates the `contextValue` for one operation, or for all operations of one request to a larger graph. Each distinct
   * message is read once per context, and `maxMessages` applies to each context. It can be spread into a larger context.
   * Throws a `TypeError` that names every wrong option.
   */
  createContext(options?: ContextOptions): LinqContext;
  /** Closes the connections to Linq. Reads in flight and later reads fail with `OVERLOADED`. */
  close(): Promise<void>;
}

const linq = Symbol('linq-graphql-gateway'); // a symbol cannot collide with the keys of a larger context

/** Opaque: only `schema` reads it. */
export interface LinqContext {
  readonly [linq]: { readonly context: Context; toPublic(error: Error): GraphQLError };
}

/**
 * The schema that the gateway serves. A field fails with the error that clients of the gateway see: the same message and
 * `extensions`, without the cause. All fields but `_sdl` and `_service` need a context from `createContext`.
 */
export const schema: GraphQLSchema = mapSchema(servedSchema, { [MapperKind.OBJECT_FIELD]: withPublicErrors });

/** `schema` without `_sdl`, `_service` and `_entities`, for stitching in the same process. */
export const subschema: GraphQLSchema = withoutGatewayFields(schema);

/**
 * Create one for each process: it holds the connections to Linq. The first read opens the first connection.
 * Throws a `TypeError` that names every wrong option.
 */
export function createContextFactory(options: ContextFactoryOptions = {}): ContextFactory {
  const { log, metrics, maxMessages, ...upstream } = readFactoryOptions(options);
  const reportDrift = createDriftReporter(
    (route, path, kind) => metrics.drift(route, path, kind),
    (route, path, kind, requestId) =>
      log.warn({ requestId, route, path, kind }, 'Linq response does not match its documentation'),
  );
  const client = createLinqClient({ ...upstream, metrics, reportDrift });
  const contextOf = createContexts({
    client,
    reportDrift,
    ...upstream,
    cacheTtlMs: 0,
    maxReads: maxMessages,
    explain: false,
    onBatch() {},
  });
  return {
    createContext(given = {}) {
      checkContextOptions(given);
      const { token, signal = neverAborted, chats, timeoutMs, requestId = randomUUID() } = given;
      const headers: Record<string, string | null | undefined> = {
        'x-linq-integration-token': token,
        'x-request-timeout-ms': timeoutMs?.toString(),
      };
      const context = contextOf({
        header: (name) => headers[name],
        requestId,
        signal,
        caller: undefined,
        chats: chats && new Set(chats),
      });
      const toPublic = (error: Error) => {
        const found = new GraphQLError(error.message, { originalError: error, path: [] }); // a path marks it as the error of a field, not of the request
        const { message, extensions } = publicError(found, { requestId }, log, { suggestions: true });
        return new GraphQLError(message, { extensions });
      };
      return { [linq]: { context, toPublic } };
    },
    close: () => client.close(),
  };
}

type Field<Source> = GraphQLFieldConfig<unknown, Source>;

/** Undefined for a field that is a property. */
function withPublicErrors(field: Field<Partial<LinqContext> | undefined>): typeof field | undefined {
  const { resolve, subscribe } = field as Field<unknown>;
  if (resolve === undefined) return undefined;
  return {
    ...field,
    ...(subscribe && {
      async subscribe(parent, args, contextValue, info) {
        const { context, toPublic } = contextValue?.[linq] ?? nothing;
        try {
          return await subscribe(parent, args, context, info);
        } catch (error) {
          throw toPublic(error as Error);
        }
      },
    }),
    async resolve(parent, args, contextValue, info) {
      const { context, toPublic } = contextValue?.[linq] ?? nothing;
      try {
        const value: unknown = await resolve(parent, args, context, info);
        return Array.isArray(value) ? value.map((entry) => (entry instanceof Error ? toPublic(entry) : entry)) : value;
      } catch (error) {
        throw toPublic(error as Error);
      }
    },
  };
}

/** For fields that need no context. */
const nothing: LinqContext[typeof linq] = {
  context: {
    get loaders(): never {
      throw new Error('The contextValue must hold what createContext of linq-graphql-gateway created.');
    },
    lane: () => 'anonymous',
    events: undefined,
  },
  toPublic: ({ message }) =>
    new GraphQLError(message, { extensions: { code: 'INTERNAL_SERVER_ERROR', retryable: false } }),
};

const neverAborted = { aborted: false, addEventListener() {}, removeEventListener() {} };
