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
  return new GraphQLError(
    `The operation has ${found} ${what}; the limit is ${limit} (${variable}). Ask for less at once.`,
    {
      extensions: { code: 'OPERATION_TOO_COSTLY' },
    },
  );
}

/** What to do about refusals that Yoga and graphql word, without saying it. */
const advice: readonly [words: RegExp, next: string][] = [
  [/^Must provide query string/, 'Send the document as "query", such as {"query":"{ __typename }"}.'],
  [
    /^Could not determine what operation/,
    'The document needs an operation; where it has several, send the name of one as "operationName".',
  ],
  [/^Unexpected parameter/, 'Send "query", "operationName", "variables" and "extensions" alone.'],
  [/^Batching is not supported/, 'Send one operation, which may ask for many messages.'],
  [/operation is not supported by the schema|^Can only perform a mutation/, 'Send a query: there is nothing else.'],
  [/^Syntax Error: /, 'Mend the document there.'],
  [/^Variable "\$\w+" of required type/, 'Send it in "variables".'],
  [/^GraphQL only supports GET and POST/, 'Send a POST.'],
  [/^GraphQL introspection has been disabled/, 'Ask who runs this gateway for its schema.'],
];

export function withAdvice(message: string): string {
  const next = advice.find(([words]) => words.test(message))?.[1];
  return next === undefined ? message : `${message} ${next}`;
}
