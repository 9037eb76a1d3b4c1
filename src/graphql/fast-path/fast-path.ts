import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLError } from 'graphql';
import type { GraphQLParams } from 'graphql-yoga';
import type { Caller, Context } from '../../context.ts';
import type { PublicError } from '../../errors/public-error.ts';
import { contentTypeFor } from '../../http/accept.ts';
import { responseHeaders } from '../../http/headers.ts';
import type { EndRequest, RequestRecord } from '../../telemetry/request-record.ts';
import type { ReadParams } from '../params.ts';
import type { ServerContext } from '../server-context.ts';
import type { CompiledOperations } from './compiled-operations.ts';

interface FastPathOptions {
  readonly operations: CompiledOperations;
  readonly contextOf: (caller: Caller) => Context;
  readonly readParams: ReadParams;
  /** Called before an answer is written. */
  readonly onAnswer: (record: RequestRecord, res: ServerResponse) => void;
  readonly onAnswered: EndRequest;
  /** The errors of an answer as a client sees them; undefined where they refuse the whole operation. */
  readonly publicErrors: (
    errors: readonly GraphQLError[],
    data: unknown,
    record: RequestRecord,
  ) => readonly PublicError[] | undefined;
}

/** Returns whether the request was taken. */
type FastPath = (
  req: IncomingMessage,
  res: ServerResponse,
  context: Pick<ServerContext, 'record' | 'identity'>,
  body: string,
) => Promise<boolean>;

/**
 * The detour for the commonest request of all: a JSON POST of an operation that was seen before, answered as JSON. Yoga's
 * pipeline decides nothing there that is not known in advance, and costs more than the read. It has no extension point in
 * front of its `Request` and `Response` objects, so this stands beside it, in this file alone: whatever is in the least
 * unusual goes to Yoga, and what is answered here is answered byte for byte as Yoga would (test/graphql/fast-path/fast-path.test.ts).
 */
export function createFastPath({
  operations,
  contextOf,
  readParams,
  onAnswer,
  onAnswered,
  publicErrors,
}: FastPathOptions): FastPath {
  return async (req, res, { record, identity }, body) => {
    const contentType = contentTypeFor(req.headers.accept);
    const params = contentType === undefined ? undefined : knownParams(body, readParams);
    if (params === undefined) return false;
    const operation = operations.find(params.query, params.operationName);
    if (operation === undefined) return false;
    let context: Context;
    try {
      context = contextOf(new Connection(req, res, record, identity));
    } catch {
      return false; // a header that says nothing: for Yoga to refuse
    }
    const execute = () => operation.query(undefined, context, params.variables ?? {});
    const { data, errors } = await (record.trace === undefined ? execute() : record.trace.operation(execute));
    if (data === undefined) return false; // the variables do not fit, nothing was read: for Yoga to refuse
    let answer: object = { data };
    let visible: readonly PublicError[] | undefined = [];
    if (errors !== undefined && errors.length > 0) {
      visible = publicErrors(errors as readonly GraphQLError[], data, record);
      if (visible === undefined) return false; // nothing was read: for Yoga to refuse
      answer = { errors: visible, data };
    }
    record.note(true, visible);
    onAnswer(record, res);
    const text = JSON.stringify(answer);
    const bytes = Buffer.byteLength(text);
    // Text that is ASCII alone leaves in one piece with its headers, without being encoded.
    res.writeHead(200, {
      'x-request-id': record.requestId,
      ...responseHeaders,
      'Content-Type': contentType,
      'content-length': bytes,
    });
    const isAnswered = !res.closed;
    res.end(text, bytes === text.length ? 'latin1' : 'utf8');
    onAnswered(record, 200, isAnswered);
    return true;
  };
}

interface KnownParams {
  readonly query: string;
  readonly operationName: string | undefined;
  readonly variables: Record<string, unknown> | undefined;
}

/** Undefined unless the body holds what GraphQL over HTTP names, in its plainest form. */
function knownParams(body: string, readParams: ReadParams): KnownParams | undefined {
  let params: GraphQLParams;
  try {
    params = readParams(body);
  } catch {
    return undefined;
  }
  let query: string | undefined;
  let operationName: string | undefined;
  let variables: Record<string, unknown> | undefined;
  for (const name in params) {
    const value: unknown = params[name as keyof typeof params];
    if (value === null) continue;
    if (name === 'query' && typeof value === 'string') query = value;
    else if (name === 'operationName' && typeof value === 'string' && value !== '') operationName = value;
    else if (name === 'variables' && typeof value === 'object' && !Array.isArray(value))
      variables = value as KnownParams['variables'];
    else return undefined;
  }
  return query === undefined ? undefined : { query, operationName, variables };
}

/** The caller at the other end of a Node request, and whether it is gone: the response closed before it was finished. */
class Connection implements Caller {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;

  readonly requestId: string;
  readonly chats: Caller['chats'];

  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    { requestId }: RequestRecord,
    { chats }: ServerContext['identity'],
  ) {
    this.requestId = requestId;
    this.chats = chats;
    this.#req = req;
    this.#res = res;
    res.setMaxListeners(0); // one for each read
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

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#res.on('close', listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#res.off('close', listener);
  }
}
