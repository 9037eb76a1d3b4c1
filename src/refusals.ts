/** What a client is told of its own mistake, thrown where the mistake is seen. The codes are those of errors.ts. */
import { GraphQLError } from 'graphql';

/** One field's argument does not fit; its siblings answer. */
export function badUserInput(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } });
}

/** The whole request is refused, with this HTTP status whatever was accepted. */
export function badRequest(message: string, status = 400): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', http: { status } } });
}

/** The whole operation is refused, before anything was asked of Linq. */
export function tooCostly(found: number, what: string, limit: number, variable: string): GraphQLError {
  return new GraphQLError(`The operation has ${found} ${what}; the limit is ${limit} (${variable}).`, {
    extensions: { code: 'OPERATION_TOO_COSTLY' },
  });
}
