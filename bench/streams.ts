/** What streams cost, how soon their events arrive, and what a client that does not read does to others. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { collecting, settled } from './memory.ts';
import { dataOfMessage, firstId, leaves } from './operations.ts';
import { anonymousBytes, cpuSeconds, type Server, startServer, stop } from './processes.ts';

export const streamCount = 1_000;
export const perSecond = 200;
export const chatCount = 50;
/** Events while a client does not read. */
export const stalledEvents = 5_000;
const chatIds = Array.from({ length: chatCount }, (_, index) => `${firstId + index}`);
const secret = 'a-secret-of-the-bench';
/** After how long without an event those that have not arrived are taken for lost. In milliseconds. */
const patienceMs = 20_000;

export interface Delivery {
  /** From the webhook's first byte to the event, in ms. */
  readonly p50: number;
  readonly p99: number;
  /** CPU time of the gateway for each event delivered, in µs. */
  readonly cpu: number;
  readonly delivered: number;
  readonly gaps: number;
}

export interface Stalled extends Delivery {
  /** The most memory that the gateway had, relative to the most without the client that does not read. */
  readonly peak: number;
  /** Seconds after its first event until the gateway closed its connection. */
  readonly closedAfter: number;
}

/** Opens the streams, and returns what they cost and functions to measure. `tokens`: how many Linq tokens they have. */
export async function startStreams(upstream: string, tokens: number) {
  const server = await startServer('gateway', upstream, {
    env: {
      LINQ_WEBHOOK_SECRETS: secret,
      MAX_STREAMS: '5000',
      MAX_STREAMS_PER_CALLER: '5000',
      LINQ_MAX_QUEUE: '100000',
      LINQ_TIMEOUT_MS: '60000',
    },
    node: collecting,
  });
  const load = new Load(server, tokens);
  // The code is warm and the heap has its working size before the base is measured.
  await load.open(streamCount / 4);
  await load.send(200, 20);
  load.close();
  await sleep(1_000);
  const base = await settled(server);
  await load.open(streamCount);
  const kilobytes = ((await settled(server)) - base) / streamCount / 1024;
  let peak = 0;
  return {
    kilobytes,
    async deliver(events: number, rate = perSecond): Promise<Delivery> {
      const delivery = await load.send(events, rate);
      peak = delivery.peak;
      return delivery;
    },
    async deliverWithStalled(): Promise<Stalled> {
      const stalled = await openStalled(server);
      const delivery = await load.send(stalledEvents);
      const closedAfter = await stalled.closed;
      return { ...delivery, peak: delivery.peak / peak, closedAfter };
    },
    async stop(): Promise<void> {
      load.close();
      await stop(server);
    },
  };
}

const selection = `cursor kind chatId messageId occurredAt message { ${leaves} }`;
const query = `subscription ($chatIds: [ID!]!) { chatMessageEvents(chatIds: $chatIds) { ${selection} } }`;

interface Event {
  readonly kind: string;
  readonly chatId: string;
  readonly messageId: string;
  readonly message: { readonly id: string } | null;
}

/** One stream of one chat, which checks its events. */
class Stream {
  readonly chatId: string;
  readonly outgoing: ClientRequest;
  /** In the order of their arrival. */
  messageIds: string[] = [];
  gaps = 0;
  readonly #onEvent: (messageId: string) => void;
  #rest = '';

  constructor(chatId: string, outgoing: ClientRequest, response: IncomingMessage, onEvent: (id: string) => void) {
    this.chatId = chatId;
    this.outgoing = outgoing;
    this.#onEvent = onEvent;
    response.setEncoding('utf8').on('data', (chunk) => this.#read(chunk));
    response.on('error', () => {});
  }

  #read(chunk: string): void {
    const parts = (this.#rest + chunk).split('\n\n');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) {
      const [, json] = /^data: (.*)$/m.exec(part) ?? [];
      if (json !== undefined) this.#take(json);
    }
  }

  #take(json: string): void {
    const { kind, chatId, messageId, message }: Event = JSON.parse(json).data.chatMessageEvents;
    if (kind === 'GAP') {
      this.gaps++;
      return;
    }
    if (chatId !== this.chatId) throw new Error(`a stream of chat ${this.chatId} received an event of chat ${chatId}`);
    this.messageIds.push(messageId);
    this.#onEvent(messageId);
    // One in 16 as a whole, since this process shares its core with the upstream.
    const isRight =
      this.messageIds.length % 16 === 1
        ? isDeepStrictEqual(message, dataOfMessage(chatId, messageId))
        : message?.id === messageId;
    if (!isRight) throw new Error(`a stream received a wrong event:\n${json}`);
  }
}

/** The streams, and the webhooks that concern them. */
class Load {
  readonly #server: Server;
  readonly #tokens: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #sentAt = new Map<string, number>();
  #streams: Stream[] = [];
  #delays: number[] = [];
  #nextId = firstId;

  constructor(server: Server, tokens: number) {
    this.#server = server;
    this.#tokens = tokens;
  }

  async open(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const chatId = chatIds[index % chatCount] ?? '';
      // Streams of one chat have as many tokens as there may be.
      const token = `token ${Math.floor(index / chatCount) % this.#tokens}`;
      const [outgoing, response] = await openStream(this.#server, query, [chatId], token);
      this.#streams.push(
        new Stream(chatId, outgoing, response, (id) => {
          this.#delays.push(performance.now() - (this.#sentAt.get(id) ?? Number.NaN));
        }),
      );
    }
  }

  close(): void {
    for (const { outgoing } of this.#streams.splice(0)) outgoing.destroy();
  }

  /** Sends as many webhooks at the rate, and waits until each has arrived at all streams of its chat, or a gap has. */
  async send(events: number, rate = perSecond): Promise<Delivery & { readonly peak: number }> {
    this.#delays = [];
    for (const stream of this.#streams) Object.assign(stream, { messageIds: [], gaps: 0 });
    const { pid } = this.#server;
    const cpuBefore = cpuSeconds(pid);
    const startedAt = performance.now();
    const pending: Promise<void>[] = [];
    let peak = 0;
    for (let index = 0; index < events; index++) {
      await sleep(Math.max(0, startedAt + (index * 1_000) / rate - performance.now()));
      pending.push(this.#deliver(chatIds[index % chatCount] ?? ''));
      if (index % 50 === 0) peak = Math.max(peak, anonymousBytes(pid));
    }
    await Promise.all(pending);
    await this.#arrived(events);
    const cpu = ((cpuSeconds(pid) - cpuBefore) * 1e6) / this.#delays.length;
    const sorted = this.#delays.toSorted((a, b) => a - b);
    const at = (part: number) => sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
    const gaps = this.#streams.reduce((sum, stream) => sum + stream.gaps, 0);
    return { p50: at(0.5), p99: at(0.99), cpu, delivered: sorted.length, gaps, peak };
  }

  /** Throws where a stream has not received an event and no gap, received one twice, or in another order than others. */
  async #arrived(events: number): Promise<void> {
    const expected = events / chatCount;
    const missing = () => this.#streams.filter(({ messageIds, gaps }) => messageIds.length < expected && gaps === 0);
    let [seen, since] = [0, performance.now()];
    for (; missing().length > 0; await sleep(10)) {
      if (this.#delays.length > seen) [seen, since] = [this.#delays.length, performance.now()];
      if (performance.now() - since > patienceMs) throw new Error(`${missing().length} streams have lost events`);
    }
    const orders = new Map<string, readonly string[]>();
    for (const { chatId, messageIds, gaps } of this.#streams) {
      if (new Set(messageIds).size < messageIds.length) throw new Error('a stream has received an event twice');
      if (gaps > 0) continue;
      const order = orders.get(chatId) ?? messageIds;
      orders.set(chatId, order);
      if (!isDeepStrictEqual(order, messageIds)) throw new Error('streams have received events in different orders');
    }
  }

  async #deliver(chatId: string): Promise<void> {
    const id = `${this.#nextId++}`;
    const body = JSON.stringify({
      api_version: 'v2',
      created_at: new Date().toISOString(),
      data: { chat_id: chatId, id, text: 'Hello, how are you?' },
      event_id: `event ${id}`,
      event_type: 'message.received',
    });
    const outgoing = request(new URL('/webhooks/linq', this.#server.url), {
      method: 'POST',
      agent: this.#agent,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'x-webhook-signature': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      },
    });
    this.#sentAt.set(id, performance.now());
    outgoing.end(body);
    const [response] = await once(outgoing, 'response');
    response.resume();
    if (response.statusCode !== 200) throw new Error(`a webhook was answered with ${response.statusCode}`);
  }
}

/** Follows all chats and reads nothing. Its events are large, so that the buffers of the sockets hold few of them. */
async function openStalled(server: Server): Promise<{ closed: Promise<number> }> {
  const fields = Array.from({ length: 150 }, (_, index) => `m${index}: message { ...Leaves }`).join(' ');
  const many = `subscription ($chatIds: [ID!]!) { chatMessageEvents(chatIds: $chatIds) { ${fields} } }
    fragment Leaves on ChatMessage { ${leaves} }`;
  const [, response] = await openStream(server, many, chatIds, 'token 0');
  response.pause();
  const since = performance.now();
  response.on('error', () => {});
  // The end of a connection is seen only by reading, so the gateway is asked.
  const closed = (async () => {
    while ((await openStreams(server)) > streamCount) {
      if (performance.now() - since > 300_000) throw new Error('a client that does not read was not disconnected');
      await sleep(250);
    }
    response.destroy();
    return (performance.now() - since) / 1_000;
  })();
  return { closed };
}

async function openStreams({ url }: Server): Promise<number> {
  const text = await (await fetch(new URL('/metrics', url))).text();
  return Number(/^graphql_streams (\d+)$/m.exec(text)?.[1]);
}

async function openStream(
  { url }: Server,
  text: string,
  chats: readonly string[],
  token: string,
): Promise<[ClientRequest, IncomingMessage]> {
  const outgoing = request(url, {
    method: 'POST',
    agent: false,
    headers: {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      'x-linq-integration-token': token,
    },
  });
  outgoing.on('error', () => {});
  outgoing.end(JSON.stringify({ query: text, variables: { chatIds: chats } }));
  const [response] = await once(outgoing, 'response');
  if (response.statusCode !== 200) throw new Error(`a stream was answered with ${response.statusCode}`);
  return [outgoing, response];
}
