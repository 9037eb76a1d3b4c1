import { type ExecutionResult, GraphQLError } from 'graphql';
import { mapAsyncIterator, type Plugin } from 'graphql-yoga';
import type { FailureLog, RequestIds } from '../errors/failure-log.ts';
import { lightError } from '../errors/light-error.ts';
import { inOrder, type PublicErrorOptions, publicErrors, refusesAll } from '../errors/public-error.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import type { ServerContext } from './server-context.ts';
import type { Turns } from './turns.ts';

/** More errors are made public in a turn of their own. */
const fewErrors = 100;

/** The result as a client sees it. */
export function publicResult(
  result: ExecutionResult,
  ids: RequestIds,
  log: FailureLog,
  options: PublicErrorOptions,
): ExecutionResult {
  const toPublic = (errors: readonly GraphQLError[]) => publicErrors(errors, ids, log, options).map(lightError);
  const { errors = [], data } = result;
  if (errors.length === 0) return result;
  const refusing = errors.find(refusesAll);
  if (refusing !== undefined)
    return { errors: toPublic([new GraphQLError(refusing.message, { extensions: refusing.extensions })]) };
  return { ...result, errors: toPublic(inOrder(errors, data)) };
}

/** The result without what sets the status of its response. */
export function withoutHttp(result: ExecutionResult): ExecutionResult {
  if (!result.errors?.some(({ extensions }) => 'http' in extensions)) return result;
  const errors = result.errors.map((error) => {
    const { http: _http, ...extensions } = error.extensions;
    return lightError({ ...error, message: error.message, extensions });
  });
  return { ...result, errors };
}

/** Puts every error of every result through `publicErrors`, each result of a stream included. */
export function usePublicErrors(
  turns: Turns,
  log: FailureLog,
  options: PublicErrorOptions,
): Plugin<object, ServerContext> {
  const noted = (result: ExecutionResult, record: RequestRecord): ExecutionResult => {
    const shown = publicResult(result, record, log, options);
    record.note(shown.errors === undefined || Boolean(shown.data), shown.errors ?? []);
    return shown;
  };
  return {
    async onResultProcess({ result, setResult, serverContext: { record, lane } }) {
      const toPublic = (one: ExecutionResult) => noted(one, record);
      if (Array.isArray(result)) setResult(result.map(toPublic));
      else if (Symbol.asyncIterator in result) setResult(mapAsyncIterator(result, toPublic));
      else {
        if ((result.errors?.length ?? 0) > fewErrors) await turns.next(lane);
        setResult(toPublic(result));
      }
    },
  };
}
