import { type ExecutionResult, GraphQLError } from 'graphql';
import { mapAsyncIterator, type Plugin } from 'graphql-yoga';
import type { FailureLog, RequestIds } from '../errors/failure-log.ts';
import { inOrder, type PublicErrorOptions, publicError, refusesAll } from '../errors/public-error.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import type { ServerContext } from './server-context.ts';

/** The result as a client sees it. */
export function publicResult(
  result: ExecutionResult,
  ids: RequestIds,
  log: FailureLog,
  options: PublicErrorOptions,
): ExecutionResult {
  const toPublic = (error: GraphQLError) => {
    const { message, extensions } = publicError(error, ids, log, options);
    const { nodes, source, positions, path } = error;
    return new GraphQLError(message, { nodes, source, positions, path, extensions });
  };
  const { errors = [], data } = result;
  if (errors.length === 0) return result;
  const refusing = errors.find(refusesAll);
  if (refusing !== undefined)
    return { errors: [toPublic(new GraphQLError(refusing.message, { extensions: refusing.extensions }))] };
  return { ...result, errors: inOrder(errors, data).map(toPublic) };
}

/** Puts every error of every result through `publicError`, each result of a stream included. */
export function usePublicErrors(log: FailureLog, options: PublicErrorOptions): Plugin<object, ServerContext> {
  const noted = (result: ExecutionResult, record: RequestRecord): ExecutionResult => {
    const shown = publicResult(result, record, log, options);
    record.note(shown.errors === undefined || Boolean(shown.data), shown.errors ?? []);
    return shown;
  };
  return {
    onResultProcess({ result, setResult, serverContext: { record } }) {
      const toPublic = (one: ExecutionResult) => noted(one, record);
      if (Array.isArray(result)) setResult(result.map(toPublic));
      else if (Symbol.asyncIterator in result) setResult(mapAsyncIterator(result, toPublic));
      else setResult(toPublic(result));
    },
  };
}
