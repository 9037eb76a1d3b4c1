import { isDeepStrictEqual } from 'node:util';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { errorCodes } from '../../src/errors/codes.ts';
import type { Response } from './exchange.ts';
import type { FuzzRequest } from './fuzz-request.ts';

interface Result {
  readonly data?: unknown;
  readonly errors?: readonly {
    readonly path?: readonly unknown[];
    readonly extensions?: Readonly<Record<string, unknown>>;
  }[];
}

const knownCodes: Readonly<Record<string, { readonly retryable: boolean }>> = errorCodes;
/** Node may respond with these to what is malformed. */
const statusesOfNode = [400, 408, 413, 417, 431];
const decoders: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  gzip: gunzipSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};
/** The most violations that are printed. */
const maxPrinted = 20;

/** Compares responses, and the calls to Linq, with what they must be. A crash of this process, which runs the gateway, is a violation. */
export class Judge {
  violations = 0;
  counts: Record<string, number> = {};
  readonly #secrets: readonly string[];
  /** Tokens. */
  readonly #sentToLinq = new Set<string>();
  readonly #refused = new Set<string>();

  /** `secrets` may be in no response. */
  constructor(secrets: readonly string[] = []) {
    this.#secrets = secrets;
    process.on('uncaughtException', (error) => this.add(`a crash: ${error.stack}`));
    process.on('unhandledRejection', (error) =>
      this.add(`an unhandled rejection: ${error instanceof Error ? error.stack : error}`),
    );
  }

  /** Adds a violation. */
  add(what: string, details: object = {}): void {
    if (++this.violations <= maxPrinted) print({ VIOLATION: what, ...details });
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  /** Call it for every call that reaches Linq. */
  called(token: string, authorization: string | undefined, path: string): void {
    this.count('calls to Linq');
    if (authorization !== undefined) this.add(`the caller's credential reached Linq at ${path}`);
    if (this.#refused.has(token)) this.add(`${path} was read for a refused request`, { token });
    this.#sentToLinq.add(token);
  }

  /** From now on nothing may be read for the request, and nothing may have been before. */
  refuse({ token }: FuzzRequest): string | undefined {
    if (token === undefined) return undefined;
    this.#refused.add(token);
    return this.#sentToLinq.has(token) ? 'a read for a refused request' : undefined;
  }

  judge(request: FuzzRequest, response: Response | undefined): void {
    if (response !== undefined) {
      this.count(`status ${response.status}`);
      for (const wrong of this.#faults(request, response)) this.report(wrong, request, response);
    } else if (request.isWellFormed) this.report('no response', request);
    else this.count('malformed requests without a response');
  }

  *#faults(request: FuzzRequest, { status, headers, body, isOpen }: Response): Iterable<string> {
    const { isWellFormed, statuses, token } = request;
    const requestId = headers['x-request-id'];
    if ((status >= 500 && status !== 503) || Number.isNaN(status)) yield 'a 5xx, or no HTTP';
    if (requestId === undefined) {
      this.count('responses from Node itself');
      if (isWellFormed || !statusesOfNode.includes(status)) yield 'no x-request-id';
      return; // It may belong to trailing bytes after a complete request, so it does not tell whether anything may be read.
    }
    if (isWellFormed && statuses?.includes(status) === false) yield 'a wrong status';
    if (isWellFormed && request.requestId !== undefined && requestId !== request.requestId)
      yield 'not the x-request-id that was sent';
    const caching = isOpen ? 'no-cache, no-transform' : 'no-store';
    if (headers['x-content-type-options'] !== 'nosniff' || headers['cache-control'] !== caching)
      yield 'a header is missing';
    const decode = decoders[headers['content-encoding'] ?? ''];
    const text = (decode === undefined || body.length === 0 ? body : decode(body)).toString();
    const secrets = isWellFormed && token !== undefined ? [...this.#secrets, token] : this.#secrets;
    if (secrets.some((secret) => text.includes(secret))) yield 'a secret in the response';
    if (isOpen) return void this.count('streams');
    const { isJson, result } = resultOf(text, headers['content-type'] ?? '');
    if (result === undefined) yield 'invalid JSON';
    const { data, errors = [] } = result ?? {};
    // The chats of a subscription are read before it is accepted.
    const isSubscription = errors.some(({ path }) => path?.[0] === 'chatMessageEvents');
    if (status !== 200 || (data === undefined && !isSubscription)) {
      const read = this.refuse(request);
      if (read !== undefined) yield read;
    }
    const isGraphQL = /^\/graphql($|\?)/.test(request.path) && request.method !== 'HEAD';
    if (isGraphQL && status >= 400 && errors.length === 0) yield 'a refused request without errors';
    if (isGraphQL && isJson && data === undefined && errors.length === 0) yield 'neither data nor errors';
    if (data !== undefined && !request.mayRead) yield 'data without a valid credential';
    for (const { extensions = {} } of errors) {
      this.count(`${extensions['code']}`);
      const wrong = faultOf(extensions);
      if (wrong !== undefined) yield wrong;
      if (extensions['requestId'] !== requestId) yield 'an error without the request id of the response';
    }
    if (request.data === undefined) return;
    this.count('valid requests with a response');
    if (errors.length > 0 || !isDeepStrictEqual(data, request.data)) yield 'a wrong response';
  }

  report(what: string, { method, path, headers, pieces }: FuzzRequest, response?: Response): void {
    this.add(what, {
      ...{ method, path: path.slice(0, 2_000), headers: headers.slice(0, 40).map((line) => line.slice(0, 200)) },
      bytes: Buffer.concat(pieces).toString('latin1').slice(0, 4_000),
      response: response && { ...response, body: response.body.toString().slice(0, 1_000) },
    });
  }
}

/** What is wrong with the extensions of an error, if anything is. */
export function faultOf({ code, retryable }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof code !== 'string' || !Object.hasOwn(knownCodes, code)) return 'an unknown error code';
  if (retryable !== knownCodes[code]?.retryable) return 'retryable does not match the error code';
  return code === 'INTERNAL_SERVER_ERROR' ? 'an internal error' : undefined;
}

export function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Of an operation that is no subscription, a client that accepts only a stream gets one event. */
function resultOf(text: string, type: string): { isJson: boolean; result: Result | undefined } {
  const [, part] = /^(?:data: (?=.)|(?=\{"payload":))(.+)$/m.exec(text) ?? [];
  const isStream = /^(text\/event-stream|multipart)/.test(type);
  const json = isStream ? (part ?? '') : text;
  const isJson = isStream || type.includes('json');
  if (!isJson || json === '') return { isJson, result: {} };
  try {
    const parsed = JSON.parse(json);
    return { isJson, result: parsed.payload ?? parsed };
  } catch {
    return { isJson, result: undefined };
  }
}
