import fc from 'fast-check';
import { webhook, signatureOf as webhookSignature } from '../support/webhooks.ts';
import { type Message, malformed, wellFramed } from './framing.ts';
import {
  apiKey,
  type Headers,
  type Lines,
  mostly,
  oddHeader,
  someOddHeaders,
  validHeaders,
  words,
  wrongCredentials,
} from './headers.ts';
import { mutated } from './hostile-text.ts';
import { randomBody, randomSubscription, validOperation } from './operation.ts';

/** One request: what is sent, and what its response must be. */
export interface FuzzRequest extends Message {
  readonly pieces: readonly Buffer[];
  /** The client disconnects after this many pieces. */
  readonly leavesAfter: number | undefined;
  /** Whether Node passes it to the gateway, which then must respond. */
  readonly isWellFormed: boolean;
  /** Whether its body never ends. Then nothing may be read for it. */
  readonly isEndless: boolean;
  /** The token of Linq that no other request has. A refused request must read nothing with it. */
  readonly token: string | undefined;
  /** Whether its credential may be valid. */
  readonly mayRead: boolean;
  /** The `x-request-id` that the response must have, if the request has a valid one. */
  readonly requestId: string | undefined;
  /** The statuses that the response to a well-formed request may have. */
  readonly statuses: readonly number[] | undefined;
  /** The `data` that the response to a valid request must have. */
  readonly data: unknown;
}

/** A request but for its framing and the headers that all kinds have. */
interface Content extends Omit<Message, 'headers'>, Pick<FuzzRequest, 'token' | 'statuses' | 'data'> {
  readonly lines: Lines;
}

export const ownToken = 'fuzz-linq-token-of-the-gateway';
const tokenName = 'X-LINQ-INTEGRATION-TOKEN';
const signatureName = 'X-Webhook-Signature';

const oddPaths = [
  ...words('/graphql/ //graphql /%67raphql /graphql%00 /graphql;a=b /./graphql /x/../graphql /GRAPHQL /graphql#f'),
  ...words('/graphql? /graphql?# /graphql?query /graphql??query={__typename} /graphql?query={__typename}'),
  ...words('/graphql?query=% /graphql?query=%ff%fe /graphql?query=[]&query[]=x /graphql?\xff /é / /.. /%2e%2e/graphql'),
  ...words('/graphql/../metrics /metrics /metrics?x /metrics/ /livez /livez?x=1 /livez/x /readyz /health /favicon.ico'),
  ...words('http://localhost/graphql http://evil.example/graphql //evil.example/graphql /\\evil.example * graphql'),
  ...['', `/${'x'.repeat(9_000)}`, `/${'x'.repeat(20_000)}`, `/graphql?${'a=b&'.repeat(3_000)}`, '/webhooks/linq'],
];
const oddMethods = words('HEAD PUT DELETE PATCH OPTIONS OPTIONS TRACE QUERY PROPFIND PURGE CONNECT get NOPE');
const unset = fc.constant(undefined);
const oneIn = (times: number) => mostly(fc.constant(false), fc.constant(true), times);

/** The body of a POST request, or the same as the query of a GET request. */
const messageOf = (isGet: boolean, query: string, body: Buffer) =>
  isGet ? { method: 'GET', path: `/graphql?${query}`, body: undefined } : { method: 'POST', path: '/graphql', body };

const ofItsOwn = fc.noBias(fc.uuid()).map((token) => ({ token, lines: [`${tokenName}: ${token}`] }));
const oddToken = oddHeader(tokenName, { valid: ['a'], odd: ['b', '\x80\xff'] });

const validContent = fc
  .tuple(validOperation, fc.boolean(), fc.constantFrom(ownToken, 'fuzz-linq-token-of-a-caller'))
  .map(([{ params, data }, isGet, token]): Content => {
    const body = JSON.stringify(params);
    const lines = token === ownToken ? [] : [`${tokenName}: ${token}`];
    const message = messageOf(isGet, queryOf(body), Buffer.from(body));
    return { ...message, lines, token: undefined, statuses: [200], data: data(token) };
  });
const refusedContent = fc
  .tuple(validContent, ofItsOwn)
  .map(([content, own]): Content => ({ ...content, ...own, statuses: [401], data: undefined }));

function randomContent(texts: fc.Arbitrary<string>, more: Lines = []): fc.Arbitrary<Content> {
  const bytes = texts.map((text) => Buffer.from(text).toString('latin1'));
  const query = texts.map(queryOf);
  return fc
    .record({
      body: mostly(bytes, mutated(bytes), 25).map((text) => Buffer.from(text, 'latin1')),
      query: mostly(query, mutated(query)),
      ...{ isGet: oneIn(4), hasBoth: oneIn(25) },
      oddMethod: mostly<string | undefined>(unset, fc.constantFrom(...oddMethods), 25),
      oddPath: mostly<string | undefined>(unset, fc.constantFrom(...oddPaths), 13),
      own: mostly<Pick<Content, 'token' | 'lines'>>(
        ofItsOwn,
        oddToken.map((lines) => ({ token: undefined, lines })),
        17,
      ),
    })
    .map(({ body, query, isGet, hasBoth, oddMethod, oddPath, own }) => {
      const usual = messageOf(isGet, query, body);
      return {
        method: oddMethod ?? usual.method,
        path: oddPath ?? (hasBoth ? `/graphql?${query}` : usual.path),
        body: hasBoth ? body : usual.body,
        ...{ token: own.token, lines: [...own.lines, ...more], statuses: undefined, data: undefined },
      };
    });
}

/**
 * Signed, or forged for the chat that has a subscriber. The time of their events is the only thing that a seed does not determine.
 */
const webhookContent = fc.tuple(fc.boolean(), fc.boolean(), fc.nat(90_000)).chain(([isForged, isMutated, id]) => {
  const event = webhook({}, isForged ? { chat_id: '2', id: 900_000 + id } : { chat_id: '3', id: 1 + id });
  const text = fc.constant(JSON.stringify(event));
  return (isMutated ? mutated(text) : text).chain((body) => {
    const right = webhookSignature(body);
    const wrong = { valid: [''], odd: [webhookSignature(body, apiKey), right.slice(7), `${right}, ${right}`] };
    const signature = isForged ? oddHeader(signatureName, wrong) : fc.constant([`${signatureName}: ${right}`]);
    const message = { method: 'POST', path: '/webhooks/linq', body: Buffer.from(body) };
    const statuses = isForged ? [401, 429] : isMutated ? [200, 400, 429] : [200, 429];
    return signature.map((lines): Content => ({ ...message, lines, token: undefined, statuses, data: undefined }));
  });
});

export const validRequest = requestOf(validContent, validHeaders);

/**
 * Requests of one connection, sent at once or one after another. Only the last may be malformed; of those sent at once with it none
 * need have a response, since Node closes the connection.
 */
export function connections(seed: number) {
  const request = fc.oneof(
    { weight: 15, arbitrary: validRequest },
    { weight: 3, arbitrary: requestOf(refusedContent, wrongCredentials) },
    { weight: 2, arbitrary: requestOf(webhookContent, validHeaders) },
    { weight: 5, arbitrary: randomRequestOf(randomContent(randomSubscription, ['Accept: text/event-stream'])) },
    { weight: 80, arbitrary: randomRequestOf(randomContent(randomBody(seed))) },
  );
  const requests = fc.oneof(fc.tuple(request), fc.array(request, { minLength: 2, maxLength: 6 }));
  return fc.tuple(requests, fc.boolean()).map(([all, atOnce]) => {
    const malformedAt = all.findIndex(({ isWellFormed }) => !isWellFormed);
    const sent = malformedAt === -1 ? all : all.slice(0, malformedAt + 1);
    // Node writes `100 Continue` after the head of a pipelined response.
    const isPipelined = atOnce && !sent.some(({ headers }) => headers.some((line) => /^expect:/i.test(line)));
    const isLost = isPipelined && malformedAt !== -1;
    return { requests: isLost ? sent.map((one) => ({ ...one, isWellFormed: false })) : sent, isPipelined };
  });
}

function randomRequestOf(content: fc.Arbitrary<Content>): fc.Arbitrary<FuzzRequest> {
  const framing = (message: Message) => mostly(wellFramed(message), malformed(message), 14);
  return requestOf(content, someOddHeaders, framing, mostly<number | undefined>(unset, fc.nat(20), 50));
}

function requestOf(
  contents: fc.Arbitrary<Content>,
  heads: fc.Arbitrary<Headers>,
  framing = wellFramed,
  leaving: fc.Arbitrary<number | undefined> = unset,
): fc.Arbitrary<FuzzRequest> {
  return fc.tuple(contents, heads, leaving).chain(([{ lines, ...content }, head, leavesAfter]) => {
    const { 'Content-Type': type = [], ...others } = head;
    const isValidGet = content.data !== undefined && content.method === 'GET';
    const headers = [...Object.values(others), isValidGet ? [] : type, lines].flat();
    const message = { ...content, headers };
    return framing(message).map((framed) => ({
      ...{ ...message, ...framed, leavesAfter },
      isWellFormed: framed.isWellFormed && isPlain(message) && leavesAfter === undefined,
      mayRead: new RegExp(`: bearer +${apiKey}$`, 'i').test(head['Authorization']?.[0] ?? ''),
      requestId: /: (valid.*)/.exec(head['X-Request-Id']?.[0] ?? '')?.[1],
    }));
  });
}

/** Whether Node passes a request with this path and these headers to the gateway. */
function isPlain({ method, path, headers }: Message): boolean {
  return (
    /^\/[!-~]*$/.test(path) &&
    /^(GET|POST|PUT|DELETE|PATCH)$/.test(method) &&
    headers.every((line) => /^[\w-]+: [ -~]*$/.test(line) && !/^(connection|expect|upgrade|te|trailer):/i.test(line)) &&
    `${path}${headers}`.length < 12_000
  );
}

function queryOf(body: string): string {
  let params: unknown;
  try {
    params = JSON.parse(body);
  } catch {}
  const members = typeof params === 'object' && params !== null ? Object.entries(params) : [['query', body]];
  const texts = members.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
  return `${new URLSearchParams(texts)}`;
}
