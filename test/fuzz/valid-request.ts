import fc from 'fast-check';
import { framed, inPieces } from './framing.ts';
import { apiKey, type FuzzRequest, page, signatureOf } from './fuzz-request.ts';

/** Few messages, so that reads overlap; each token has texts of its own. */
const ids = fc.uniqueArray(fc.integer({ min: 10, max: 60 }), { minLength: 1, maxLength: 5 });
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const selection = '{ chatId id text sentFrom attachments { filename fileSize } }';

/** What the sandbox has, as docs/explore.md describes it. */
const messageOf = (id: number, token: string) => ({
  chatId: '2',
  id: `${id}`,
  text: `${id % 11 === 0 ? '' : `Message ${id} of the sandbox`}${signatureOf(token)}`,
  sentFrom: `+1555${`${id}`.padStart(7, '0')}`,
  attachments: id % 11 === 0 ? [{ filename: `document-${id}.pdf`, fileSize: 1_000 + id }] : [],
});

interface Operation {
  readonly query: string;
  readonly variables?: object;
}

const aliased = (numbers: readonly number[], idOf: (id: number) => unknown) =>
  numbers.map((id) => `m${id}: chatMessage(chatId: 2, id: ${idOf(id)}) ${selection}`).join(' ');

const forms: readonly ((numbers: readonly number[]) => Operation)[] = [
  (numbers) => ({ query: `{ ${aliased(numbers, (id) => id)} }` }),
  (numbers) => ({
    query: `query (${numbers.map((id) => `$v${id}: ID!`)}) { ${aliased(numbers, (id) => `$v${id}`)} }`,
    variables: Object.fromEntries(numbers.map((id) => [`v${id}`, `${id}`])),
  }),
  (numbers) => ({
    query: `query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) ${selection} }`,
    variables: { keys: numbers.map((id) => ({ chatId: 2, id: id % 2 ? id : `${id}` })) },
  }),
];

/** Requests that are valid, each with the response that it must have. `own` is the gateway's token, used without one of the caller. */
export function validRequest(own: string, callers: readonly string[]): fc.Arbitrary<Omit<FuzzRequest, 'index'>> {
  return fc
    .record({
      numbers: ids,
      form: fc.constantFrom(...forms),
      token: fc.constantFrom(own, ...callers),
      host: fc.constantFrom('localhost', '127.0.0.1:4000', 'gateway.example', '[::1]'),
      scheme: fc.constantFrom('Bearer ', 'bearer ', 'BEARER  '),
      accept: optional(
        fc.constantFrom('application/json', '*/*', 'application/graphql-response+json', 'text/x, application/*;q=0.1'),
      ),
      timeout: optional(fc.constantFrom('60000', '3500', '999999999999999')),
      requestId: optional(fc.nat().map((id) => `valid.${id}_x-`)),
      origin: optional(fc.constant(page)),
      isGet: fc.boolean(),
      type: fc.constantFrom('application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON ;x=y'),
      frame: optional(framed),
    })
    .map(({ numbers, form, token, host, scheme, accept, timeout, requestId, origin, isGet, type, frame }) => {
      const { query, variables } = form(numbers);
      const read = numbers.map((id) => messageOf(id, token));
      const expected = query.includes('ByKeys')
        ? { chatMessagesByKeys: read }
        : Object.fromEntries(read.map((message) => [`m${message.id}`, message]));
      const params = new URLSearchParams({ query, ...(variables && { variables: JSON.stringify(variables) }) });
      const method = isGet ? 'GET' : 'POST';
      const path = isGet ? `/graphql?${params}` : '/graphql';
      const body = isGet ? undefined : Buffer.from(JSON.stringify({ query, variables }));
      const headers = [
        `Host: ${host}`,
        `Authorization: ${scheme}${apiKey}`,
        ...(token === own ? [] : [`X-LINQ-INTEGRATION-TOKEN: ${token}`]),
        ...(accept ? [`Accept: ${accept}`] : []),
        ...(timeout ? [`X-Request-Timeout-Ms: ${timeout}`] : []),
        ...(requestId ? [`X-Request-Id: ${requestId}`] : []),
        ...(origin ? [`Origin: ${origin}`] : []),
        ...(isGet ? [] : [`Content-Type: ${type}`]),
      ];
      const message = { method, path, headers, body };
      return {
        ...message,
        token: undefined,
        pieces: frame && inPieces(message, frame),
        disconnectsAfter: undefined,
        isWellFormed: true,
        isEndless: false,
        mayRead: true,
        requestId,
        expected,
      };
    });
}
