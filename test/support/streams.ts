import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';

interface StreamPart {
  /** Of Server-Sent Events, by name. */
  readonly fields: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: the shape depends on the query
  readonly json: any;
}

interface StreamOptions {
  readonly query?: string;
  readonly variables?: object;
  readonly headers?: Record<string, string>;
  readonly method?: 'GET' | 'POST';
}

const subscription = `subscription ($chatIds: [ID!]!, $kinds: [ChatMessageEventKind!], $after: String) {
  chatMessageEvents(chatIds: $chatIds, kinds: $kinds, after: $after) {
    cursor kind chatId messageId occurredAt message { id text }
  }
}`;

/** A response that is read as it arrives. */
export class TestStream implements AsyncDisposable {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** All that has arrived. */
  text = '';
  readonly #request: ClientRequest;
  readonly #response: IncomingMessage;
  readonly #isMultipart: boolean;
  #rest = '';
  readonly #parts: StreamPart[] = [];
  #isOver = false;
  #wake = () => {};

  constructor(outgoing: ClientRequest, response: IncomingMessage) {
    this.#request = outgoing;
    this.#response = response;
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    this.#isMultipart = `${response.headers['content-type']}`.startsWith('multipart/mixed');
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.#read(chunk));
    response.on('error', () => {});
    response.on('close', () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  /** The next part; undefined at the end. Heartbeats and `retry` are left out. */
  async part(): Promise<StreamPart | undefined> {
    for (;;) {
      const part = this.#parts.shift();
      if (part !== undefined || this.#isOver) return part;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The event in the next part. */
  // biome-ignore lint/suspicious/noExplicitAny: the shape depends on the query
  async event(): Promise<any> {
    const part = await this.part();
    const { data, errors } = this.#isMultipart ? (part?.json?.payload ?? {}) : (part?.json ?? {});
    return data?.chatMessageEvents ?? { errors, ended: part === undefined };
  }

  /** Resolves when the response is over. */
  async ended(): Promise<void> {
    while ((await this.part()) !== undefined);
  }

  /** Stops reading until `resume`. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  close(): void {
    this.#request.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#request.destroy();
    await this.ended();
  }

  #read(chunk: string): void {
    this.text += chunk;
    const separator = this.#isMultipart ? '\r\n--graphql' : '\n\n';
    const pieces = (this.#rest + chunk).split(separator);
    this.#rest = pieces.pop() ?? '';
    for (const piece of pieces) {
      const part = this.#isMultipart ? multipartPart(piece) : serverSentEvent(piece);
      if (part !== undefined) this.#parts.push(part);
    }
    this.#wake();
  }
}

function serverSentEvent(text: string): StreamPart | undefined {
  const lines = text.split('\n').map((line): [string, string] => {
    const at = line.indexOf(':');
    return [line.slice(0, at), line.slice(at + 1).replace(/^ /, '')];
  });
  const fields = Object.fromEntries(lines.filter(([name]) => name !== ''));
  if (fields['event'] === undefined) return undefined;
  return { fields, json: fields['data'] ? JSON.parse(fields['data']) : undefined };
}

function multipartPart(text: string): StreamPart | undefined {
  const at = text.indexOf('\r\n\r\n');
  if (at === -1) return undefined;
  const json = JSON.parse(text.slice(at + 4));
  return Object.keys(json).length === 0 ? undefined : { fields: {}, json };
}

export async function openStream(
  { url }: { readonly url: string },
  { query = subscription, variables = { chatIds: ['1'] }, headers = {}, method = 'POST' }: StreamOptions = {},
): Promise<TestStream> {
  const params = new URLSearchParams({ query, variables: JSON.stringify(variables) });
  const outgoing = request(method === 'GET' ? `${url}?${params}` : url, {
    method,
    agent: false,
    headers: {
      accept: 'text/event-stream',
      ...(method === 'POST' && { 'content-type': 'application/json' }),
      ...headers,
    },
  });
  outgoing.end(method === 'POST' ? JSON.stringify({ query, variables }) : undefined);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve).once('error', reject);
  });
  outgoing.on('error', () => {});
  return new TestStream(outgoing, response);
}
