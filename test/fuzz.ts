/**
 * `npm run fuzz [seconds] [seed]`: sends malformed and hostile requests for a minute, mixed with valid ones whose responses are
 * checked. The seed determines every request. Fails on a 5xx other than 503, an error without code or request id, a request to
 * Linq on behalf of a refused request, a wrong or missing response, a crash, and on sockets, timers or memory that remain. Then
 * runs the comparison with graphql-js (test/graphql/fast-path) on more operations than `npm test` does, with the same seed.
 */
import { spawnSync } from 'node:child_process';
import { Agent, createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { pino } from 'pino';
import { readConfig } from '../src/config.ts';
import { errorCodes } from '../src/errors/codes.ts';
import { createGateway } from '../src/gateway.ts';
import { type SandboxCall, startSandbox } from '../src/sandbox/sandbox.ts';
import { close, listen } from './support/gateway.ts';

const seconds = Number(process.argv[2] ?? 60);
const seed = Number(process.argv[3] ?? 20_260_101);
/** One-time allocations happen in this time, before the baseline is measured. */
const warmUpSeconds = 10;
const callers = 24;
/** Requests that are compared with graphql-js, for each second of fuzzing. */
const comparisonsPerSecond = 200;
/** A well-formed request without a response after this time counts as unanswered. */
const responseTimeoutMs = 15_000;
/** Short, because a malformed request may get no response. */
const malformedTimeoutMs = 100;
/** Allows for the caches of documents and compiled operations. */
const maxHeapGrowthMB = 40;

const apiKey = 'fuzz-key-of-the-gateway';
const greedyKey = 'fuzz-key-of-a-greedy-caller';
/** More than all other requests together need. */
const callerReadsPerSecond = 1_200;
/** At once, of a hundred reads each. */
const overloadOperations = 100;
const ownToken = 'fuzz-linq-token-of-the-gateway';
const callerToken = 'fuzz-linq-token-of-a-caller';
const page = 'https://app.example.com';
const signatures = new Map([
  [ownToken, ' for the gateway'],
  [callerToken, ' for the caller'],
]);

/** All of these are valid. */
const credentials = [`Bearer ${apiKey}`, `bearer ${apiKey}`, `BEARER  ${apiKey}`];

/** One request: what is sent, and what its response must be. */
interface FuzzRequest {
  readonly index: number;
  method: string;
  path: string;
  /** `Name: value`. */
  headers: string[];
  body: Buffer | undefined;
  /** The messages that it reads. No other request reads them. */
  readonly ids: Ids;
  /** Whether it is sent as bytes on its own socket, or through `node:http`. */
  raw: boolean;
  /** Whether Node passes it to the gateway, which then must respond. */
  wellFormed: boolean;
  /** Whether its body never ends. Then no message may be read for it. */
  endless: boolean;
  /** Whether its credential may be valid. */
  mayRead: boolean;
  /** The bytes of a raw request, in the chunks in which they are written. */
  pieces: Buffer[];
  /** The caller disconnects after this many pieces. */
  disconnectsAfter: number | undefined;
  /** The `x-request-id` that the response must have, if the request has a valid one. */
  requestId: string | undefined;
  /** The `data` that the response to a valid request must have. */
  expected: unknown;
}

interface FuzzResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** The only random number generator (mulberry32). Each request has its own, so that requests do not depend on timing. */
class Random {
  #state: number;

  constructor(...seeds: number[]) {
    this.#state = 0x2545f491;
    for (const part of seeds) this.#state = Math.imul(this.#state ^ part, 0x9e3779b1) ^ (this.#state >>> 15);
  }

  /** At least 0 and less than 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** Picks a choice with a probability proportional to its weight. */
  weighted<T>(...choices: readonly (readonly [weight: number, make: () => T])[]): T {
    let left = this.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
    const chosen = choices.find(([weight]) => {
      left -= weight;
      return left < 0;
    });
    return (chosen ?? choices[0])?.[1]() as T;
  }

  list<T>(length: number, make: (index: number) => T): T[] {
    return Array.from({ length }, (_, index) => make(index));
  }

  text(length: number): string {
    return this.list(length, () => this.pick(alphabet)).join('');
  }

  bytes(length: number): Buffer {
    return Buffer.from(this.list(length, () => this.below(256)));
  }
}

function words(text: string): string[] {
  return text.split(' ');
}

const alphabet = [
  ...'abcXYZ_059 \t\n"\\{}[]():,.!$@&|=#-+/%\'`~^<>?;*é🏃',
  '\u0000',
  '\u007f',
  '\u2028',
  '\ud800',
  '\ufeff',
];

// While a request is built, its n-th id is represented by the n-th character of the Unicode private use area. In the end each
// placeholder, whatever a mutation did to the text around it, is replaced by an id that no other request uses. All ids have six
// digits, so that adding or removing a digit does not produce another one.
const firstId = 100_001;
const lastId = 999_999;
const placeholders = /[\ue000-\ue3ff]/g;
let nextId = firstId;
/** The state of each id, and the index of the request that it belongs to. */
const states = new Uint8Array(lastId + 1);
const owners = new Uint32Array(lastId + 1);
const unread = 0;
const sentToLinq = 1;
const refused = 2;

function placeholder(index: number): string {
  return String.fromCharCode(0xe000 + index);
}

/** Replaces placeholders with ids. */
class Ids {
  readonly #owner: number;
  readonly #ids = new Map<string, number>();

  constructor(owner: number) {
    this.#owner = owner;
  }

  fill(text: string): string {
    return text.replace(placeholders, (match) => {
      let id = this.#ids.get(match);
      if (id === undefined) {
        id = nextId;
        nextId = id === lastId ? firstId : id + 1;
        this.#ids.set(match, id);
        states[id] = unread;
        owners[id] = this.#owner;
      }
      return `${id}`;
    });
  }

  all(): number[] {
    return [...this.#ids.values()];
  }
}

// ---- Documents

const scalarsOf: Record<string, readonly string[]> = {
  ChatMessage: 'chatId id text sentAt deliveredAt deliveryStatus editedAt isRead sentFrom chatHandleId'.split(' '),
  Attachment: 'id url filename mimeType fileSize'.split(' '),
  Reaction: 'id chatMessageId reaction isFromMe fromPhone sentAt createdAt updatedAt'.split(' '),
};
const junkValues = [
  ...words('null true -1 0 1.5 1e3 007 9223372036854775808 "" "５" [2] [[5]] {id:5} ENUM """5""" $undeclared .5 1_0 "'),
  ...['" 5"', '"\\u0000"', '"\\ud800"', '1'.repeat(400)],
];
const junkChats = words('401 403 404 600 601 602 1 3 9223372036854775807 "2" -2 0 "x" null');
/** Reads of these chats are slow or fail for every caller. Rare, so that the breaker stays closed. */
const harmfulChats = words('429 4290 500 502 504 598 599 603');
const junkFields = ['nope', 'text { id }', 'id(x: 1)', 'attachments', '...Nope', '...on Nope { id }', '__schema'];
const junkRootFields = ['nope', 'chatMessage', 'chatMessage(id: 5) { id }', 'chatMessagesByKeys(keys: []) { id }'];
const harmlessDirectives = ['@include(if: true)', '@skip(if: false)'];
const directives = [...harmlessDirectives, '@skip(if: $yes)', '@include(if: $no)', '@include', '@nope'];
const junkTypes = [
  'ID',
  'Int!',
  'String!',
  '[ID!]!',
  'ChatMessageKey!',
  'Nope',
  'ChatMessage',
  'Float = 1',
  'ID! = null',
];

/** The state while a document is generated. Ids are placeholders in the text, or only variables if the text is sent repeatedly. */
interface Draft {
  readonly random: Random;
  readonly onlyVariables: boolean;
  ids: number;
  variables: number;
  fragments: string[];
}

function randomSelection(draft: Draft, type: string, depth = 0): string {
  const { random } = draft;
  const scalars = scalarsOf[type] ?? [];
  const fields = random.list(1 + random.below(5), () =>
    random.weighted(
      [30, () => random.pick(scalars)],
      [2, () => `a${random.below(30)}: ${random.pick(scalars)}`],
      [2, () => '__typename'],
      [2, () => `${random.pick(scalars)} ${random.pick(harmlessDirectives)}`],
      [0.2, () => `${random.pick(scalars)} ${random.pick(directives)}`],
      [0.1, () => random.pick(junkFields)],
      [2, () => (depth < 3 ? `... on ${type} ${randomSelection(draft, type, depth + 1)}` : 'id')],
      [
        1,
        () => {
          const name = `F${draft.fragments.length}`;
          draft.fragments.push('');
          draft.fragments[Number(name.slice(1))] =
            `fragment ${name} on ${type} ${depth < 3 ? randomSelection(draft, type, depth + 1) : '{ id }'}`;
          return `...${name}`;
        },
      ],
      [type === 'ChatMessage' ? 3 : 0, () => `attachments ${randomSelection(draft, 'Attachment', depth + 1)}`],
      [type === 'ChatMessage' ? 3 : 0, () => `reactions ${randomSelection(draft, 'Reaction', depth + 1)}`],
    ),
  );
  return `{ ${fields.join(' ')} }`;
}

function randomId(draft: Draft): string {
  const { random, onlyVariables } = draft;
  return random.weighted(
    [onlyVariables ? 0 : 20, () => placeholder(draft.ids++)],
    [onlyVariables ? 0 : 5, () => `"${placeholder(draft.ids++)}"`],
    [10, () => `$i${draft.variables++}`],
    [0.4, () => random.pick(junkValues)],
  );
}

function randomChat({ random }: Draft): string {
  return random.weighted(
    [40, () => '2'],
    [3, () => '$chat'],
    [2, () => random.pick(junkChats)],
    [0.3, () => random.pick(harmfulChats)],
  );
}

function randomRootField(draft: Draft, index: number): string {
  const { random } = draft;
  const field = random.weighted(
    [
      20,
      () =>
        `chatMessage(chatId: ${randomChat(draft)}, id: ${randomId(draft)}) ${randomSelection(draft, 'ChatMessage')}`,
    ],
    [
      6,
      () => {
        const keys = random.list(random.below(6), () => `{ chatId: ${randomChat(draft)}, id: ${randomId(draft)} }`);
        return `chatMessagesByKeys(keys: [${keys.join(' ')}]) ${randomSelection(draft, 'ChatMessage')}`;
      },
    ],
    [2, () => `chatMessagesByKeys(keys: $keys) ${randomSelection(draft, 'ChatMessage')}`],
    [
      1,
      () => {
        const key = `__typename: "ChatMessage", chatId: ${randomChat(draft)}, id: ${randomId(draft)}`;
        return `_entities(representations: [{ ${key} }]) { ... on ChatMessage ${randomSelection(draft, 'ChatMessage')} }`;
      },
    ],
    [1, () => random.pick(['__typename', '_sdl', '_service { sdl }', '__type(name: "Query") { name }'])],
    [0.3, () => '__schema { types { name fields { name type { name ofType { name } } } } }'],
    [0.2, () => random.pick(junkRootFields)],
  );
  return random.is(0.9) ? `f${index}: ${field}` : field;
}

const declarable = [
  '$chat: ID! = 2',
  '$keys: [ChatMessageKey!]! = []',
  '$yes: Boolean! = true',
  '$no: Boolean = false',
];

/** A mostly valid document. */
function randomDocument(draft: Draft): string {
  const { random } = draft;
  const fields = random.list(1 + random.below(4), (index) => randomRootField(draft, index)).join('\n');
  const body = [fields, ...draft.fragments].join('\n');
  const declared = [
    ...draft.random.list(draft.variables, (index) => `$i${index}: ${random.is(0.99) ? 'ID!' : random.pick(junkTypes)}`),
    ...declarable.filter((declaration) => random.is(0.005) || body.includes(declaration.split(':', 1)[0] as string)),
  ];
  const head = declared.length > 0 ? `query Main(${declared.join(', ')})` : random.pick(['', 'query', 'query Main']);
  const other = head.includes('Main') && random.is(0.1) ? 'query Other { __typename }' : '';
  return `${head} { ${fields} } ${draft.fragments.join('\n')} ${other}`;
}

/** A document that an attacker could write. */
function hostileDocument(draft: Draft): string {
  const { random } = draft;
  const many = random.pick([20, 100, 101, 130, 201, 900]);
  const deep = random.pick([5, 11, 100, 1_999, 3_000, 20_000]);
  const message = (index: number) => `m${index}: chatMessage(chatId: 2, id: ${placeholder(draft.ids++)})`;
  return random.pick<() => string>([
    () => `{ ${random.list(Math.min(many, 300), (index) => `${message(index)} { id }`).join(' ')} }`,
    () =>
      `{ chatMessagesByKeys(keys: [${random.list(Math.min(many, 300), () => `{chatId:2,id:${placeholder(draft.ids++)}}`)}]) { id } }`,
    () => `{ ${message(0)} { ${random.list(many, (index) => `a${index}: text`).join(' ')} } }`,
    () => `{ ${message(0)} { ${'text '.repeat(many * 5)} } }`,
    () => `{ ${message(0)} { text ${'@include(if: true) '.repeat(many)} } }`,
    () => `{ ${message(0)} ${'{ attachments '.repeat(deep)} { id } ${'}'.repeat(deep)} }`,
    () => `{ ${message(0)} ${'{ ... on ChatMessage '.repeat(deep)} { id } ${'}'.repeat(deep)} }`,
    () => '{'.repeat(deep),
    () => `{ chatMessage(chatId: 2, id: ${'['.repeat(deep)}${placeholder(0)}${']'.repeat(deep)}) { id } }`,
    () => `query ($v: ${'['.repeat(deep)}ID${']'.repeat(deep)}) { ${message(0)} { id } }`,
    () => `{ ${message(0)} { ...A } } fragment A on ChatMessage { id ...A }`,
    () =>
      `{ ${message(0)} { ...A } } fragment A on ChatMessage { ...B } fragment B on ChatMessage { ... { ...A } text }`,
    () => `{ ...Q } fragment Q on Query { ${message(0)} { id } ...Q }`,
    () => {
      const levels = random.pick([3, 8, 25]);
      const fragments = random.list(
        levels,
        (level) => `fragment B${level} on Query { x: ...B${level + 1} ...B${level + 1} }`,
      );
      const text = `{ ...B0 } ${fragments.join(' ')} fragment B${levels} on Query { ${message(0)} { id } }`;
      return random.is(0.2) ? text : text.replaceAll('x: ', '');
    },
    () => {
      const levels = random.pick([3, 8, 25]);
      const fragments = random.list(
        levels,
        (level) => `fragment B${level} on ChatMessage { ...B${level + 1} a${level}: text ...B${level + 1} }`,
      );
      return `{ ${message(0)} { ...B0 } } ${fragments.join(' ')} fragment B${levels} on ChatMessage { z: id }`;
    },
    () => `{ ${message(0)} { x: id x: text } }`,
    () => random.list(many, (index) => `query Q${index} { ${message(0)} { id } }`).join(' '),
    () => `query Main { ${message(0)} { id } } query Main { ${message(1)} { id } }`,
    () => `mutation { ${message(0)} { id } }`,
    () => `subscription { ${message(0)} { id } }`,
    () => `type Query { x: Int } { ${message(0)} { id } }`,
    () => `{ ${message(0)} { ... @defer { id } } }`,
    () => `query ($a: ID! = "${'x'.repeat(many * 50)}") { chatMessage(chatId: 2, id: $a) { id } ${message(0)} { id } }`,
    () => `{ ${message(0)} { id } } #${'x'.repeat(many * 50)}`,
    () => `${','.repeat(many * 50)}\ufeff{ ${message(0)} { id } }`,
    () =>
      `{ __schema ${'{ types { fields { type '.repeat(Math.min(deep, 300))} { name } ${'} } }'.repeat(Math.min(deep, 300))} }`,
    () =>
      `{ __type(name: "Query") ${'{ ofType '.repeat(Math.min(deep, 100))} { name } ${'}'.repeat(Math.min(deep, 100))} }`,
    () => `{ ${message(0)} { id } `,
    () => random.text(random.below(200)),
    () => '',
  ])();
}

/** Makes a few random edits: deletions, insertions, repetitions. */
function mutated(random: Random, text: string): string {
  let result = text;
  for (let edits = 1 + random.below(3); edits > 0; edits--) {
    const at = random.below(result.length + 1);
    const end = at + random.below(random.pick([2, 2, 10, 60]));
    const slice = result.slice(at, end);
    const elsewhere = random.below(result.length + 1);
    result = random.pick([
      () => result.slice(0, at) + result.slice(end),
      () => result.slice(0, at) + random.text(1 + random.below(3)) + result.slice(at),
      () => result.slice(0, elsewhere) + slice + result.slice(elsewhere),
      () => result.slice(0, at) + slice.repeat(3) + result.slice(end),
      () => result.slice(0, at) + random.pick([...junkValues, ...directives]) + result.slice(end),
    ])();
  }
  return result;
}

// ---- Parameters and bodies

/** The number of documents that are sent repeatedly. */
const knownDocuments = 200;

interface Params {
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

function randomParams(random: Random): Params {
  const isKnown = random.is(0.3);
  const own = isKnown ? new Random(seed, 1, random.below(knownDocuments)) : random;
  const draft: Draft = { random: own, onlyVariables: isKnown, ids: 0, variables: 0, fragments: [] };
  let query = isKnown || random.is(0.75) ? randomDocument(draft) : hostileDocument(draft);
  if (!isKnown && random.is(0.25)) query = mutated(random, query);
  const variables: Record<string, unknown> = {};
  const value = () =>
    random.weighted<unknown>(
      [40, () => placeholder(draft.ids++)],
      [1, () => random.pick(junkVariables)],
      [1, () => undefined],
    );
  for (let index = 0; index < draft.variables; index++) variables[`i${index}`] = value();
  if (random.is(0.1)) variables['chat'] = random.pick<unknown>([2, '2', 404, '601', null, [2], {}]);
  if (query.includes('$keys')) {
    const key = () => (random.is(0.95) ? { chatId: 2, id: value() } : random.pick(junkVariables));
    const length = random.weighted([30, () => random.below(5)], [1, () => 101]);
    variables['keys'] = random.is(0.95) ? random.list(length, key) : random.pick(junkVariables);
  }
  if (random.is(0.05))
    variables[random.pick(['yes', 'no', 'more', '__proto__', 'constructor'])] = random.pick(junkVariables);
  return { query, variables };
}

const junkVariables: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e300,
    2 ** 53,
    '',
    ' ',
    '5 ',
    '007',
    '５',
    '9223372036854775808',
    '\u0000',
    '\ud800',
  ],
  ...[[], {}, [5], [[5]], [null], { id: 5 }, { chatId: 2 }, { toString: 1 }, 'x'.repeat(3_000)],
];

/** Serializes to JSON, with some ids as numbers. */
function asJson(random: Random, params: object): string {
  const text = JSON.stringify(params);
  return random.is(0.5) ? text : text.replace(/"([\ue000-\ue3ff])"/g, '$1');
}

function randomBody(random: Random, ids: Ids): Buffer {
  const extra = random.weighted<object>(
    [20, () => ({})],
    [2, () => ({ operationName: random.pick<unknown>(['Main', 'Other', '', null, 7, [], 'Nope', 'x'.repeat(2_000)]) })],
    [
      1,
      () => ({
        extensions: random.pick<unknown>([{}, null, 7, [], { persistedQuery: { version: 1, sha256Hash: 'x' } }]),
      }),
    ],
    [
      1,
      () => ({ [random.pick(['id', 'documentId', 'more', '__proto__', 'constructor'])]: random.pick(junkVariables) }),
    ],
  );
  const params = { ...randomParams(random), ...extra };
  const json = asJson(random, params);
  const text = random.weighted(
    [60, () => json],
    [6, () => mutated(random, json)],
    [2, () => json.slice(0, random.below(json.length))],
    [1, () => `[${json},${json}]`],
    [1, () => `\ufeff${json}`],
    [1, () => `${json}${json}`],
    [1, () => `${' '.repeat(random.below(150_000))}${json}`],
    [1, () => JSON.stringify({ ...params, query: random.pick(junkVariables) })],
    [1, () => JSON.stringify({ ...params, variables: random.pick(junkVariables) })],
    [
      1,
      () =>
        `{"query":${JSON.stringify(params.query)},"query":"{ __typename }","variables":{"i0":1e400,"i0":1${'0'.repeat(400)}}}`,
    ],
    [1, () => '['.repeat(random.pick([10, 5_000, 100_000]))],
    [1, () => nested(json, random.pick([10, 5_000, 12_000]))],
    [
      1,
      () =>
        random.pick(['', 'null', '7', '"x"', '[]', '{}', 'undefined', '{"query":{}}', '{"__proto__":{}}', '\u0000']),
    ],
    [1, () => new URLSearchParams({ query: ids.fill(params.query) }).toString()],
  );
  const body = Buffer.from(ids.fill(text));
  if (random.is(0.97)) return body;
  const at = random.below(body.length + 1);
  const bad = random.pick(['ff', 'c0af', 'eda080', '80', 'f8888080', '00']);
  return random.is(0.2)
    ? random.bytes(random.below(3_000))
    : Buffer.concat([body.subarray(0, at), Buffer.from(bad, 'hex'), body.subarray(at)]);
}

/** Adds deeply nested variables, which could exhaust the stack of a parser. */
function nested(json: string, depth: number): string {
  return json.replace(/\}$/, `,"variables":{"i0":${'['.repeat(depth)}1${']'.repeat(depth)},"n":9007199254740993}}`);
}

function randomQueryString(random: Random, ids: Ids): string {
  const { query, variables } = randomParams(random);
  const params = new URLSearchParams({ query: ids.fill(query) });
  if (random.is(0.8)) params.set('variables', ids.fill(asJson(random, variables)));
  if (random.is(0.1)) params.set('operationName', random.pick(['Main', 'Nope', '']));
  if (random.is(0.05)) params.append('query', '{ __typename }');
  if (random.is(0.05)) params.set('variables', random.pick(['{', 'null', '7', '[]', '[[', '"x"', '\u0000']));
  if (random.is(0.05)) params.set('extensions', random.pick(['{', 'null', '7', '[]', '{}']));
  const text = params.toString();
  if (random.is(0.9)) return text;
  const at = random.below(text.length);
  return (
    text.slice(0, at) +
    random.pick(['%', '%zz', '%ff', '%00', '&&', '=', '#', '?', ';', '+', '%c0%af']) +
    text.slice(at)
  );
}

// ---- Requests

function emptyRequest(index: number): FuzzRequest {
  return {
    index,
    method: 'POST',
    path: '/graphql',
    headers: [],
    body: undefined,
    ids: new Ids(index),
    raw: false,
    wellFormed: true,
    endless: false,
    mayRead: true,
    pieces: [],
    disconnectsAfter: undefined,
    requestId: undefined,
    expected: undefined,
  };
}

/** Generates the request with this index. */
function requestAt(index: number): FuzzRequest {
  const random = new Random(seed, 2, index);
  const request = emptyRequest(index);
  if (random.is(0.15)) validRequest(random, request);
  else arbitraryRequest(random, request);
  if (request.raw) encodeRaw(random, request);
  return request;
}

/** Generates a valid request. The expected response follows from the sandbox data described in docs/explore.md. */
function validRequest(random: Random, request: FuzzRequest): void {
  const token = random.pick([ownToken, callerToken]);
  const ids = random.list(1 + random.below(5), (index) => request.ids.fill(placeholder(index)));
  const message = (id: string) => ({
    chatId: '2',
    id,
    text: `${Number(id) % 11 === 0 ? '' : `Message ${id} of the sandbox`}${signatures.get(token)}`,
    sentFrom: `+1555${id.padStart(7, '0')}`,
    attachments: Number(id) % 11 === 0 ? [{ filename: `document-${id}.pdf`, fileSize: 1_000 + Number(id) }] : [],
  });
  const selection = '{ chatId id text sentFrom attachments { filename fileSize } }';
  const each = ids.map((id, index) => [`m${index}`, id] as const);
  const [query, variables] = random.pick<() => [string, object | undefined]>([
    () => [
      `{ ${each.map(([name, id]) => `${name}: chatMessage(chatId: 2, id: ${id}) ${selection}`).join(' ')} }`,
      undefined,
    ],
    () => [
      `query (${each.map(([name]) => `$${name}: ID!`)}) {
        ${each.map(([name]) => `${name}: chatMessage(chatId: 2, id: $${name}) ${selection}`).join(' ')}
      }`,
      Object.fromEntries(each),
    ],
    () => [
      `query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) ${selection} }`,
      { keys: ids.map((id) => ({ chatId: 2, id: random.is(0.5) ? id : Number(id) })) },
    ],
  ])();
  request.expected = query.includes('ByKeys')
    ? { chatMessagesByKeys: ids.map(message) }
    : Object.fromEntries(each.map(([name, id]) => [name, message(id)]));
  request.headers.push(`Host: ${random.pick(['localhost', '127.0.0.1:4000', 'gateway.example', '[::1]'])}`);
  request.headers.push(`Authorization: ${random.pick(credentials)}`);
  if (token === callerToken) request.headers.push(`X-LINQ-INTEGRATION-TOKEN: ${token}`);
  if (random.is(0.5)) {
    request.headers.push(
      `Accept: ${random.pick(['application/json', '*/*', 'application/graphql-response+json', 'text/x, application/*;q=0.1'])}`,
    );
  }
  if (random.is(0.3))
    request.headers.push(`X-Request-Timeout-Ms: ${random.pick(['60000', '3500', '999999999999999'])}`);
  if (random.is(0.3)) setRequestId(request, `valid.${request.index}_x-`);
  if (random.is(0.2)) request.headers.push(`Origin: ${page}`);
  if (random.is(0.25)) {
    request.method = 'GET';
    const params = new URLSearchParams({ query, ...(variables && { variables: JSON.stringify(variables) }) });
    request.path = `/graphql?${params}`;
  } else {
    request.headers.push(
      `Content-Type: ${random.pick(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON ;x=y'])}`,
    );
    request.body = Buffer.from(JSON.stringify({ query, variables }));
  }
  request.raw = random.is(0.4);
}

function setRequestId(request: FuzzRequest, requestId: string): void {
  request.requestId = requestId;
  request.headers.push(`X-Request-Id: ${requestId}`);
}

const oddPaths = [
  ...words(
    '/graphql/ //graphql /%67raphql /graphql%00 /graphql;a=b /./graphql /x/../graphql /GRAPHQL /graphql/../metrics',
  ),
  ...words('/graphql#f /graphql? /graphql?# /graphql?query /graphql??query={__typename} /graphql?query={__typename}'),
  ...words('/graphql?query=% /graphql?query=%ff%fe /graphql?query=[]&query[]=x /graphql?\xff /é / /.. /%2e%2e/graphql'),
  ...words('/metrics /metrics?x /metrics/ /livez /livez?x=1 /livez/x /readyz /health /favicon.ico * graphql'),
  ...words('http://localhost/graphql http://evil.example/graphql //evil.example/graphql /\\evil.example'),
  ...['', `/${'x'.repeat(9_000)}`, `/${'x'.repeat(20_000)}`, `/graphql?${'a=b&'.repeat(3_000)}`],
];
const oddMethods = words('HEAD PUT DELETE PATCH OPTIONS OPTIONS TRACE QUERY PROPFIND PURGE CONNECT get NOPE');
const oddHosts = [
  'evil.example',
  'localhost:99999',
  'a b',
  '^^',
  '',
  '[::1',
  '\xff',
  'a@b',
  '%00',
  'x'.repeat(5_000),
  'h?',
  'h#',
  'x/y',
];
const oddTypes = [
  ...words(
    'application/json;charset=utf-16 Application/JSON application/jsonx application/graphql text/plain text/json x ;',
  ),
  ...words('application/x-www-form-urlencoded multipart/form-data;boundary=x'),
  ...['application/json; charset=utf-8', 'application/json ; x', ''],
];
const acceptEncodings = [
  'gzip',
  'br',
  'zstd',
  'gzip, deflate, br, zstd',
  '*',
  'br;q=0, *;q=0.5',
  'identity',
  '',
  ';q=x,,',
];
const accepts = words('application/json application/graphql-response+json */* application/* APPLICATION/JSON');
const oddAccepts = [
  ...words('application/json;q=0 text/html;q=0.1,*/* text/event-stream multipart/mixed , ;; x \xff text/html'),
  ...['application/graphql-response+json, application/json', 'text/event-stream, application/json', ''],
  ...['multipart/mixed;deferSpec=20220824, application/json', `${'a/b,'.repeat(1_000)}*/*`],
];
const origins = [page, ...words('https://evil.example null x http://localhost'), ''];
const sites = [...words('cross-site same-site same-origin none x'), ''];
const oddTokens = ['', ' ', 'x', 'x'.repeat(9_000), '\x80\xff', 'a\tb', 'a, b', '\x7f'];
const oddTimeouts = [...words('1 5 2000 0 -1 1.5 x 1e3 \xb2'), '', '9'.repeat(15), '9'.repeat(400)];
const oddRequestIds = ['', 'a b', 'x'.repeat(129), '\xff', 'a,b', '<script>'];
const wrongCredentials = [
  ...[
    '',
    'Bearer',
    'Bearer ',
    'Bearer nope',
    'Bearer \xff',
    'Bearer null',
    `Bearer ${apiKey}x`,
    `Bearer ${apiKey.slice(0, -1)}`,
  ],
  ...[`Bearer ${apiKey.toUpperCase()}`, `Bearer ${apiKey},${apiKey}`, `Bearer ${apiKey} x`, `Basic ${apiKey}`, apiKey],
  ...[`Bearer ${'x'.repeat(9_000)}`, 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.'],
];
const oddHeaders = [
  ...['close', 'keep-alive', 'Upgrade', 'x, close', ''].map((value) => `Connection: ${value}`),
  ...['100-continue', 'magic', ''].map((value) => `Expect: ${value}`),
  ...['gzip', 'br', 'identity', 'x'].map((value) => `Content-Encoding: ${value}`),
  ...['websocket', 'h2c', 'x'].map((value) => `Upgrade: ${value}`),
  ...[
    '__proto__: x',
    'constructor: x',
    'toString: x',
    'X-HTTP-Method-Override: DELETE',
    'X-Forwarded-Host: evil.example',
  ],
  ...[
    'X-Forwarded-For: 127.0.0.1',
    'Access-Control-Request-Headers: x',
    'Access-Control-Request-Method: POST',
    'Range: x',
  ],
  ...['If-None-Match: *', 'Traceparent: 00-0-0-00', 'Trailer: x', 'TE: trailers', 'Keep-Alive: timeout=-1'],
  ...[`Cookie: a=${'b'.repeat(4_000)}`, `X-Long: ${'y'.repeat(20_000)}`, 'X-Bytes: \x80\xff', 'X-Fold: a\r\n b'],
  ...['X-Bare: a\nb: c', 'X-Nul: a\x00b', 'X Space: x', ': x', 'no colon'],
];

function arbitraryRequest(random: Random, request: FuzzRequest): void {
  request.raw = random.is(0.45);
  request.method = random.weighted([70, () => 'POST'], [25, () => 'GET'], [4, () => random.pick(oddMethods)]);
  if (random.is(0.08)) request.path = random.pick(oddPaths);
  else if (request.method === 'GET' || random.is(0.03))
    request.path = `/graphql?${randomQueryString(random, request.ids)}`;
  if (request.method !== 'GET' || random.is(0.05)) request.body = randomBody(random, request.ids);
  const none = (): string[] => [];
  const odd = (name: string, values: readonly string[]) => () => [`${name}: ${random.pick(values)}`];
  const token = 'X-LINQ-INTEGRATION-TOKEN';
  request.headers.push(
    ...random.weighted(
      [40, () => ['Host: localhost']],
      [3, none],
      [2, odd('Host', oddHosts)],
      [1, () => ['Host: localhost', `Host: ${random.pick(['localhost', 'evil.example'])}`]],
    ),
    ...random.weighted(
      [60, () => ['Content-Type: application/json']],
      [3, none],
      [3, odd('Content-Type', oddTypes)],
      [0.5, () => ['Content-Type: text/plain', 'Content-Type: application/json']],
    ),
    ...random.weighted([20, none], [20, odd('Accept', accepts)], [3, odd('Accept', oddAccepts)]),
    ...random.weighted([9, none], [1, odd('Accept-Encoding', acceptEncodings)]),
    ...random.weighted([24, none], [2, odd('Origin', origins)], [1, odd('Sec-Fetch-Site', sites)]),
    ...randomCredential(random, request),
    ...random.weighted(
      [24, none],
      [3, () => [`${token}: ${callerToken}`]],
      [1, odd(token, oddTokens)],
      [0.5, () => [`${token}: a`, `${token}: b`]],
    ),
    ...random.weighted(
      [24, none],
      [1.5, odd('X-Request-Timeout-Ms', oddTimeouts)],
      [0.5, () => ['X-Request-Timeout-Ms: 5', 'X-Request-Timeout-Ms: 7']],
    ),
    ...random.weighted([9, none], [1, odd('X-Request-Id', oddRequestIds)]),
  );
  if (random.is(0.1) && !request.headers.some((line) => line.startsWith('X-Request-Id')))
    setRequestId(request, `odd-${request.index}`);
  if (random.is(0.1)) request.headers.push(...random.list(1 + random.below(3), () => random.pick(oddHeaders)));
  if (random.is(0.003)) request.headers.push(...random.list(random.pick([60, 2_100]), (index) => `X-${index}: y`));
  // Linq rate limits the token, so it must be one that no valid request uses.
  if (/\b429/.test(`${request.path}${request.body ?? ''}`)) {
    request.headers = [
      ...request.headers.filter((line) => !line.startsWith(token)),
      `${token}: fuzz-token-that-is-limited`,
    ];
  }
  // Node itself may refuse the rest, or `node:http` would not send it.
  const names = request.headers.map((line) => line.split(':', 1)[0] as string);
  const isPlain = /^\/[!-~]*$/.test(request.path) && /^(GET|POST|PUT|DELETE|PATCH)$/.test(request.method);
  const isPlainHead =
    request.headers.every((line) => /^[\w-]+: [ -~]*$/.test(line)) &&
    `${request.path}${request.headers}`.length < 12_000;
  request.wellFormed =
    isPlain && isPlainHead && !names.some((name) => /^(connection|expect|upgrade|te|trailer)$/i.test(name));
  if (!request.wellFormed || new Set(names).size < names.length || names.includes('__proto__')) request.raw = true;
}

function randomCredential(random: Random, request: FuzzRequest): string[] {
  const right = `Authorization: Bearer ${apiKey}`;
  if (random.is(0.9)) return [right];
  request.mayRead = false;
  // With several credentials the first counts.
  return random.pick([[], [`Authorization: ${random.pick(wrongCredentials)}`], ['Authorization: Bearer nope', right]]);
}

/** Encodes a raw request to bytes, split into pieces. A valid request stays valid. */
function encodeRaw(random: Random, request: FuzzRequest): void {
  const { body = Buffer.alloc(0), expected } = request;
  const framed = random.weighted<() => void>(
    [20, () => () => withLength(`${body.length}`)],
    [10, () => () => chunked(chunksOf(random, body))],
    [
      expected === undefined ? 1 : 0,
      () => () => malformed(() => withLength(random.pick(['abc', '-5', '1e3', '+5', '0x10', '5, 5', '9'.repeat(30)]))),
    ],
    [
      expected === undefined ? 2 : 0,
      () => () => {
        malformed(() => withLength(`${body.length + random.pick([1, 100, 1_000_000, 99_999_999_999])}`));
        request.endless = request.method === 'POST';
      },
    ],
    [expected === undefined ? 2 : 0, () => () => malformed(() => withLength(`${random.below(body.length + 1)}`))],
    [
      expected === undefined ? 2 : 0,
      () => () => {
        malformed(() => chunked(`${body.length.toString(16)}\r\n${body.toString('latin1')}\r\n`));
        request.endless = request.method === 'POST';
      },
    ],
    [
      expected === undefined ? 2 : 0,
      () => () => malformed(() => chunked(mutated(random, chunksOf(random, body.subarray(0, 2_000))))),
    ],
    [
      expected === undefined ? 1 : 0,
      () => () => {
        request.headers.push(
          `Transfer-Encoding: ${random.pick(['gzip, chunked', 'identity', 'chunked, chunked', 'xchunked', ' chunked'])}`,
        );
        malformed(() => withLength(`${body.length}`));
      },
    ],
    [expected === undefined ? 1 : 0, () => () => malformed(() => send(body.toString('latin1')))],
  );
  framed();
  if (expected === undefined && random.is(0.03)) {
    request.wellFormed = false;
    request.disconnectsAfter = random.below(request.pieces.length + 1);
  }

  function malformed(frame: () => void): void {
    request.wellFormed = false;
    frame();
  }
  function withLength(length: string): void {
    request.headers.push(`Content-Length: ${length}`);
    send(body.toString('latin1'));
  }
  function chunked(chunks: string): void {
    request.headers.push('Transfer-Encoding: chunked');
    send(chunks);
  }
  function send(rest: string): void {
    const version =
      expected === undefined && random.is(0.01) ? random.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', '']) : 'HTTP/1.1';
    if (version !== 'HTTP/1.1') request.wellFormed = false;
    const lines = request.headers.map((line) => `${line}\r\n`).join('');
    let bytes: Buffer = Buffer.from(`${request.method} ${request.path} ${version}\r\n${lines}\r\n${rest}`, 'latin1');
    if (expected === undefined && random.is(0.01)) {
      request.wellFormed = false;
      bytes = random.bytes(random.below(500));
      request.endless = false;
    }
    const size = random.pick([7, 64, 1_000, 1_000_000]);
    const cuts = Math.min(20, Math.ceil(bytes.length / size));
    request.pieces = Array.from({ length: cuts }, (_, index) =>
      bytes.subarray(index * size, index === cuts - 1 ? undefined : (index + 1) * size),
    );
  }
}

function chunksOf(random: Random, body: Buffer): string {
  let text = '';
  for (let at = 0; at < body.length; ) {
    const size = Math.min(
      body.length - at,
      1 + random.below(random.pick([1, 10, 500, 100_000]) * Math.ceil(body.length / 500)),
    );
    const hex = random.pick([
      size.toString(16),
      size.toString(16).toUpperCase(),
      `00${size.toString(16)}`,
      `${size.toString(16)};x=y`,
    ]);
    text += `${hex}\r\n${body.toString('latin1', at, at + size)}\r\n`;
    at += size;
  }
  return `${text}0\r\n${random.is(0.1) ? 'X-Trailer: authorization\r\nAuthorization: Bearer x\r\n' : ''}\r\n`;
}

// ---- Checking responses

const found = {
  requests: 0,
  'over raw sockets': 0,
  'valid requests with a response': 0,
  'requests to Linq': 0,
  'responses from Node itself': 0,
  'malformed requests without a response': 0,
  violations: 0,
};
const statuses: Record<string, number> = {};
const codes: Record<string, number> = {};
let slowestMs = 0;
const readableCodes: Readonly<Record<string, { readonly retryable: boolean }>> = errorCodes;

function count(counts: Record<string, number>, name: string | number): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

function violation(what: string, request?: FuzzRequest, response?: FuzzResponse): void {
  found.violations++;
  if (found.violations > 20) return;
  const { index, method, path, headers, body, raw, pieces } = request ?? {};
  print({
    VIOLATION: what,
    ...(request && { index, ids: request.ids.all().slice(0, 5), method, path: path?.slice(0, 2_000) }),
    ...(request && { headers: headers?.slice(0, 40).map((line) => line.slice(0, 200)) }),
    ...(request && {
      raw,
      body: body?.toString().slice(0, 4_000),
      bytes:
        raw &&
        Buffer.concat(pieces ?? [])
          .toString('latin1')
          .slice(0, 4_000),
    }),
    ...(response && { response: { ...response, body: response.body.toString().slice(0, 1_000) } }),
  });
}

/** Called for every request that reaches Linq. */
function onCall({ path, headers }: SandboxCall): void {
  found['requests to Linq']++;
  if (headers.authorization !== undefined) violation(`the caller's credential reached Linq at ${path}`);
  const id = Number(/\/(\d{6})$/.exec(path)?.[1]);
  if (!(id >= firstId)) return;
  if (states[id] === refused)
    violation(`message ${id} was read for a refused request`, requestAt(owners[id] as number));
  states[id] = sentToLinq;
}

/** Checks that no message was read for the request, and records that none may be read from now on. */
function markRefused(request: FuzzRequest, response?: FuzzResponse): void {
  for (const id of request.ids.all()) {
    if (states[id] === sentToLinq) violation(`message ${id} was read for a refused request`, request, response);
    states[id] = refused;
  }
}

function checkResponse(request: FuzzRequest, response: FuzzResponse): void {
  const { status, headers, body } = response;
  const wrong = (what: string) => violation(what, request, response);
  const requestId = headers['x-request-id'];
  count(statuses, status);
  if (status >= 500 && status !== 503) wrong('a 5xx');
  if (requestId === undefined) {
    found['responses from Node itself']++;
    if (request.wellFormed || ![400, 408, 413, 417, 431].includes(status)) wrong('no x-request-id');
    return; // It may belong to trailing bytes after a complete request, so it does not tell whether messages may be read.
  }
  if (request.wellFormed && request.requestId !== undefined && requestId !== request.requestId)
    wrong('not the x-request-id that was sent');
  if (headers['x-content-type-options'] !== 'nosniff' || headers['cache-control'] !== 'no-store')
    wrong('a header is missing');
  const text = decode(body, headers['content-encoding']);
  if (text.includes(apiKey) || text.includes(ownToken)) wrong('a secret in the response');
  // Of an operation that is no subscription, a client that accepts only a stream gets one event.
  const isStream = /^text\/event-stream/.test(`${headers['content-type']}`);
  const json = isStream ? (/^data: (.+)$/m.exec(text)?.[1] ?? '') : text;
  const isJson = isStream || /json/.test(`${headers['content-type']}`);
  const isGraphQL = /^\/graphql($|\?)/.test(request.path) && request.method !== 'HEAD';
  if (isGraphQL && status >= 400 && !isJson) wrong('a refused request without errors');
  const { data, errors } = isJson && json !== '' ? parse(json, wrong) : {};
  if (status !== 200 || data === undefined) markRefused(request, response);
  if (isGraphQL && isJson && status >= 400 && !errors?.length) wrong('a refused request without errors');
  if (isGraphQL && isJson && data === undefined && !errors?.length) wrong('neither data nor errors');
  if (data !== undefined && !request.mayRead) wrong('data without a valid credential');
  for (const { extensions: { code, retryable, requestId: errorRequestId } = {} } of errors ?? []) {
    count(codes, `${code}`);
    if (typeof code !== 'string' || !Object.hasOwn(readableCodes, code)) wrong('an unknown error code');
    else if (retryable !== readableCodes[code]?.retryable) wrong('retryable does not match the error code');
    if (code === 'INTERNAL_SERVER_ERROR') wrong('an internal error');
    if (errorRequestId !== requestId) wrong('an error without the request id of the response');
  }
  if (request.expected !== undefined) {
    found['valid requests with a response']++;
    if (status !== 200 || errors !== undefined || !isDeepStrictEqual(data, request.expected)) wrong('a wrong response');
  }
}

interface Result {
  readonly data?: unknown;
  readonly errors?: readonly { readonly extensions?: Record<string, unknown> }[];
}

function decode(body: Buffer, coding: unknown): string {
  if (body.length === 0) return '';
  if (coding === 'gzip') return gunzipSync(body).toString();
  if (coding === 'br') return brotliDecompressSync(body).toString();
  if (coding === 'zstd') return zstdDecompressSync(body).toString();
  return body.toString();
}

function parse(text: string, wrong: (what: string) => void): Result {
  try {
    return JSON.parse(text);
  } catch {
    wrong('invalid JSON');
    return {};
  }
}

// ---- Sending

async function sendAndCheck(request: FuzzRequest): Promise<void> {
  found.requests++;
  if (request.raw) found['over raw sockets']++;
  if (request.endless) markRefused(request);
  const startedAt = performance.now();
  const response = await (request.raw ? sendRaw(request) : send(request));
  slowestMs = Math.max(slowestMs, performance.now() - startedAt);
  if (response !== undefined) return checkResponse(request, response);
  if (request.wellFormed) return violation('no response', request);
  found['malformed requests without a response']++;
}

function send({ method, path, headers, body }: FuzzRequest): Promise<FuzzResponse | undefined> {
  const { promise, resolve } = Promise.withResolvers<FuzzResponse | undefined>();
  const length = body && { 'content-length': body.length };
  const outgoing = httpRequest({
    port,
    method,
    path,
    agent,
    setHost: false,
    headers: { ...Object.fromEntries(headers.map(nameAndValue)), ...length },
  });
  const timer = setTimeout(() => outgoing.destroy(), responseTimeoutMs);
  outgoing.on('response', (response) => {
    const chunks: Uint8Array[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', () => {});
    response.on('end', () =>
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
    );
  });
  outgoing.on('error', () => {});
  outgoing.on('close', () => {
    clearTimeout(timer);
    resolve(undefined);
  });
  outgoing.end(body);
  return promise;
}

function sendRaw({ method, pieces, disconnectsAfter, wellFormed }: FuzzRequest): Promise<FuzzResponse | undefined> {
  const { promise, resolve } = Promise.withResolvers<FuzzResponse | undefined>();
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const timer = setTimeout(() => socket.destroy(), wellFormed ? responseTimeoutMs : malformedTimeoutMs);
  let bytes: Buffer = Buffer.alloc(0);
  let sent = 0;
  const next = (): void => {
    if (sent === disconnectsAfter) return void socket.destroy();
    const piece = pieces[sent++];
    if (piece !== undefined && !socket.destroyed) socket.write(piece, () => setImmediate(next));
  };
  const tryRead = (ended: boolean): void => {
    const response = readResponse(bytes, method === 'HEAD', ended);
    if (response !== undefined) resolve(response);
    if (response !== undefined || ended) socket.destroy();
  };
  socket.on('connect', next);
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    tryRead(false);
  });
  socket.on('end', () => tryRead(true));
  socket.on('error', () => {});
  socket.on('close', () => {
    clearTimeout(timer);
    resolve(undefined);
  });
  return promise;
}

/** Parses the first response other than `100 Continue`. Undefined while it is incomplete. */
function readResponse(bytes: Buffer, isHead: boolean, ended: boolean): FuzzResponse | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
  let rest = bytes.subarray(headEnd + 4);
  if (status < 200) return readResponse(rest, isHead, ended);
  const headers = Object.fromEntries(lines.map(nameAndValue).map(([name, value]) => [name.toLowerCase(), value]));
  // The GraphiQL page has megabytes, so its head is enough.
  const isPage = /^text\/html/.test(headers['content-type'] ?? '');
  if (isHead || isPage || status === 204 || status === 304) return { status, headers, body: Buffer.alloc(0) };
  if (headers['transfer-encoding'] === 'chunked') {
    const chunks: Buffer[] = [];
    for (;;) {
      const end = rest.indexOf('\r\n');
      const size = Number.parseInt(rest.toString('latin1', 0, end), 16);
      if (end === -1 || rest.length < end + 2 + size + 2) return undefined;
      if (size === 0) return { status, headers, body: Buffer.concat(chunks) };
      chunks.push(rest.subarray(end + 2, end + 2 + size));
      rest = rest.subarray(end + 2 + size + 2);
    }
  }
  const length = headers['content-length'];
  if (length === undefined) return ended ? { status, headers, body: rest } : undefined;
  return rest.length < Number(length) ? undefined : { status, headers, body: rest.subarray(0, Number(length)) };
}

function nameAndValue(line: string): [name: string, value: string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

// ---- The run

process.on('uncaughtException', (error) => violation(`a crash: ${error.stack}`));
process.on('unhandledRejection', (error) => violation(`an unhandled rejection: ${(error as Error)?.stack ?? error}`));
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const sandbox = await startSandbox({ onCall, signature: (token) => signatures.get(token) ?? '' });
const config = readConfig({
  LINQ_API_URL: sandbox.origin,
  LINQ_INTEGRATION_TOKEN: ownToken,
  LINQ_TIMEOUT_MS: '4000', // a valid request must not time out because the machine is busy
  GATEWAY_API_KEYS: `${apiKey},${greedyKey}`,
  CALLER_READS_PER_SECOND: `${callerReadsPerSecond}`,
  CORS_ORIGINS: page,
  LOG_LEVEL: 'error',
});
const log = pino({ level: config.logLevel }, { write: (line) => violation(`an error in the log: ${line}`) });
const gateway = createGateway(config, log);
const server = createServer({ requireHostHeader: false, keepAliveTimeout: 75_000 }, gateway.handle); // as server.ts does
await listen(server);
const { port } = server.address() as AddressInfo;
const agent = new Agent({ keepAlive: true, maxSockets: callers + overloadOperations });
let nextIndex = 0;

await run(warmUpSeconds);
const before = await measureResources();
await run(seconds);
const after = await measureResources();
for (const code of ['OVERLOADED', 'RATE_LIMITED']) {
  if (codes[code] === undefined) violation(`no ${code}`);
}
const operations = await countOperations();

agent.destroy();
await close(server);
await gateway.close();
await sandbox[Symbol.asyncDispose]();

if (after.sockets > 0 || after.timers > 0) violation('sockets or timers remain');
if (after.heapMB > before.heapMB + maxHeapGrowthMB) violation('the heap has grown');
print({
  seed,
  seconds,
  'additional warm-up seconds': warmUpSeconds,
  ...found,
  statuses: sorted(statuses),
  codes: sorted(codes),
  operations,
  'slowest response in ms': Math.round(slowestMs),
  before,
  after,
});
const comparison = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'test/graphql/fast-path'], {
  cwd: new URL('..', import.meta.url),
  env: { ...process.env, DIFFERENTIAL_RUNS: `${comparisonsPerSecond * seconds}`, DIFFERENTIAL_SEED: `${seed}` },
  stdio: 'inherit',
});
process.exitCode = found.violations > 0 || comparison.status !== 0 ? 1 : 0;

async function run(forSeconds: number): Promise<void> {
  const until = performance.now() + forSeconds * 1_000;
  const caller = async (): Promise<void> => {
    while (performance.now() < until) await sendAndCheck(requestAt(nextIndex++));
  };
  // Only callers that were active in the last minute have a share of the connections.
  for (let isActive = false; !isActive; ) {
    const request = requestAt(nextIndex++);
    await sendAndCheck(request);
    isActive = request.expected !== undefined;
  }
  await Promise.all([overload(), ...Array.from({ length: callers }, caller)]);
}

/** A caller that fills the queue with reads that never end, and is over its rate. It must not affect the valid requests. */
async function overload(): Promise<void> {
  const query = 'query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { id } }';
  const headers = ['Host: localhost', 'Content-Type: application/json', `Authorization: Bearer ${greedyKey}`];
  const all = Array.from({ length: overloadOperations }, (_, operation) => {
    const keys = Array.from({ length: 100 }, (_, id) => ({ chatId: 504, id: 1 + operation * 100 + id }));
    const body = Buffer.from(JSON.stringify({ query, variables: { keys } }));
    const request: FuzzRequest = { ...emptyRequest(0), method: 'POST', path: '/graphql', headers, body, mayRead: true };
    return send(request).then((response) => response === undefined || checkResponse(request, response));
  });
  await Promise.all(all);
}

/** Measures what remains after all connections have closed. */
async function measureResources() {
  agent.destroy();
  const until = performance.now() + 30_000;
  const active = (name: string) => process.getActiveResourcesInfo().filter((resource) => resource === name).length;
  while (performance.now() < until && active('TCPSocketWrap') + active('Timeout') > 0) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  collectGarbage();
  return {
    timers: active('Timeout'),
    sockets: active('TCPSocketWrap'),
    heapMB: Math.round(process.memoryUsage().heapUsed / 1e5) / 10,
  };
}

async function countOperations() {
  const request = emptyRequest(0);
  const response = await send({ ...request, method: 'GET', path: '/metrics', headers: ['Host: localhost'] });
  const of = (executor: string) =>
    Number(new RegExp(`graphql_operations_total{executor="${executor}"} (\\d+)`).exec(`${response?.body}`)?.[1]);
  return { compiled: of('compiled'), interpreted: of('interpreted') };
}

function sorted(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a));
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
