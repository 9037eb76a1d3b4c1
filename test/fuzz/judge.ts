import { isDeepStrictEqual } from 'node:util';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { apiKey, type FuzzRequest, requestOf } from './fuzz-request.ts';
import type { Response } from './target.ts';
import { faultOf, increment, type Violations } from './violations.ts';

interface Result {
  readonly data?: unknown;
  readonly errors?: readonly { readonly extensions?: Readonly<Record<string, unknown>> }[];
}

/** Node may respond with these to what is malformed. */
const statusesOfNode = [400, 408, 413, 417, 431];

/** Compares responses, and the calls to Linq, with what they must be. */
export class Judge {
  readonly counts: Record<string, number> = {};
  readonly statuses: Record<string, number> = {};
  readonly codes: Record<string, number> = {};
  readonly #violations: Violations;
  readonly #secrets: readonly string[];
  /** By index of the request. */
  readonly #sentToLinq = new Set<number>();
  readonly #refused = new Set<number>();

  constructor(violations: Violations, secrets: readonly string[]) {
    this.#violations = violations;
    this.#secrets = [apiKey, ...secrets];
  }

  /** Call it for every call that reaches Linq. */
  called(token: string, authorization: string | undefined, path: string): void {
    increment(this.counts, 'calls to Linq');
    if (authorization !== undefined) this.#violations.add(`the caller's credential reached Linq at ${path}`);
    const index = requestOf(token);
    if (index === undefined) return;
    if (this.#refused.has(index)) this.#violations.add(`${path} was read for the refused request ${index}`);
    this.#sentToLinq.add(index);
  }

  /** From now on nothing may be read for the request, and nothing may have been before. */
  refuse({ token, index }: FuzzRequest): string | undefined {
    if (token === undefined) return undefined;
    this.#refused.add(index);
    return this.#sentToLinq.has(index) ? 'a read for a refused request' : undefined;
  }

  judge(request: FuzzRequest, response: Response | undefined): void {
    if (response !== undefined) {
      increment(this.statuses, response.status);
      for (const wrong of this.#faults(request, response)) this.#report(wrong, request, response);
    } else if (request.isWellFormed) this.#report('no response', request);
    else increment(this.counts, 'malformed requests without a response');
  }

  *#faults(request: FuzzRequest, { status, headers, body }: Response): Iterable<string> {
    const requestId = headers['x-request-id'];
    if (status >= 500 && status !== 503) yield 'a 5xx';
    if (requestId === undefined) {
      increment(this.counts, 'responses from Node itself');
      if (request.isWellFormed || !statusesOfNode.includes(status)) yield 'no x-request-id';
      return; // It may belong to trailing bytes after a complete request, so it does not tell whether anything may be read.
    }
    if (request.isWellFormed && request.requestId !== undefined && requestId !== request.requestId)
      yield 'not the x-request-id that was sent';
    if (headers['x-content-type-options'] !== 'nosniff' || headers['cache-control'] !== 'no-store')
      yield 'a header is missing';
    const text = decode(body, headers['content-encoding']);
    if (this.#secrets.some((secret) => text.includes(secret))) yield 'a secret in the response';
    const { isJson, result } = resultOf(text, `${headers['content-type']}`);
    if (result === undefined) yield 'invalid JSON';
    const { data, errors = [] } = result ?? {};
    if (status !== 200 || data === undefined) {
      const read = this.refuse(request);
      if (read !== undefined) yield read;
    }
    const isGraphQL = /^\/graphql($|\?)/.test(request.path) && request.method !== 'HEAD';
    if (isGraphQL && status >= 400 && errors.length === 0) yield 'a refused request without errors';
    if (isGraphQL && isJson && data === undefined && errors.length === 0) yield 'neither data nor errors';
    if (data !== undefined && !request.mayRead) yield 'data without a valid credential';
    for (const { extensions = {} } of errors) {
      increment(this.codes, `${extensions['code']}`);
      const wrong = faultOf(extensions);
      if (wrong !== undefined) yield wrong;
      if (extensions['requestId'] !== requestId) yield 'an error without the request id of the response';
    }
    if (request.expected === undefined) return;
    increment(this.counts, 'valid requests with a response');
    if (status !== 200 || errors.length > 0 || !isDeepStrictEqual(data, request.expected)) yield 'a wrong response';
  }

  #report(what: string, request: FuzzRequest, response?: Response): void {
    const { index, method, path, headers, body, pieces } = request;
    this.#violations.add(what, {
      index,
      ...{ method, path: path.slice(0, 2_000), headers: headers.slice(0, 40).map((line) => line.slice(0, 200)) },
      body: body?.toString().slice(0, 4_000),
      bytes: pieces && Buffer.concat(pieces).toString('latin1').slice(0, 4_000),
      response: response && { ...response, body: response.body.toString().slice(0, 1_000) },
    });
  }
}

/** Of an operation that is no subscription, a client that accepts only a stream gets one event. */
function resultOf(text: string, type: string): { isJson: boolean; result: Result | undefined } {
  const isStream = type.startsWith('text/event-stream');
  const json = isStream ? (/^data: (.+)$/m.exec(text)?.[1] ?? '') : text;
  const isJson = isStream || type.includes('json');
  if (!isJson || json === '') return { isJson, result: {} };
  try {
    return { isJson, result: JSON.parse(json) };
  } catch {
    return { isJson, result: undefined };
  }
}

function decode(body: Buffer, coding: unknown): string {
  if (body.length === 0) return '';
  if (coding === 'gzip') return gunzipSync(body).toString();
  if (coding === 'br') return brotliDecompressSync(body).toString();
  if (coding === 'zstd') return zstdDecompressSync(body).toString();
  return body.toString();
}
