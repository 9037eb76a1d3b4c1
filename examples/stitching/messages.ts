import { buildHTTPExecutor } from '@graphql-tools/executor-http';
import { stitchingDirectives } from '@graphql-tools/stitching-directives';
import { buildSchema, parse } from 'graphql';

/** The caller's credential for the Linq gateway, and its Linq token, go along with every request; nothing else does. */
const readMessages = buildHTTPExecutor({
  endpoint: process.env['MESSAGES_URL'] ?? 'http://127.0.0.1:4000/graphql',
  method: 'POST', // subscriptions too: GET is their default, and writes ids into the log of every proxy on the way
  headers(operation) {
    const sent: Headers | undefined = operation?.context?.request.headers;
    const names = ['authorization', 'x-linq-integration-token'];
    return Object.fromEntries(names.flatMap((name) => (sent?.has(name) ? [[name, sent.get(name) ?? '']] : [])));
  },
});

// The Linq gateway says itself how its messages are merged; a closed one wants a credential for that too.
const headers = new Headers({ authorization: process.env['MESSAGES_AUTHORIZATION'] ?? '' });
const answer = await readMessages({ document: parse('{ _sdl }'), context: { request: { headers } } });
if (!('data' in answer) || !answer.data) throw new Error(`No schema of the messages: ${JSON.stringify(answer)}`);

/**
 * How its messages are merged, from its directives. The transformer reads these of this schema alone: one for all subschemas
 * (`subschemaConfigTransforms`) fails at a schema that uses `@key` in another way, such as Federation's `@key(fields:)`.
 */
const { stitchingDirectivesTransformer } = stitchingDirectives();
export const messages = stitchingDirectivesTransformer({
  schema: buildSchema(answer.data._sdl),
  executor: readMessages,
  batch: true,
});
