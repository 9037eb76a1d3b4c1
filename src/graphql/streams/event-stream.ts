import type { ServerResponse } from 'node:http';
import type { ChatMessageEvent } from '../../datasources/events/chat-message-event.ts';
import type { StreamType } from '../../http/accept.ts';
import type { UnreadResponses } from '../../http/unread-responses.ts';
import type { StreamOutcome, StreamRecord } from '../../telemetry/stream-record.ts';
import { streamFormats } from './stream-format.ts';

const heartbeatMs = 12_000;
/** The life of a stream, give or take a tenth, so that not all end together. */
const lifeMs = 3_600_000;
/** Events of one stream that are executed at the same time. */
const maxRunning = 8;

interface EventStreamOptions {
  readonly type: StreamType;
  readonly source: AsyncIterableIterator<ChatMessageEvent>;
  /** The JSON of the result of one event, encoded as its type requires. Never rejects. */
  readonly execute: (event: ChatMessageEvent) => Promise<string>;
  /** The JSON of a result that says why the stream is refused from now on. */
  readonly textOfError: (error: unknown) => string;
  readonly unread: UnreadResponses;
  readonly beginRecord: () => StreamRecord;
  /** Called once, also where the stream never started. */
  readonly onEnd: () => void;
}

/** Sends the results of a subscription as they come, in the order of its events. */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #format: (typeof streamFormats)[StreamType];
  #res: ServerResponse | undefined;
  #record: StreamRecord | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #life: NodeJS.Timeout | undefined;
  /** The part that is being written, a large one in pieces. */
  #writing: Promise<void> | undefined;
  /** Bytes of the parts that are ready and not written. */
  #unwritten = 0;
  /** While the client does not read: each ends counting some of `#unwritten`. */
  #held: (() => void)[] | undefined;
  /** Whether the connection has not taken a heartbeat. */
  #isBeatUnread = false;
  #outcome: StreamOutcome | undefined;
  /** What the response consists of where the stream ends before it starts. */
  #only = '';

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#format = streamFormats[options.type];
  }

  get isOver(): boolean {
    return this.#outcome !== undefined;
  }

  /** Writes the head of the response, and events from then on. The connection ends with the stream. */
  start(res: ServerResponse): void {
    const record = this.#options.beginRecord();
    const { contentType, start } = this.#format;
    if (res.closed) this.#finish('canceled');
    else {
      res.shouldKeepAlive = false;
      res.writeHead(200, { 'content-type': contentType, ...streamHeaders });
      res.write(start(retryMs()));
    }
    if (this.#outcome !== undefined) {
      record.end(this.#outcome);
      if (!res.closed) this.#endResponse(res, this.#only);
      return;
    }
    this.#res = res;
    this.#record = record;
    res.once('close', () => this.#finish(this.#options.unread.hasCut(res) ? 'unread' : 'canceled'));
    this.#heartbeat = setInterval(() => this.#beat(res), heartbeatMs).unref();
    this.#life = setTimeout(() => this.end('expired'), lifeMs * (0.9 + 0.2 * Math.random())).unref();
    void this.#send(record);
  }

  /** Ends without `complete`, which would tell the client not to connect again. */
  end(outcome: 'expired' | 'drained'): void {
    if (this.isOver) return;
    this.#end(this.#format.retry(retryMs()));
    this.#finish(outcome);
  }

  /** Ends with this error and `complete`: the client must not connect again as it is. */
  refuse(error: unknown): void {
    if (this.isOver) return;
    const { encode, next, complete } = this.#format;
    this.#end(next(encode(this.#options.textOfError(error))) + complete);
    this.#finish('refused');
  }

  /** Ends the response after the part that is being written, which the client could not read otherwise. */
  #end(text: string): void {
    const res = this.#res;
    if (res === undefined) this.#only = text;
    else if (this.#writing === undefined) this.#endResponse(res, text);
    else void this.#writing.then(() => this.#endResponse(res, text));
  }

  #endResponse(res: ServerResponse, text: string): void {
    res.end(text);
    this.#options.unread.watch(res);
  }

  /** Not within an event. What the connection does not take at once counts as unread: it may be too little for `#write` to wait. */
  #beat(res: ServerResponse): void {
    if (this.#isBeatUnread || this.#writing !== undefined || res.writableNeedDrain) return;
    let isTaken = false;
    let release = () => {};
    res.write(this.#format.heartbeat, () => {
      isTaken = true;
      release();
    });
    setImmediate(() => {
      if (isTaken || this.#isBeatUnread) return;
      this.#isBeatUnread = true;
      const read = this.#options.unread.hold(res, res.writableLength);
      release = () => {
        this.#isBeatUnread = false;
        read();
      };
    });
  }

  async #send(record: StreamRecord): Promise<void> {
    const { source, execute } = this.#options;
    const running: Promise<void>[] = [];
    let written = Promise.resolve();
    try {
      for await (const event of source) {
        const part = record
          .run(() => execute(event))
          .then((json) => this.#ready(this.#format.next(json, event.cursor)));
        written = written.then(async () => {
          await this.#write(await part);
          if (!this.isOver) record.event(event.kind);
        });
        running.push(written);
        if (running.length >= maxRunning) await running.shift();
      }
      await written;
      this.end('expired');
    } catch (error) {
      await written;
      this.refuse(error);
    }
  }

  /** A part that is written when those before it are. */
  #ready(text: string): { readonly text: string; readonly bytes: number } {
    const bytes = Buffer.byteLength(text);
    this.#unwritten += bytes;
    if (this.#res !== undefined) this.#held?.push(this.#options.unread.hold(this.#res, bytes));
    return { text, bytes };
  }

  /** Resolves when the client has read enough for more. */
  async #write({ text, bytes }: { readonly text: string; readonly bytes: number }): Promise<void> {
    const { unread } = this.#options;
    const res = this.#res;
    if (this.isOver || res === undefined) return;
    this.#writing = unread.write(res, text);
    if (this.#writing !== undefined) {
      this.#held = [unread.hold(res, this.#unwritten)];
      await this.#writing;
      for (const release of this.#held) release();
      this.#held = undefined;
      this.#writing = undefined;
    }
    this.#unwritten -= bytes;
  }

  #finish(outcome: StreamOutcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#life);
    void this.#options.source.return?.();
    this.#record?.end(outcome);
    this.#options.onEnd();
  }
}

const streamHeaders = { 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' };

/** When clients connect again, so that not all do together. In milliseconds. */
function retryMs(): number {
  return Math.round(1_000 + 4_000 * Math.random());
}
