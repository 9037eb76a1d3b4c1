/** What the package gives to who imports it: the schema, to be executed in their own process, and contexts for it. */
import { randomUUID } from 'node:crypto';
import { MapperKind, mapSchema } from '@graphql-tools/utils';
import { GraphQLError, type GraphQLFieldConfig, type GraphQLSchema } from 'graphql';
import { type Context, createContext } from '../context.ts';
import { createLinqClient } from '../datasources/linq/client.ts';
import { createDriftReporter } from '../datasources/linq/drift.ts';
import type { Reader } from '../datasources/reads/single-flight.ts';
import type { UpstreamMeter } from '../datasources/upstream-metrics.ts';
import type { FailureLog } from '../errors/failure-log.ts';
import { publicError } from '../errors/public-error.ts';
import { schema as servedSchema } from '../schema/index.ts';
import { withoutPlumbing } from '../schema/subgraph.ts';
import { checkContextOptions, readOptions } from './options.ts';

export type { FailureLog, UpstreamMeter };

/** Numbers and texts are those of the variables of the README, with the same defaults and bounds. */
export interface ContextFactoryOptions {
  /** Scheme, host and port of the Linq API: `LINQ_API_URL`. */
  readonly origin?: string | undefined;
  /** The Linq token for callers that bring none: `LINQ_INTEGRATION_TOKEN`. */
  readonly token?: string | undefined;
  /** The whole of one read, with all its waiting and retries, in milliseconds: `LINQ_TIMEOUT_MS`. */
  readonly timeoutMs?: number | undefined;
  /** Reads of Linq in flight, and connections held open: `LINQ_MAX_CONCURRENCY`. */
  readonly maxConcurrency?: number | undefined;
  /** Reads waiting for their turn: `LINQ_MAX_QUEUE`. */
  readonly maxQueue?: number | undefined;
  /** For each token: `LINQ_REQUESTS_PER_SECOND`. */
  readonly requestsPerSecond?: number | undefined;
  /** A larger answer of Linq is refused: `LINQ_MAX_RESPONSE_BYTES`. */
  readonly maxResponseBytes?: number | undefined;
  /** Distinct messages that one context reads: `MAX_MESSAGES_PER_OPERATION`. */
  readonly maxMessages?: number | undefined;
  /** Told of failures, and of nothing private; a logger of pino will do. Silent by default. What it throws is dropped. */
  readonly log?: FailureLog | undefined;
  /** Told of every read and call. What it throws is told to `log`, and harms no read. */
  readonly meter?: UpstreamMeter | undefined;
}

export interface ContextOptions {
  /** The caller's own Linq token. Without one, or with null or an empty one, the factory's is used. */
  readonly token?: string | null | undefined;
  /** An `AbortSignal` that fires when the caller is gone: its reads end. */
  readonly signal?: Reader['caller'] | undefined;
  /** Ids of the only chats that may be read; undefined is all. Messages of others are null, as if they did not exist. */
  readonly chats?: readonly string[] | undefined;
  /** Shortens the factory's, never lengthens it. In milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** In every error and log line: 1 to 128 of `A-Za-z0-9._-`. A random one by default. */
  readonly requestId?: string | undefined;
}

export interface ContextFactory {
  /**
   * The `contextValue` of one operation, or of all that one request of a larger graph leads to: within it each distinct
   * message is read once, and `maxMessages` counts. May be spread into a larger context. Throws a `TypeError` that names
   * every wrong option.
   */
  createContext(options?: ContextOptions): LinqContext;
  /** Ends the reads in flight, and all later ones, with `OVERLOADED`, and closes the connections to Linq. */
  close(): Promise<void>;
}

const linq = Symbol('linq-graphql-gateway'); // no name: a larger context may have any

/** Of use to `schema` alone. */
export interface LinqContext {
  readonly [linq]: { readonly context: Context; toPublic(error: Error): GraphQLError };
}

/**
 * The schema that the gateway serves. What a field fails with is what clients of the gateway see, with the same message and
 * `extensions`, and without its cause. It needs a context of `createContext`, save `_sdl` and `_service`.
 */
export const schema: GraphQLSchema = mapSchema(servedSchema, { [MapperKind.QUERY_ROOT_FIELD]: withPublicErrors });

/** `schema` without `_sdl`, `_service` and `_entities`, as a graph of the same process takes it in. */
export const subschema: GraphQLSchema = withoutPlumbing(schema);

/**
 * To be made once for each process: it holds the connections to Linq, the first of which is opened by the first read.
 * Throws a `TypeError` that names every wrong option.
 */
export function createContextFactory(options: ContextFactoryOptions = {}): ContextFactory {
  const { linq: upstream, limits, log, meter } = readOptions(options);
  const client = createLinqClient({
    ...upstream,
    meter,
    reportDrift: createDriftReporter(
      (path, kind) => meter.drift(path, kind),
      (path, kind, requestId) => log.warn({ requestId, path, kind }, 'Linq response does not match its documentation'),
    ),
  });
  const contextOf = createContext({ client, ...upstream, maxMessages: limits.maxMessages, onBatch() {} });
  return {
    createContext(given = {}) {
      checkContextOptions(given);
      const { token, signal = neverAborted, chats, timeoutMs, requestId = randomUUID() } = given;
      const headers: Record<string, string | null | undefined> = {
        'x-linq-integration-token': token,
        'x-request-timeout-ms': timeoutMs?.toString(),
      };
      const context = contextOf({ header: (name) => headers[name], requestId, signal, chats: chats && new Set(chats) });
      const toPublic = (error: Error) => {
        const found = new GraphQLError(error.message, { originalError: error, path: [] }); // some field's, not all's
        const { message, extensions } = publicError(found, { requestId }, log, { suggestions: true });
        return new GraphQLError(message, { extensions });
      };
      return { [linq]: { context, toPublic } };
    },
    close: () => client.close(),
  };
}

type RootField<Source> = GraphQLFieldConfig<unknown, Source>;

function withPublicErrors(field: RootField<Partial<LinqContext> | undefined>): typeof field {
  const { resolve } = field as RootField<unknown>;
  return {
    ...field,
    async resolve(root, args, contextValue, info) {
      const { context, toPublic } = contextValue?.[linq] ?? nothing;
      try {
        const value: unknown = await resolve?.(root, args, context, info);
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
      throw new Error('The contextValue must hold what createContext of linq-graphql-gateway has made.');
    },
  },
  toPublic: ({ message }) =>
    new GraphQLError(message, { extensions: { code: 'INTERNAL_SERVER_ERROR', retryable: false } }),
};

const neverAborted = { aborted: false, addEventListener() {}, removeEventListener() {} };
