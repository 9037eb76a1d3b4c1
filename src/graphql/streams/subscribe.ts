import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  validateSubscriptionArgs,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../../context.ts';
import type { ChatMessageEvent } from '../../datasources/events/chat-message-event.ts';
import { badRequest, responseTooLarge, unauthenticated } from '../../errors/client-errors.ts';
import type { FailureLog, RequestIds } from '../../errors/failure-log.ts';
import type { PublicErrorOptions } from '../../errors/public-error.ts';
import type { UnreadResponses } from '../../http/unread-responses.ts';
import type { RequestRecord } from '../../telemetry/request-record.ts';
import type { StreamRecord } from '../../telemetry/stream-record.ts';
import { withCodes } from '../execute-operation.ts';
import { publicResult, withoutHttp } from '../public-errors.ts';
import type { AcceptedStream, ServerContext } from '../server-context.ts';
import { EventStream } from './event-stream.ts';
import type { EventResult, SharedResults } from './shared-results.ts';
import type { Streams } from './streams.ts';

type Execute = (args: ExecutionArgs) => ExecutionResult | Promise<ExecutionResult>;

interface SubscribeOptions {
  readonly schema: GraphQLSchema;
  readonly execute: Execute;
  readonly streams: Streams;
  readonly results: SharedResults;
  readonly beginRecord: (request: RequestRecord) => StreamRecord;
  readonly unread: UnreadResponses;
  readonly maxResponseBytes: number;
  readonly log: FailureLog;
  readonly errorOptions: PublicErrorOptions;
}

/** In milliseconds. */
const leastCheckMs = 100;

/** Executes subscriptions. The result is why there is no stream, or empty: then `accepts.stream` holds the stream to start. */
export function useStreams(options: SubscribeOptions): Plugin<ServerContext & Context> {
  return {
    onSubscribe({ setSubscribeFn }) {
      setSubscribeFn((args: ExecutionArgs) => subscribe(args, args.contextValue as ServerContext & Context, options));
    },
  };
}

async function subscribe(
  args: ExecutionArgs,
  context: ServerContext & Context,
  { schema, execute, streams, results, beginRecord, unread, maxResponseBytes, log, errorOptions }: SubscribeOptions,
): Promise<ExecutionResult> {
  const { events, record, identity, accepts } = context;
  const { requestId, traceId } = record;
  const ids: RequestIds = { requestId, traceId };
  let leave = () => {};
  let stopChecks = () => {};
  let streamRecord: StreamRecord | undefined;
  const key = results.keyOf(args, events?.access ?? '');
  try {
    if (accepts === undefined) throw notAcceptable();
    if (events !== undefined) leave = streams.enter(events.caller);
    const source = await sourceOf({ ...args, schema });
    if (!(Symbol.asyncIterator in source)) {
      leave();
      return source;
    }
    const stream: EventStream = new EventStream({
      type: accepts.type,
      source,
      execute: textOf,
      textOfError: (error) => JSON.stringify(toPublic({ errors: [toGraphQLError(error)] })),
      unread,
      beginRecord() {
        streamRecord = beginRecord(record);
        return streamRecord;
      },
      onEnd() {
        leave();
        streams.remove(stream);
        stopChecks();
      },
    });
    streams.add(stream);
    stopChecks = checkCredential(stream, identity.validUntil, accepts.authenticate);
    accepts.stream = stream;
    return { data: null };
  } catch (error) {
    leave();
    return { errors: [toGraphQLError(error)] };
  }

  /** With loaders of its own: those of another event hold older values. */
  async function executeEvent(event: ChatMessageEvent): Promise<EventResult> {
    const loaders = events?.loadersAfter(event);
    const result = await execute({ ...args, rootValue: event, contextValue: { ...context, loaders } });
    return { result, text: result.errors === undefined ? JSON.stringify(toPublic(result)) : undefined };
  }

  async function textOf(event: ChatMessageEvent): Promise<string> {
    const found = await results
      .run(key, event, () => executeEvent(event))
      .catch((error: unknown) => ({ result: { errors: [toGraphQLError(error)] }, text: undefined }));
    events?.recheckAfter(found.result.errors?.map(({ originalError }) => originalError) ?? []);
    const text = found.text ?? JSON.stringify(toPublic(found.result));
    if (Buffer.byteLength(text) <= maxResponseBytes) return text;
    const { message, code } = responseTooLarge(maxResponseBytes);
    return JSON.stringify(toPublic({ errors: [new GraphQLError(message, { extensions: { code } })] }));
  }

  function toPublic(result: ExecutionResult): ExecutionResult {
    const shown = withoutHttp(publicResult(result, ids, log, errorOptions));
    streamRecord?.errors(shown.errors ?? []);
    return shown;
  }
}

/** Checks the credential of a stream whenever it must be; returns a function that stops that. */
function checkCredential(
  stream: EventStream,
  validUntil: number | undefined,
  authenticate: AcceptedStream['authenticate'],
): () => void {
  let timer: NodeJS.Timeout | undefined;
  const checkAt = (time: number | undefined) => {
    if (time === undefined) return;
    timer = setTimeout(check, Math.max(leastCheckMs, time - performance.now() + 10)).unref();
  };
  const check = async () => {
    const identity = await authenticate();
    if (stream.isOver) return;
    if (!('code' in identity)) checkAt(identity.validUntil);
    else if (identity.code === 'UNAUTHENTICATED')
      stream.refuse(unauthenticated('The credential of this stream has expired or was withdrawn: send another.'));
    else stream.end('expired'); // it cannot be checked at the moment: the client learns why when it connects again
  };
  checkAt(validUntil);
  return () => clearTimeout(timer);
}

async function sourceOf(args: ExecutionArgs): Promise<AsyncIterableIterator<ChatMessageEvent> | ExecutionResult> {
  const validated = validateSubscriptionArgs(args);
  if (!('schema' in validated)) return { errors: validated };
  const source = await createSourceEventStream(validated);
  if ('errors' in source) return withCodes(source, args);
  return source as AsyncIterableIterator<ChatMessageEvent>; // the schema has one subscription
}

function toGraphQLError(error: unknown): GraphQLError {
  if (error instanceof GraphQLError) return error;
  const originalError = error instanceof Error ? error : new Error();
  return new GraphQLError(originalError.message, { originalError });
}

function notAcceptable(): GraphQLError {
  return badRequest(
    'A subscription is sent as text/event-stream or multipart/mixed;subscriptionSpec=1.0: accept one of them.',
    406,
  );
}
