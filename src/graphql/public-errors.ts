import { type ExecutionResult, GraphQLError } from 'graphql';
import { mapAsyncIterator, type Plugin } from 'graphql-yoga';
import type { FailureLog } from '../errors/failure-log.ts';
import { inOrder, type PublicErrorOptions, publicError, refusesAll } from '../errors/public-error.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import type { ServerContext } from './server-context.ts';

/** Puts every error of every result through `publicError`, each result of a stream included. */
export function usePublicErrors(log: FailureLog, options: PublicErrorOptions): Plugin<object, ServerContext> {
  const publicResult = (result: ExecutionResult, record: RequestRecord): ExecutionResult => {
    const toPublic = (error: GraphQLError) => {
      const { message, extensions } = publicError(error, record, log, options);
      const { nodes, source, positions, path } = error;
      return new GraphQLError(message, { nodes, source, positions, path, extensions });
    };
    const { errors = [], data } = result;
    if (errors.length === 0) {
      record.note(true, []);
      return result;
    }
    const refusing = errors.find(refusesAll);
    if (refusing !== undefined) {
      const refused = [toPublic(new GraphQLError(refusing.message, { extensions: refusing.extensions }))];
      record.note(false, refused);
      return { errors: refused };
    }
    const shown = inOrder(errors, data).map(toPublic);
    record.note(Boolean(data), shown);
    return { ...result, errors: shown };
  };
  return {
    onResultProcess({ result, setResult, serverContext: { record } }) {
      const toPublic = (one: ExecutionResult) => publicResult(one, record);
      if (Array.isArray(result)) setResult(result.map(toPublic));
      else if (Symbol.asyncIterator in result) setResult(mapAsyncIterator(result, toPublic));
      else setResult(toPublic(result));
    },
  };
}
