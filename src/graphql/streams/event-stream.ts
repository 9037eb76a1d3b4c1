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
  /** The JSON of the result of one event. Never rejects. */
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
  #isOver = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#format = streamFormats[options.type];
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Writes the head of the response, and events from then on. The connection ends with the stream. */
  start(res: ServerResponse): void {
    if (res.closed) this.#finish('canceled');
    if (this.#isOver) return;
    const { contentType, start, heartbeat } = this.#format;
    this.#res = res;
    this.#record = this.#options.beginRecord();
    res.once('close', () => this.#finish('canceled'));
    res.shouldKeepAlive = false;
    res.writeHead(200, { 'content-type': contentType, ...streamHeaders });
    res.write(start(retryMs()));
    this.#heartbeat = setInterval(() => res.writableNeedDrain || res.write(heartbeat), heartbeatMs).unref();
    this.#life = setTimeout(() => this.end('expired'), lifeMs * (0.9 + 0.2 * Math.random())).unref();
    void this.#send(this.#record);
  }

  /** Ends without `complete`, which would tell the client not to connect again. */
  end(outcome: 'expired' | 'drained'): void {
    this.#res?.end(this.#format.retry(retryMs()));
    this.#finish(outcome);
  }

  /** Ends with this error and `complete`: the client must not connect again as it is. */
  refuse(error: unknown): void {
    if (this.#isOver) return;
    const { next, complete } = this.#format;
    this.#res?.end(next(this.#options.textOfError(error)) + complete);
    this.#finish('refused');
  }

  async #send(record: StreamRecord): Promise<void> {
    const { source, execute } = this.#options;
    const running: Promise<void>[] = [];
    let written = Promise.resolve();
    try {
      for await (const event of source) {
        const text = record.run(() => execute(event));
        written = written.then(async () => {
          await this.#write(this.#format.next(await text, event.cursor));
          if (!this.#isOver) record.event(event.kind);
        });
        running.push(written);
        if (running.length >= maxRunning) await running.shift();
      }
      await written;
    } catch (error) {
      await written;
      this.refuse(error);
    }
  }

  /** Resolves when the client has read enough for more. */
  #write(text: string): Promise<void> | undefined {
    const res = this.#res;
    if (this.#isOver || res === undefined || res.write(text)) return undefined;
    const release = this.#options.unread.hold(res, Buffer.byteLength(text));
    return new Promise((resolve) => {
      const proceed = () => {
        res.off('drain', proceed).off('close', proceed);
        release();
        resolve();
      };
      res.once('drain', proceed).once('close', proceed);
    });
  }

  #finish(outcome: StreamOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
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
