import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLError } from 'graphql';
import type { GraphQLParams } from 'graphql-yoga';
import type { Caller, Context, CreateContext } from '../../context.ts';
import { responseTooLarge } from '../../errors/client-errors.ts';
import type { PublicError } from '../../errors/public-error.ts';
import type { Rejection } from '../../errors/rejection.ts';
import { contentTypeFor } from '../../http/accept.ts';
import { responseHeaders } from '../../http/headers.ts';
import { bytesOf } from '../../http/text-pieces.ts';
import type { UnreadResponses } from '../../http/unread-responses.ts';
import type { EndRequest, RequestRecord } from '../../telemetry/request-record.ts';
import type { ReadParams } from '../params.ts';
import type { ServerContext } from '../server-context.ts';
import type { Turns } from '../turns.ts';
import type { Plans } from './plans.ts';
import { type RunResult, run } from './run.ts';

interface FastPathOptions {
  readonly plans: Plans;
  readonly contextOf: CreateContext;
  readonly readParams: ReadParams;
  readonly maxResponseBytes: number;
  readonly unread: UnreadResponses;
  readonly turns: Turns;
  readonly beforeSend: (record: RequestRecord, res: ServerResponse) => void;
  readonly afterSend: EndRequest;
  /** The errors of a response, which are in its order, as a client sees them; undefined if they refuse the whole operation. */
  readonly publicErrors: (errors: readonly GraphQLError[], record: RequestRecord) => readonly PublicError[] | undefined;
}

/** Whether the request was handled, or why it is refused; if `false`, nothing was read and nothing written. */
type FastPath = (
  req: IncomingMessage,
  res: ServerResponse,
  context: Pick<ServerContext, 'record' | 'identity'>,
  body: string,
) => false | Promise<boolean | Rejection>;

/**
 * The shortcut for the commonest request of all: a JSON POST of an operation that was seen before, with a JSON response.
 * Yoga's pipeline decides nothing there that is not known in advance, and costs more than the read. It has no extension point
 * in front of its `Request` and `Response` objects, so this stands beside it: whatever is in the least unusual goes to Yoga, and
 * a response sent here is byte for byte what Yoga would send (test/graphql/fast-path/fast-path.test.ts).
 */
export function createFastPath(options: FastPathOptions): FastPath {
  const { plans, contextOf, readParams, maxResponseBytes, unread, turns, beforeSend, afterSend, publicErrors } =
    options;
  const maxLength = maxResponseBytes;
  return (req, res, { record, identity }, body) => {
    const contentType = contentTypeFor(req.headers.accept);
    const params = contentType === undefined ? undefined : knownParams(() => readParams(body, record));
    const plan = params && plans.find(params.query, params.operationName);
    if (contentType === undefined || params === undefined || plan === undefined) return false;
    let context: Context;
    try {
      context = contextOf(new HttpCaller(req, res, record, identity), 'manual');
    } catch {
      return false; // a malformed header: Yoga refuses it
    }
    if (context.explainedReads !== undefined) return false; // Yoga adds them
    const isWanted = () => !res.closed;
    const finish = (result: RunResult) => send(result, contentType, res, record);
    const execute = <Outcome>(finish: (result: RunResult) => Outcome) =>
      run(plan, params.variables ?? {}, context, { maxLength, turns, isWanted, finish });
    if (record.trace === undefined) return execute(finish) ?? false;
    // The span of the operation ends before that of the request.
    const result = record.trace.operation(() => execute((result) => result));
    return result === undefined ? false : result.then(finish);
  };

  function send(
    result: RunResult,
    contentType: string,
    res: ServerResponse,
    record: RequestRecord,
  ): boolean | Rejection {
    if (result === undefined) return refuse(contentType, res, record);
    const { texts, errors: found } = result;
    const errors = found.length === 0 ? [] : publicErrors(found, record);
    if (errors === undefined) return false;
    texts[0] = `{${errors.length === 0 ? '' : `"errors":${JSON.stringify(errors)},`}"data":${texts[0]}`;
    texts[texts.length - 1] += '}';
    const bytes = bytesOf(texts);
    if (bytes > maxResponseBytes) return refuse(contentType, res, record);
    record.note(true, errors);
    beforeSend(record, res);
    const own = ['x-request-id', record.requestId, 'Content-Type', contentType, 'content-length', `${bytes}`];
    res.writeHead(200, [...fixedHeaders, ...own]);
    const isConnected = !res.closed;
    unread.end(res, texts, bytes);
    afterSend(record, 200, isConnected);
    return true;
  }

  function refuse(contentType: string, res: ServerResponse, record: RequestRecord): Rejection {
    const { message, code } = responseTooLarge(maxResponseBytes);
    record.note(false, []);
    beforeSend(record, res);
    return { status: contentType.startsWith('application/json') ? 200 : 400, code, message };
  }
}

/** As names and values in turn, which Node copies as they are. */
const fixedHeaders = Object.entries(responseHeaders).flat();

interface KnownParams {
  readonly query: string;
  readonly operationName: string | undefined;
  readonly variables: Record<string, unknown> | undefined;
}

/** Undefined unless the body holds what GraphQL over HTTP names, each of its type. */
function knownParams(read: () => GraphQLParams): KnownParams | undefined {
  let params: GraphQLParams;
  try {
    params = read();
  } catch {
    return undefined;
  }
  // The types are those that a request should have.
  const query: unknown = params.query;
  const operationName: unknown = params.operationName;
  const variables: unknown = params.variables;
  const extensions: unknown = params.extensions;
  if (typeof query !== 'string' || !isObjectOrNone(variables) || !isObjectOrNone(extensions)) return undefined;
  if (typeof operationName === 'string') return { query, operationName, variables };
  return operationName === undefined ? { query, operationName, variables } : undefined;
}

function isObjectOrNone(value: unknown): value is Record<string, unknown> | undefined {
  return value === undefined || (typeof value === 'object' && value !== null && !Array.isArray(value));
}

/** The caller of a Node request. It has disconnected if the response closes before it is finished. */
class HttpCaller implements Caller {
  readonly requestId: string;
  readonly caller: Caller['caller'];
  readonly chats: Caller['chats'];
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  #listener: (() => void) | undefined;
  #isListening = false;

  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    { requestId }: RequestRecord,
    { caller, chats }: ServerContext['identity'],
  ) {
    this.requestId = requestId;
    this.caller = caller;
    this.chats = chats;
    this.#req = req;
    this.#res = res;
  }

  readonly header = (name: string): string | undefined => {
    const value = this.#req.headers[name];
    return typeof value === 'string' ? value : value?.join(', ');
  };

  get signal(): Caller['signal'] {
    return this;
  }

  get aborted(): boolean {
    return this.#res.closed;
  }

  /** There is one listener at a time. That of the response stays, because removing a listener is slow. */
  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listener = listener;
    if (!this.#isListening) this.#res.on('close', () => this.#listener?.());
    this.#isListening = true;
  }

  removeEventListener(): void {
    this.#listener = undefined;
  }
}
