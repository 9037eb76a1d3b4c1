/**
 * `npm run fuzz`: a minute of requests that nobody should send, with valid ones among them whose answers are checked. The
 * arguments are the seconds, and the seed from which every request follows. Fails on a 5xx other than 503, on an error
 * without code or request id, on a read of Linq for a request that was refused, on a wrong or missing answer, on a crash,
 * and on anything left behind afterwards.
 */
import { Agent, createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pino } from 'pino';
import { readConfig } from '../src/config.ts';
import { errorCodes } from '../src/errors/codes.ts';
import { createGateway } from '../src/gateway.ts';
import { type SandboxCall, startSandbox } from '../src/sandbox/sandbox.ts';
import { close, listen } from './support/gateway.ts';

const seconds = Number(process.argv[2] ?? 60);
const seed = Number(process.argv[3] ?? 20_260_101);
/** What is allocated once, is allocated before the base is taken. */
const warmUpSeconds = 10;
const callers = 24;
/** A whole request that is not answered by then never will be. */
const longestAnswerMs = 15_000;
/** What is broken on its way may get no answer at all. */
const patienceMs = 100;
/** The caches of documents and of compiled operations may fill up. */
const mostHeapGrowthMB = 40;

const apiKey = 'fuzz-key-of-the-gateway';
const ownToken = 'fuzz-linq-token-of-the-gateway';
const callerToken = 'fuzz-linq-token-of-a-caller';
const page = 'https://app.example.com';
const signatures = new Map([
  [ownToken, ' for the gateway'],
  [callerToken, ' for the caller'],
]);

/** Good credentials, all of them. */
const credentials = [`Bearer ${apiKey}`, `bearer ${apiKey}`, `BEARER  ${apiKey}`];

/** One request: what is sent, and what is known of its answer beforehand. */
interface Shot {
  readonly index: number;
  method: string;
  path: string;
  /** `Name: value`. */
  headers: string[];
  body: Buffer | undefined;
  /** The messages that it asks for. No other request asks for them. */
  readonly ids: Ids;
  /** Bytes on a socket of its own; otherwise through `node:http`. */
  raw: boolean;
  /** Whether Node lets it through to the gateway, which then must answer. */
  whole: boolean;
  /** Whether its body never ends: then nothing may be read for it. */
  endless: boolean;
  /** Whether its credential may be right. */
  mayRead: boolean;
  /** The bytes of a raw request, in the pieces in which they are sent. */
  pieces: Buffer[];
  /** The caller leaves after that many pieces. */
  leavesAfter: number | undefined;
  /** The id that its answer must bear, where it brings a good one. */
  requestId: string | undefined;
  /** The data of a valid request. */
  expected: unknown;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Where all chance comes from: mulberry32. Each request has one of its own, so that it is the same however answers overlap. */
class Chance {
  #state: number;

  constructor(...seeds: number[]) {
    this.#state = 0x2545f491;
    for (const part of seeds) this.#state = Math.imul(this.#state ^ part, 0x9e3779b1) ^ (this.#state >>> 15);
  }

  /** From 0 to below 1. */
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

  /** One of them, as often as its weight says. */
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

// Until a request is put together, the n-th of its ids is the n-th character of Unicode's private use. Whatever was done to
// the text around it, it then becomes an id that no other request has. All have six digits, so that a digit more or less,
// which a mutation may bring about, makes none of the others.
const firstId = 100_001;
const lastId = 999_999;
const marks = /[\ue000-\ue3ff]/g;
let nextId = firstId;
/** What became of each id, and whose it is. */
const fates = new Uint8Array(lastId + 1);
const owners = new Uint32Array(lastId + 1);
const fresh = 0;
const asked = 1;
const refused = 2;

function mark(index: number): string {
  return String.fromCharCode(0xe000 + index);
}

/** Puts ids in the place of the marks. */
class Ids {
  readonly #owner: number;
  readonly #ids = new Map<string, number>();

  constructor(owner: number) {
    this.#owner = owner;
  }

  fill(text: string): string {
    return text.replace(marks, (found) => {
      let id = this.#ids.get(found);
      if (id === undefined) {
        id = nextId;
        nextId = id === lastId ? firstId : id + 1;
        this.#ids.set(found, id);
        fates[id] = fresh;
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
/** With them a read takes its time, or fails for every caller: seldom, so that the breaker stays closed. */
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

/** What a document is made with: its ids are marks in the text, or variables alone so that the text can be sent again. */
interface Draft {
  readonly chance: Chance;
  readonly onlyVariables: boolean;
  ids: number;
  variables: number;
  fragments: string[];
}

function aSelection(draft: Draft, type: string, depth = 0): string {
  const { chance } = draft;
  const scalars = scalarsOf[type] ?? [];
  const fields = chance.list(1 + chance.below(5), () =>
    chance.weighted(
      [30, () => chance.pick(scalars)],
      [2, () => `a${chance.below(30)}: ${chance.pick(scalars)}`],
      [2, () => '__typename'],
      [2, () => `${chance.pick(scalars)} ${chance.pick(harmlessDirectives)}`],
      [0.2, () => `${chance.pick(scalars)} ${chance.pick(directives)}`],
      [0.1, () => chance.pick(junkFields)],
      [2, () => (depth < 3 ? `... on ${type} ${aSelection(draft, type, depth + 1)}` : 'id')],
      [
        1,
        () => {
          const name = `F${draft.fragments.length}`;
          draft.fragments.push('');
          draft.fragments[Number(name.slice(1))] =
            `fragment ${name} on ${type} ${depth < 3 ? aSelection(draft, type, depth + 1) : '{ id }'}`;
          return `...${name}`;
        },
      ],
      [type === 'ChatMessage' ? 3 : 0, () => `attachments ${aSelection(draft, 'Attachment', depth + 1)}`],
      [type === 'ChatMessage' ? 3 : 0, () => `reactions ${aSelection(draft, 'Reaction', depth + 1)}`],
    ),
  );
  return `{ ${fields.join(' ')} }`;
}

function anId(draft: Draft): string {
  const { chance, onlyVariables } = draft;
  return chance.weighted(
    [onlyVariables ? 0 : 20, () => mark(draft.ids++)],
    [onlyVariables ? 0 : 5, () => `"${mark(draft.ids++)}"`],
    [10, () => `$i${draft.variables++}`],
    [0.4, () => chance.pick(junkValues)],
  );
}

function aChat({ chance }: Draft): string {
  return chance.weighted(
    [40, () => '2'],
    [3, () => '$chat'],
    [2, () => chance.pick(junkChats)],
    [0.3, () => chance.pick(harmfulChats)],
  );
}

function aRootField(draft: Draft, index: number): string {
  const { chance } = draft;
  const field = chance.weighted(
    [20, () => `chatMessage(chatId: ${aChat(draft)}, id: ${anId(draft)}) ${aSelection(draft, 'ChatMessage')}`],
    [
      6,
      () => {
        const keys = chance.list(chance.below(6), () => `{ chatId: ${aChat(draft)}, id: ${anId(draft)} }`);
        return `chatMessagesByKeys(keys: [${keys.join(' ')}]) ${aSelection(draft, 'ChatMessage')}`;
      },
    ],
    [2, () => `chatMessagesByKeys(keys: $keys) ${aSelection(draft, 'ChatMessage')}`],
    [
      1,
      () => {
        const key = `__typename: "ChatMessage", chatId: ${aChat(draft)}, id: ${anId(draft)}`;
        return `_entities(representations: [{ ${key} }]) { ... on ChatMessage ${aSelection(draft, 'ChatMessage')} }`;
      },
    ],
    [1, () => chance.pick(['__typename', '_sdl', '_service { sdl }', '__type(name: "Query") { name }'])],
    [0.3, () => '__schema { types { name fields { name type { name ofType { name } } } } }'],
    [0.2, () => chance.pick(junkRootFields)],
  );
  return chance.is(0.9) ? `f${index}: ${field}` : field;
}

const declarable = [
  '$chat: ID! = 2',
  '$keys: [ChatMessageKey!]! = []',
  '$yes: Boolean! = true',
  '$no: Boolean = false',
];

/** Mostly valid. */
function aDocument(draft: Draft): string {
  const { chance } = draft;
  const fields = chance.list(1 + chance.below(4), (index) => aRootField(draft, index)).join('\n');
  const body = [fields, ...draft.fragments].join('\n');
  const declared = [
    ...draft.chance.list(draft.variables, (index) => `$i${index}: ${chance.is(0.99) ? 'ID!' : chance.pick(junkTypes)}`),
    ...declarable.filter((declaration) => chance.is(0.005) || body.includes(declaration.split(':', 1)[0] as string)),
  ];
  const head = declared.length > 0 ? `query Main(${declared.join(', ')})` : chance.pick(['', 'query', 'query Main']);
  const other = head.includes('Main') && chance.is(0.1) ? 'query Other { __typename }' : '';
  return `${head} { ${fields} } ${draft.fragments.join('\n')} ${other}`;
}

/** Documents of the kinds that are written to do harm. */
function aTrap(draft: Draft): string {
  const { chance } = draft;
  const many = chance.pick([20, 100, 101, 130, 201, 900]);
  const deep = chance.pick([5, 11, 100, 1_999, 3_000, 20_000]);
  const message = (index: number) => `m${index}: chatMessage(chatId: 2, id: ${mark(draft.ids++)})`;
  return chance.pick<() => string>([
    () => `{ ${chance.list(Math.min(many, 300), (index) => `${message(index)} { id }`).join(' ')} }`,
    () =>
      `{ chatMessagesByKeys(keys: [${chance.list(Math.min(many, 300), () => `{chatId:2,id:${mark(draft.ids++)}}`)}]) { id } }`,
    () => `{ ${message(0)} { ${chance.list(many, (index) => `a${index}: text`).join(' ')} } }`,
    () => `{ ${message(0)} { ${'text '.repeat(many * 5)} } }`,
    () => `{ ${message(0)} { text ${'@include(if: true) '.repeat(many)} } }`,
    () => `{ ${message(0)} ${'{ attachments '.repeat(deep)} { id } ${'}'.repeat(deep)} }`,
    () => `{ ${message(0)} ${'{ ... on ChatMessage '.repeat(deep)} { id } ${'}'.repeat(deep)} }`,
    () => '{'.repeat(deep),
    () => `{ chatMessage(chatId: 2, id: ${'['.repeat(deep)}${mark(0)}${']'.repeat(deep)}) { id } }`,
    () => `query ($v: ${'['.repeat(deep)}ID${']'.repeat(deep)}) { ${message(0)} { id } }`,
    () => `{ ${message(0)} { ...A } } fragment A on ChatMessage { id ...A }`,
    () =>
      `{ ${message(0)} { ...A } } fragment A on ChatMessage { ...B } fragment B on ChatMessage { ... { ...A } text }`,
    () => `{ ...Q } fragment Q on Query { ${message(0)} { id } ...Q }`,
    () => {
      const levels = chance.pick([3, 8, 25]);
      const fragments = chance.list(
        levels,
        (level) => `fragment B${level} on Query { x: ...B${level + 1} ...B${level + 1} }`,
      );
      const text = `{ ...B0 } ${fragments.join(' ')} fragment B${levels} on Query { ${message(0)} { id } }`;
      return chance.is(0.2) ? text : text.replaceAll('x: ', '');
    },
    () => {
      const levels = chance.pick([3, 8, 25]);
      const fragments = chance.list(
        levels,
        (level) => `fragment B${level} on ChatMessage { ...B${level + 1} a${level}: text ...B${level + 1} }`,
      );
      return `{ ${message(0)} { ...B0 } } ${fragments.join(' ')} fragment B${levels} on ChatMessage { z: id }`;
    },
    () => `{ ${message(0)} { x: id x: text } }`,
    () => chance.list(many, (index) => `query Q${index} { ${message(0)} { id } }`).join(' '),
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
    () => chance.text(chance.below(200)),
    () => '',
  ])();
}

/** A few slips of somebody who cuts, pastes and types without looking. */
function mutated(chance: Chance, text: string): string {
  let result = text;
  for (let slips = 1 + chance.below(3); slips > 0; slips--) {
    const at = chance.below(result.length + 1);
    const end = at + chance.below(chance.pick([2, 2, 10, 60]));
    const slice = result.slice(at, end);
    const elsewhere = chance.below(result.length + 1);
    result = chance.pick([
      () => result.slice(0, at) + result.slice(end),
      () => result.slice(0, at) + chance.text(1 + chance.below(3)) + result.slice(at),
      () => result.slice(0, elsewhere) + slice + result.slice(elsewhere),
      () => result.slice(0, at) + slice.repeat(3) + result.slice(end),
      () => result.slice(0, at) + chance.pick([...junkValues, ...directives]) + result.slice(end),
    ])();
  }
  return result;
}

// ---- What a request carries

/** So many are sent again and again. */
const knownDocuments = 200;

interface Params {
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

function someParams(chance: Chance): Params {
  const isKnown = chance.is(0.3);
  const own = isKnown ? new Chance(seed, 1, chance.below(knownDocuments)) : chance;
  const draft: Draft = { chance: own, onlyVariables: isKnown, ids: 0, variables: 0, fragments: [] };
  let query = isKnown || chance.is(0.75) ? aDocument(draft) : aTrap(draft);
  if (!isKnown && chance.is(0.25)) query = mutated(chance, query);
  const variables: Record<string, unknown> = {};
  const value = () =>
    chance.weighted<unknown>(
      [40, () => mark(draft.ids++)],
      [1, () => chance.pick(junkVariables)],
      [1, () => undefined],
    );
  for (let index = 0; index < draft.variables; index++) variables[`i${index}`] = value();
  if (chance.is(0.1)) variables['chat'] = chance.pick<unknown>([2, '2', 404, '601', null, [2], {}]);
  if (query.includes('$keys')) {
    const key = () => (chance.is(0.95) ? { chatId: 2, id: value() } : chance.pick(junkVariables));
    const length = chance.weighted([30, () => chance.below(5)], [1, () => 101]);
    variables['keys'] = chance.is(0.95) ? chance.list(length, key) : chance.pick(junkVariables);
  }
  if (chance.is(0.05))
    variables[chance.pick(['yes', 'no', 'more', '__proto__', 'constructor'])] = chance.pick(junkVariables);
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

/** As JSON, some ids as numbers. */
function asJson(chance: Chance, params: object): string {
  const text = JSON.stringify(params);
  return chance.is(0.5) ? text : text.replace(/"([\ue000-\ue3ff])"/g, '$1');
}

function aBody(chance: Chance, ids: Ids): Buffer {
  const extra = chance.weighted<object>(
    [20, () => ({})],
    [2, () => ({ operationName: chance.pick<unknown>(['Main', 'Other', '', null, 7, [], 'Nope', 'x'.repeat(2_000)]) })],
    [
      1,
      () => ({
        extensions: chance.pick<unknown>([{}, null, 7, [], { persistedQuery: { version: 1, sha256Hash: 'x' } }]),
      }),
    ],
    [
      1,
      () => ({ [chance.pick(['id', 'documentId', 'more', '__proto__', 'constructor'])]: chance.pick(junkVariables) }),
    ],
  );
  const params = { ...someParams(chance), ...extra };
  const json = asJson(chance, params);
  const text = chance.weighted(
    [60, () => json],
    [6, () => mutated(chance, json)],
    [2, () => json.slice(0, chance.below(json.length))],
    [1, () => `[${json},${json}]`],
    [1, () => `\ufeff${json}`],
    [1, () => `${json}${json}`],
    [1, () => `${' '.repeat(chance.below(150_000))}${json}`],
    [1, () => JSON.stringify({ ...params, query: chance.pick(junkVariables) })],
    [1, () => JSON.stringify({ ...params, variables: chance.pick(junkVariables) })],
    [
      1,
      () =>
        `{"query":${JSON.stringify(params.query)},"query":"{ __typename }","variables":{"i0":1e400,"i0":1${'0'.repeat(400)}}}`,
    ],
    [1, () => '['.repeat(chance.pick([10, 5_000, 100_000]))],
    [1, () => nested(json, chance.pick([10, 5_000, 12_000]))],
    [
      1,
      () =>
        chance.pick(['', 'null', '7', '"x"', '[]', '{}', 'undefined', '{"query":{}}', '{"__proto__":{}}', '\u0000']),
    ],
    [1, () => new URLSearchParams({ query: ids.fill(params.query) }).toString()],
  );
  const body = Buffer.from(ids.fill(text));
  if (chance.is(0.97)) return body;
  const at = chance.below(body.length + 1);
  const bad = chance.pick(['ff', 'c0af', 'eda080', '80', 'f8888080', '00']);
  return chance.is(0.2)
    ? chance.bytes(chance.below(3_000))
    : Buffer.concat([body.subarray(0, at), Buffer.from(bad, 'hex'), body.subarray(at)]);
}

/** Deep inside the variables, where a reader may run out of stack. */
function nested(json: string, depth: number): string {
  return json.replace(/\}$/, `,"variables":{"i0":${'['.repeat(depth)}1${']'.repeat(depth)},"n":9007199254740993}}`);
}

function aQueryString(chance: Chance, ids: Ids): string {
  const { query, variables } = someParams(chance);
  const params = new URLSearchParams({ query: ids.fill(query) });
  if (chance.is(0.8)) params.set('variables', ids.fill(asJson(chance, variables)));
  if (chance.is(0.1)) params.set('operationName', chance.pick(['Main', 'Nope', '']));
  if (chance.is(0.05)) params.append('query', '{ __typename }');
  if (chance.is(0.05)) params.set('variables', chance.pick(['{', 'null', '7', '[]', '[[', '"x"', '\u0000']));
  if (chance.is(0.05)) params.set('extensions', chance.pick(['{', 'null', '7', '[]', '{}']));
  const text = params.toString();
  if (chance.is(0.9)) return text;
  const at = chance.below(text.length);
  return (
    text.slice(0, at) +
    chance.pick(['%', '%zz', '%ff', '%00', '&&', '=', '#', '?', ';', '+', '%c0%af']) +
    text.slice(at)
  );
}

// ---- Requests

function newShot(index: number): Shot {
  return {
    index,
    method: 'POST',
    path: '/graphql',
    headers: [],
    body: undefined,
    ids: new Ids(index),
    raw: false,
    whole: true,
    endless: false,
    mayRead: true,
    pieces: [],
    leavesAfter: undefined,
    requestId: undefined,
    expected: undefined,
  };
}

/** The request with this number. */
function shotAt(index: number): Shot {
  const chance = new Chance(seed, 2, index);
  const shot = newShot(index);
  if (chance.is(0.15)) aimWell(chance, shot);
  else aimAnywhere(chance, shot);
  if (shot.raw) cutUp(chance, shot);
  return shot;
}

/** A valid request; what its answer must hold is made up here from what docs/explore.md says of the sandbox. */
function aimWell(chance: Chance, shot: Shot): void {
  const token = chance.pick([ownToken, callerToken]);
  const ids = chance.list(1 + chance.below(5), (index) => shot.ids.fill(mark(index)));
  const message = (id: string) => ({
    chatId: '2',
    id,
    text: `${Number(id) % 11 === 0 ? '' : `Message ${id} of the sandbox`}${signatures.get(token)}`,
    sentFrom: `+1555${id.padStart(7, '0')}`,
    attachments: Number(id) % 11 === 0 ? [{ filename: `document-${id}.pdf`, fileSize: 1_000 + Number(id) }] : [],
  });
  const selection = '{ chatId id text sentFrom attachments { filename fileSize } }';
  const each = ids.map((id, index) => [`m${index}`, id] as const);
  const [query, variables] = chance.pick<() => [string, object | undefined]>([
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
      { keys: ids.map((id) => ({ chatId: 2, id: chance.is(0.5) ? id : Number(id) })) },
    ],
  ])();
  shot.expected = query.includes('ByKeys')
    ? { chatMessagesByKeys: ids.map(message) }
    : Object.fromEntries(each.map(([name, id]) => [name, message(id)]));
  shot.headers.push(`Host: ${chance.pick(['localhost', '127.0.0.1:4000', 'gateway.example', '[::1]'])}`);
  shot.headers.push(`Authorization: ${chance.pick(credentials)}`);
  if (token === callerToken) shot.headers.push(`X-LINQ-INTEGRATION-TOKEN: ${token}`);
  if (chance.is(0.5)) {
    shot.headers.push(
      `Accept: ${chance.pick(['application/json', '*/*', 'application/graphql-response+json', 'text/x, application/*;q=0.1'])}`,
    );
  }
  if (chance.is(0.3)) shot.headers.push(`X-Request-Timeout-Ms: ${chance.pick(['60000', '1500', '999999999999999'])}`);
  if (chance.is(0.3)) nameIt(shot, `valid.${shot.index}_x-`);
  if (chance.is(0.2)) shot.headers.push(`Origin: ${page}`);
  if (chance.is(0.25)) {
    shot.method = 'GET';
    const params = new URLSearchParams({ query, ...(variables && { variables: JSON.stringify(variables) }) });
    shot.path = `/graphql?${params}`;
  } else {
    shot.headers.push(
      `Content-Type: ${chance.pick(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON ;x=y'])}`,
    );
    shot.body = Buffer.from(JSON.stringify({ query, variables }));
  }
  shot.raw = chance.is(0.4);
}

function nameIt(shot: Shot, requestId: string): void {
  shot.requestId = requestId;
  shot.headers.push(`X-Request-Id: ${requestId}`);
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

function aimAnywhere(chance: Chance, shot: Shot): void {
  shot.raw = chance.is(0.45);
  shot.method = chance.weighted([70, () => 'POST'], [25, () => 'GET'], [4, () => chance.pick(oddMethods)]);
  if (chance.is(0.08)) shot.path = chance.pick(oddPaths);
  else if (shot.method === 'GET' || chance.is(0.03)) shot.path = `/graphql?${aQueryString(chance, shot.ids)}`;
  if (shot.method !== 'GET' || chance.is(0.05)) shot.body = aBody(chance, shot.ids);
  const none = (): string[] => [];
  const odd = (name: string, values: readonly string[]) => () => [`${name}: ${chance.pick(values)}`];
  const token = 'X-LINQ-INTEGRATION-TOKEN';
  shot.headers.push(
    ...chance.weighted(
      [40, () => ['Host: localhost']],
      [3, none],
      [2, odd('Host', oddHosts)],
      [1, () => ['Host: localhost', `Host: ${chance.pick(['localhost', 'evil.example'])}`]],
    ),
    ...chance.weighted(
      [60, () => ['Content-Type: application/json']],
      [3, none],
      [3, odd('Content-Type', oddTypes)],
      [0.5, () => ['Content-Type: text/plain', 'Content-Type: application/json']],
    ),
    ...chance.weighted([20, none], [20, odd('Accept', accepts)], [3, odd('Accept', oddAccepts)]),
    ...chance.weighted([24, none], [2, odd('Origin', origins)], [1, odd('Sec-Fetch-Site', sites)]),
    ...aCredential(chance, shot),
    ...chance.weighted(
      [24, none],
      [3, () => [`${token}: ${callerToken}`]],
      [1, odd(token, oddTokens)],
      [0.5, () => [`${token}: a`, `${token}: b`]],
    ),
    ...chance.weighted(
      [24, none],
      [1.5, odd('X-Request-Timeout-Ms', oddTimeouts)],
      [0.5, () => ['X-Request-Timeout-Ms: 5', 'X-Request-Timeout-Ms: 7']],
    ),
    ...chance.weighted([9, none], [1, odd('X-Request-Id', oddRequestIds)]),
  );
  if (chance.is(0.1) && !shot.headers.some((line) => line.startsWith('X-Request-Id')))
    nameIt(shot, `odd-${shot.index}`);
  if (chance.is(0.1)) shot.headers.push(...chance.list(1 + chance.below(3), () => chance.pick(oddHeaders)));
  if (chance.is(0.003)) shot.headers.push(...chance.list(chance.pick([60, 2_100]), (index) => `X-${index}: y`));
  // Linq tells the token to wait: one that no valid request has.
  if (/\b429/.test(`${shot.path}${shot.body ?? ''}`)) {
    shot.headers = [...shot.headers.filter((line) => !line.startsWith(token)), `${token}: fuzz-token-that-is-limited`];
  }
  // What Node itself may refuse, or `node:http` would not send.
  const names = shot.headers.map((line) => line.split(':', 1)[0] as string);
  const isPlain = /^\/[!-~]*$/.test(shot.path) && /^(GET|POST|PUT|DELETE|PATCH)$/.test(shot.method);
  const isPlainHead =
    shot.headers.every((line) => /^[\w-]+: [ -~]*$/.test(line)) && `${shot.path}${shot.headers}`.length < 12_000;
  shot.whole = isPlain && isPlainHead && !names.some((name) => /^(connection|expect|upgrade|te|trailer)$/i.test(name));
  if (!shot.whole || new Set(names).size < names.length || names.includes('__proto__')) shot.raw = true;
}

function aCredential(chance: Chance, shot: Shot): string[] {
  const right = `Authorization: Bearer ${apiKey}`;
  if (chance.is(0.9)) return [right];
  shot.mayRead = false;
  // Of several the first counts.
  return chance.pick([[], [`Authorization: ${chance.pick(wrongCredentials)}`], ['Authorization: Bearer nope', right]]);
}

/** The bytes of a raw request in pieces. Those of a valid one still say what they ought to. */
function cutUp(chance: Chance, shot: Shot): void {
  const { body = Buffer.alloc(0), expected } = shot;
  const framed = chance.weighted<() => void>(
    [20, () => () => withLength(`${body.length}`)],
    [10, () => () => chunked(chunksOf(chance, body))],
    [
      expected === undefined ? 1 : 0,
      () => () => wrongly(() => withLength(chance.pick(['abc', '-5', '1e3', '+5', '0x10', '5, 5', '9'.repeat(30)]))),
    ],
    [
      expected === undefined ? 2 : 0,
      () => () => {
        wrongly(() => withLength(`${body.length + chance.pick([1, 100, 1_000_000, 99_999_999_999])}`));
        shot.endless = shot.method === 'POST';
      },
    ],
    [expected === undefined ? 2 : 0, () => () => wrongly(() => withLength(`${chance.below(body.length + 1)}`))],
    [
      expected === undefined ? 2 : 0,
      () => () => {
        wrongly(() => chunked(`${body.length.toString(16)}\r\n${body.toString('latin1')}\r\n`));
        shot.endless = shot.method === 'POST';
      },
    ],
    [
      expected === undefined ? 2 : 0,
      () => () => wrongly(() => chunked(mutated(chance, chunksOf(chance, body.subarray(0, 2_000))))),
    ],
    [
      expected === undefined ? 1 : 0,
      () => () => {
        shot.headers.push(
          `Transfer-Encoding: ${chance.pick(['gzip, chunked', 'identity', 'chunked, chunked', 'xchunked', ' chunked'])}`,
        );
        wrongly(() => withLength(`${body.length}`));
      },
    ],
    [expected === undefined ? 1 : 0, () => () => wrongly(() => send(body.toString('latin1')))],
  );
  framed();
  if (expected === undefined && chance.is(0.03)) {
    shot.whole = false;
    shot.leavesAfter = chance.below(shot.pieces.length + 1);
  }

  function wrongly(frame: () => void): void {
    shot.whole = false;
    frame();
  }
  function withLength(length: string): void {
    shot.headers.push(`Content-Length: ${length}`);
    send(body.toString('latin1'));
  }
  function chunked(chunks: string): void {
    shot.headers.push('Transfer-Encoding: chunked');
    send(chunks);
  }
  function send(rest: string): void {
    const version =
      expected === undefined && chance.is(0.01) ? chance.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', '']) : 'HTTP/1.1';
    if (version !== 'HTTP/1.1') shot.whole = false;
    const lines = shot.headers.map((line) => `${line}\r\n`).join('');
    let bytes: Buffer = Buffer.from(`${shot.method} ${shot.path} ${version}\r\n${lines}\r\n${rest}`, 'latin1');
    if (expected === undefined && chance.is(0.01)) {
      shot.whole = false;
      bytes = chance.bytes(chance.below(500));
      shot.endless = false;
    }
    const size = chance.pick([7, 64, 1_000, 1_000_000]);
    const cuts = Math.min(20, Math.ceil(bytes.length / size));
    shot.pieces = Array.from({ length: cuts }, (_, index) =>
      bytes.subarray(index * size, index === cuts - 1 ? undefined : (index + 1) * size),
    );
  }
}

function chunksOf(chance: Chance, body: Buffer): string {
  let text = '';
  for (let at = 0; at < body.length; ) {
    const size = Math.min(
      body.length - at,
      1 + chance.below(chance.pick([1, 10, 500, 100_000]) * Math.ceil(body.length / 500)),
    );
    const hex = chance.pick([
      size.toString(16),
      size.toString(16).toUpperCase(),
      `00${size.toString(16)}`,
      `${size.toString(16)};x=y`,
    ]);
    text += `${hex}\r\n${body.toString('latin1', at, at + size)}\r\n`;
    at += size;
  }
  return `${text}0\r\n${chance.is(0.1) ? 'X-Trailer: authorization\r\nAuthorization: Bearer x\r\n' : ''}\r\n`;
}

// ---- What is found

const found = {
  requests: 0,
  'over raw sockets': 0,
  'valid ones, all answered as they should be': 0,
  'reads of Linq': 0,
  'answered by Node itself': 0,
  'broken ones without an answer': 0,
  violations: 0,
};
const statuses: Record<string, number> = {};
const codes: Record<string, number> = {};
let slowestMs = 0;
const readableCodes: Readonly<Record<string, { readonly retryable: boolean }>> = errorCodes;

function count(counts: Record<string, number>, name: string | number): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

function violation(what: string, shot?: Shot, answer?: Answer): void {
  found.violations++;
  if (found.violations > 20) return;
  const { index, method, path, headers, body, raw, pieces } = shot ?? {};
  print({
    VIOLATION: what,
    ...(shot && { index, ids: shot.ids.all().slice(0, 5), method, path: path?.slice(0, 2_000) }),
    ...(shot && { headers: headers?.slice(0, 40).map((line) => line.slice(0, 200)) }),
    ...(shot && {
      raw,
      body: body?.toString().slice(0, 4_000),
      bytes:
        raw &&
        Buffer.concat(pieces ?? [])
          .toString('latin1')
          .slice(0, 4_000),
    }),
    ...(answer && { answer: { ...answer, body: answer.body.toString().slice(0, 1_000) } }),
  });
}

/** Sees every call that reaches Linq. */
function onCall({ path, headers }: SandboxCall): void {
  found['reads of Linq']++;
  if (headers.authorization !== undefined) violation(`the caller's credential reached Linq at ${path}`);
  const id = Number(/\/(\d{6})$/.exec(path)?.[1]);
  if (!(id >= firstId)) return;
  if (fates[id] === refused) violation(`a read of ${id} for a request that was refused`, shotAt(owners[id] as number));
  fates[id] = asked;
}

/** Nothing may have been read for it, and nothing may be from now on. */
function refuse(shot: Shot, answer?: Answer): void {
  for (const id of shot.ids.all()) {
    if (fates[id] === asked) violation(`a read of ${id} for a request that was refused`, shot, answer);
    fates[id] = refused;
  }
}

function judge(shot: Shot, answer: Answer): void {
  const { status, headers, body } = answer;
  const wrong = (what: string) => violation(what, shot, answer);
  const requestId = headers['x-request-id'];
  count(statuses, status);
  if (status >= 500 && status !== 503) wrong('a 5xx');
  if (requestId === undefined) {
    found['answered by Node itself']++;
    if (shot.whole || ![400, 408, 413, 417, 431].includes(status)) wrong('no x-request-id');
    return; // It may be for what follows a request that the gateway has and that was whole: no word on what was read.
  }
  if (shot.whole && shot.requestId !== undefined && requestId !== shot.requestId)
    wrong('not the x-request-id that was sent');
  if (headers['x-content-type-options'] !== 'nosniff' || headers['cache-control'] !== 'no-store')
    wrong('a header is missing');
  const text = body.toString();
  if (text.includes(apiKey) || text.includes(ownToken)) wrong('a secret');
  const isJson = /json/.test(`${headers['content-type']}`);
  const isGraphQL = /^\/graphql($|\?)/.test(shot.path) && shot.method !== 'HEAD';
  if (isGraphQL && status >= 400 && !isJson) wrong('a refusal without errors');
  const { data, errors } = isJson && text !== '' ? parse(text, wrong) : {};
  if (status !== 200 || data === undefined) refuse(shot, answer);
  if (isGraphQL && isJson && status >= 400 && !errors?.length) wrong('a refusal without errors');
  if (isGraphQL && isJson && data === undefined && !errors?.length) wrong('neither data nor errors');
  if (data !== undefined && !shot.mayRead) wrong('data without a credential');
  for (const { extensions: { code, retryable, requestId: told } = {} } of errors ?? []) {
    count(codes, `${code}`);
    if (typeof code !== 'string' || !Object.hasOwn(readableCodes, code)) wrong('a code that is not in the table');
    else if (retryable !== readableCodes[code]?.retryable) wrong('retryable is not what the table says');
    if (code === 'INTERNAL_SERVER_ERROR') wrong('a bug');
    if (told !== requestId) wrong('an error without the request id');
  }
  if (shot.expected !== undefined) {
    found['valid ones, all answered as they should be']++;
    if (status !== 200 || errors !== undefined || !isDeepStrictEqual(data, shot.expected)) wrong('a wrong answer');
  }
}

interface Result {
  readonly data?: unknown;
  readonly errors?: readonly { readonly extensions?: Record<string, unknown> }[];
}

function parse(text: string, wrong: (what: string) => void): Result {
  try {
    return JSON.parse(text);
  } catch {
    wrong('JSON that is none');
    return {};
  }
}

// ---- Sending

async function fire(shot: Shot): Promise<void> {
  found.requests++;
  if (shot.raw) found['over raw sockets']++;
  if (shot.endless) refuse(shot);
  const startedAt = performance.now();
  const answer = await (shot.raw ? sendRaw(shot) : send(shot));
  slowestMs = Math.max(slowestMs, performance.now() - startedAt);
  if (answer !== undefined) return judge(shot, answer);
  if (shot.whole) return violation('no answer', shot);
  found['broken ones without an answer']++;
}

function send({ method, path, headers, body }: Shot): Promise<Answer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
  const length = body && { 'content-length': body.length };
  const outgoing = httpRequest({
    port,
    method,
    path,
    agent,
    setHost: false,
    headers: { ...Object.fromEntries(headers.map(nameAndValue)), ...length },
  });
  const timer = setTimeout(() => outgoing.destroy(), longestAnswerMs);
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

function sendRaw({ method, pieces, leavesAfter, whole }: Shot): Promise<Answer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const timer = setTimeout(() => socket.destroy(), whole ? longestAnswerMs : patienceMs);
  let bytes: Buffer = Buffer.alloc(0);
  let sent = 0;
  const next = (): void => {
    if (sent === leavesAfter) return void socket.destroy();
    const piece = pieces[sent++];
    if (piece !== undefined && !socket.destroyed) socket.write(piece, () => setImmediate(next));
  };
  const look = (ended: boolean): void => {
    const answer = readAnswer(bytes, method === 'HEAD', ended);
    if (answer !== undefined) resolve(answer);
    if (answer !== undefined || ended) socket.destroy();
  };
  socket.on('connect', next);
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    look(false);
  });
  socket.on('end', () => look(true));
  socket.on('error', () => {});
  socket.on('close', () => {
    clearTimeout(timer);
    resolve(undefined);
  });
  return promise;
}

/** The first answer that is no mere `100 Continue`; undefined until it is there to its end. */
function readAnswer(bytes: Buffer, isHead: boolean, ended: boolean): Answer | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
  let rest = bytes.subarray(headEnd + 4);
  if (status < 200) return readAnswer(rest, isHead, ended);
  const headers = Object.fromEntries(lines.map(nameAndValue).map(([name, value]) => [name.toLowerCase(), value]));
  // Of GraphiQL's page, which is megabytes, the head is enough.
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
  LINQ_TIMEOUT_MS: '2000',
  GATEWAY_API_KEYS: apiKey,
  CORS_ORIGINS: page,
  LOG_LEVEL: 'error',
});
const log = pino({ level: config.logLevel }, { write: (line) => violation(`an error in the log: ${line}`) });
const gateway = createGateway(config, log);
const server = createServer({ requireHostHeader: false, keepAliveTimeout: 75_000 }, gateway.handle); // as server.ts does
await listen(server);
const { port } = server.address() as AddressInfo;
const agent = new Agent({ keepAlive: true, maxSockets: callers });
let nextIndex = 0;

await run(warmUpSeconds);
const base = await leftovers();
await run(seconds);
const after = await leftovers();
const operations = await executed();

agent.destroy();
await close(server);
await gateway.close();
await sandbox[Symbol.asyncDispose]();

if (after.sockets > 0 || after.timers > 0) violation('sockets or timers are left over');
if (after.heapMB > base.heapMB + mostHeapGrowthMB) violation('the heap has grown');
print({
  seed,
  seconds,
  'of them to warm up before': warmUpSeconds,
  ...found,
  statuses: sorted(statuses),
  codes: sorted(codes),
  operations,
  'slowest answer in ms': Math.round(slowestMs),
  before: base,
  afterwards: after,
});
process.exitCode = found.violations > 0 ? 1 : 0;

async function run(forSeconds: number): Promise<void> {
  const until = performance.now() + forSeconds * 1_000;
  const caller = async (): Promise<void> => {
    while (performance.now() < until) await fire(shotAt(nextIndex++));
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/** What there is once every connection has had its time. */
async function leftovers() {
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

async function executed() {
  const shot = newShot(0);
  const answer = await send({ ...shot, method: 'GET', path: '/metrics' });
  const of = (executor: string) =>
    Number(new RegExp(`graphql_operations_total{executor="${executor}"} (\\d+)`).exec(`${answer?.body}`)?.[1]);
  return { compiled: of('compiled'), interpreted: of('interpreted') };
}

function sorted(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a));
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
